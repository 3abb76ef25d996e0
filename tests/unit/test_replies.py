"""Replies as JSON, and what they cost; briefings as text."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.usage import RequestUsage

from vulcan.application.ports import Briefing
from vulcan.domain.budget import Usage
from vulcan.domain.evidence import Finding, Owner
from vulcan.domain.requirements import AcceptanceCriterion, Assumption, Requirement
from vulcan.domain.testing import TestCase
from vulcan.infrastructure.agents.briefings import MAX_DIFF, MAX_FINDING, render
from vulcan.infrastructure.agents.replies import dump_reply, load_reply, sendable, usage_of

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
    assert back.model_name is None, "as it came, which the plain part alone would not know"


def test_ids_of_calls_are_made_unique() -> None:
    calls = [ToolCallPart("read", {}, tool_call_id=identity) for identity in ("a", "a", "a", "b")]
    data = json.loads(dump_reply(ModelResponse(parts=calls)))
    identities = [call["id"] for call in data["tool_calls"]]
    assert identities[0] == "a"
    assert len(set(identities)) == 4


def plain(payload: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(payload).items() if key not in {"version", "message"}}


def test_the_plain_part_is_what_people_read() -> None:
    payload = dump_reply(ModelResponse(parts=[ThinkingPart("hm"), TextPart("yes")]))
    assert plain(payload) == {"text": "yes", "thinking": "hm"}
    assert json.loads(payload)["version"] == 2


OLD = '{"text": "yes", "thinking": "hm", "tool_calls": [{"id": "c", "name": "read", "arguments": {"path": "a"}}]}'


@pytest.mark.parametrize(
    "newer", [{}, {"version": 9, "message": {"kind": "response", "parts": [{"part_kind": "smell"}]}}]
)
def test_old_replies_and_those_of_a_version_to_come_are_read_by_their_plain_part(
    newer: dict[str, Any],
) -> None:
    back = load_reply(json.dumps(json.loads(OLD) | newer), "m")
    assert [type(part) for part in back.parts] == [TextPart, ToolCallPart]
    assert back.model_name == "m"


def test_fields_that_are_not_known_yet_harm_nothing() -> None:
    data = json.loads(dump_reply(ModelResponse(parts=[ThinkingPart("hm", signature="s"), TextPart("yes")])))
    data["message"]["smell"] = data["message"]["parts"][0]["smell"] = "sweet"
    thought, _ = load_reply(json.dumps(data), "m").parts
    assert isinstance(thought, ThinkingPart)
    assert thought.signature == "s"


# every part that the pinned Pydantic AI knows, with every field set


def filled(annotation: Any, name: str = "") -> Any:  # noqa: PLR0911 - a case each
    """A value of an annotation in which nothing is left out."""
    annotation = getattr(annotation, "__value__", annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return filled(arguments[0], name)
    if origin in (types.UnionType, typing.Union):
        return filled(next(each for each in arguments if each is not type(None)), name)
    if origin is typing.Literal:
        return arguments[0]
    if origin in (list, Sequence):
        return [filled(arguments[0], name)]
    if origin is dict and arguments[1] is int:
        return {name: 7}
    if origin is dict:
        return {"text": f"{name} \u2713", "nothing": None, "deep": [{"number": 1.5}]}
    if dataclasses.is_dataclass(annotation):
        return whole(annotation)
    if hasattr(annotation, "__required_keys__"):
        return {key: filled(hint, key) for key, hint in typing.get_type_hints(annotation).items()}
    known = {
        str: f"{name} \u2713",
        int: 7,
        float: 1.5,
        bool: True,
        bytes: b"\x00\xff",
        Decimal: Decimal("0.5"),
    }
    known |= {datetime: datetime(2026, 1, 2, 3, tzinfo=UTC), timedelta: timedelta(seconds=3), Any: "any"}
    return known[annotation]


GIVEN = {
    "speaker": "assistant",
    "media_type": "application/pdf",
    "_identifier": "i",
    "start": 1,
    "end": 2,
    "input_tokens": 9,
}


def whole(cls: Any) -> Any:
    hints = typing.get_type_hints(cls, include_extras=True)
    values = {
        field.name.lstrip("_"): GIVEN.get(field.name) or filled(hints[field.name], field.name)
        for field in dataclasses.fields(cls)
        if field.init and not field.name.endswith("kind")
    }
    return cls(**values)


PARTS = [typing.get_args(tagged)[0] for tagged in typing.get_args(typing.get_args(ModelResponsePart)[0])]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_a_reply_survives_record_and_replay(part: type) -> None:
    response = dataclasses.replace(
        whole(ModelResponse), parts=[whole(part), whole(part)], failed_attempts=None
    )
    first = sendable(response)
    assert load_reply(dump_reply(first), "m") == first


@given(st.dictionaries(st.text(), st.none() | st.text() | st.datetimes() | st.binary() | st.builds(object)))
def test_whatever_a_service_tells_can_be_recorded(details: dict[str, Any]) -> None:
    told = ModelResponse(parts=[ThinkingPart("hm", provider_details=details)], provider_details=details)
    assert "hm" in load_reply(dump_reply(told), "m").parts[0].content


def test_half_a_character_is_neither_kept_nor_sent_again() -> None:
    reply = sendable(ModelResponse(parts=[TextPart("a\ud83d"), ThinkingPart("hm", signature="s")]))
    assert reply.parts[0].content == "a?"
    assert reply.parts[1].signature == "s"


def test_tokens_of_a_kind_of_their_own_are_kept_beside_the_reply() -> None:
    counts = RequestUsage(output_tokens=9, output_reasoning_tokens=7, cache_write_tokens=5)
    payload = dump_reply(ModelResponse(parts=[TextPart("yes")], usage=counts))
    assert plain(payload) == {"text": "yes", "usage": {"reasoning_tokens": 7, "cache_write_tokens": 5}}


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
    assert f"[cut here: {MAX_DIFF} more characters are not shown" in text
    assert f"[cut here: {MAX_FINDING} more characters are not shown" in text


def test_the_test_author_sees_its_own_tests_and_what_it_declared_of_them() -> None:
    declared = (
        TestCase("tests/test_a.py::test_x", ("AC-1", "AC-2")),
        TestCase("tests/test_a.py::test_y", ()),
    )
    text = render(Briefing("write_tests/2", "Fix add", diff="+def test_x", declared=declared))
    assert "Your tests so far, which are in the project already:\n```diff\n+def test_x\n```" in text
    assert text.endswith("- tests/test_a.py::test_x: AC-1, AC-2\n- tests/test_a.py::test_y: no criterion")
