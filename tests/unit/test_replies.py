"""Replies as JSON, and what they cost; briefings as text."""

from __future__ import annotations

import json
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from vulcan.application.ports import Briefing
from vulcan.domain.budget import Usage
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.requirements import AcceptanceCriterion, Assumption, Requirement
from vulcan.infrastructure.agents.briefings import MAX_DIFF, MAX_FINDING, render
from vulcan.infrastructure.agents.replies import dump_reply, load_reply, usage_of

ARGUMENTS = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2)
CALLS = st.builds(ToolCallPart, st.sampled_from(["edit", "read"]), ARGUMENTS | st.text(max_size=5))


@given(st.text(min_size=1), st.lists(CALLS, max_size=3))
def test_words_and_calls_survive(text: str, calls: list[ToolCallPart]) -> None:
    back = load_reply(dump_reply(ModelResponse(parts=[TextPart(text), *calls])), "m")

    words = [part.content for part in back.parts if isinstance(part, TextPart)]
    said = [
        (part.tool_name, part.args, part.tool_call_id)
        for part in back.parts
        if isinstance(part, ToolCallPart)
    ]
    assert words == [text]
    assert said == [(c.tool_name, c.args, c.tool_call_id) for c in calls]
    assert back.model_name == "m"


def test_ids_of_calls_are_made_unique() -> None:
    calls = [ToolCallPart("read", {}, tool_call_id=identity) for identity in ("a", "a", "a", "b")]
    data = json.loads(dump_reply(ModelResponse(parts=calls)))
    identities = [call["id"] for call in data["tool_calls"]]
    assert identities[0] == "a"
    assert len(set(identities)) == 4


def test_thoughts_are_kept_in_the_log_but_never_sent_again() -> None:
    payload = dump_reply(ModelResponse(parts=[ThinkingPart("hm"), TextPart("yes")]))
    assert json.loads(payload) == {"text": "yes", "thinking": "hm"}
    assert [type(part) for part in load_reply(payload, "m").parts] == [TextPart]


def test_tokens_of_a_kind_of_their_own_are_kept_beside_the_reply() -> None:
    counts = RequestUsage(output_tokens=9, output_reasoning_tokens=7, cache_write_tokens=5)
    payload = dump_reply(ModelResponse(parts=[TextPart("yes")], usage=counts))
    assert json.loads(payload) == {"text": "yes", "usage": {"reasoning_tokens": 7, "cache_write_tokens": 5}}


def usage(**counts: int) -> RequestUsage:
    return RequestUsage(**counts)


def test_usage_of_a_known_model_has_a_price() -> None:
    response = ModelResponse(
        parts=[],
        usage=usage(input_tokens=1_000_000, cache_read_tokens=10, output_tokens=7),
        model_name="gpt-4o",
        provider_name="openai",
    )
    found = usage_of(response)
    assert (found.calls, found.input_tokens, found.cached_tokens, found.output_tokens) == (
        1,
        1_000_000,
        10,
        7,
    )
    assert found.cost
    assert found.cost > 1
    assert usage_of(response, priced=False).cost == 0.0


def test_an_unknown_price_is_none_and_a_told_price_is_taken() -> None:
    unknown = ModelResponse(parts=[], usage=usage(input_tokens=5), model_name="my-own")
    assert usage_of(unknown) == Usage(1, 5, 0, 0, None)
    told = ModelResponse(parts=[], usage=RequestUsage(cost=Decimal("0.25")), model_name="my-own")
    assert usage_of(told).cost == 0.25


# ---------------------------------------------------------------------------------------------- briefings

REQUIREMENT = Requirement(
    "Make add add",
    (AcceptanceCriterion("AC-1", "adds"), AcceptanceCriterion("AC-2", "returns")),
    assumptions=(Assumption("AS-1", "numbers only"),),
    changed_tests=("tests/test_a.py",),
)


def test_everything_of_a_briefing_is_said_what_is_stable_first() -> None:
    text = render(
        Briefing(
            "generate/2",
            "Fix add",
            overview="Files:\ncalc.py",
            requirement=REQUIREMENT,
            findings=(Finding("criteria", Owner.CODER, "test_x fails"), Finding("ruff", Owner.CODER, "F401")),
            answers=("floats too",),
            diff="+x",
            interface="def add(a, b)",
        )
    )
    order = [
        "Files:",
        "Instruction:\nFix add",
        "The person's word on questions and requirements:\nfloats too",
        "Goal: Make add add",
        "- AC-1: adds\n- AC-2: returns",
        "Assumptions:\n- numbers only",
        "tests/test_a.py",
        "interface of what changed:\ndef add(a, b)",
        "```diff\n+x\n```",
        "1. [criteria] test_x fails\n2. [ruff] F401",
    ]
    assert sorted(order, key=text.index) == order


def test_what_is_not_there_is_not_said() -> None:
    assert render(Briefing("k", "Fix add")) == "Instruction:\nFix add"
    bare = render(Briefing("k", "x", requirement=Requirement("g", ())))
    assert "Assumptions" not in bare
    assert "Existing tests" not in bare


def test_diffs_and_findings_are_bounded_and_the_instruction_is_not() -> None:
    finding = Finding("g", Owner.CODER, "f" * 2 * MAX_FINDING)
    text = render(Briefing("k", "i" * 30_000, diff="d" * 2 * MAX_DIFF, findings=(finding,)))
    assert text.count("i") > 30_000
    assert text.count("d" * 50) == MAX_DIFF // 50
    assert text.count("f" * 50) == MAX_FINDING // 50
