"""The parts of the Dust model that need no server: limiter, events, envelope, rendering, errors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from vulcan.infrastructure.agents.replies import dump_reply, load_reply
from vulcan.infrastructure.llm.dust.agents import choice_of, import_body, match
from vulcan.infrastructure.llm.dust.envelope import Call, Envelope, UnfitReplyError, parse
from vulcan.infrastructure.llm.dust.errors import is_retryable, refusal
from vulcan.infrastructure.llm.dust.events import read_events
from vulcan.infrastructure.llm.dust.limiter import Limiter, limiter_of
from vulcan.infrastructure.llm.dust.rendering import Rendered, render
from vulcan.infrastructure.llm.dust.reuse import KEPT, Conversations

# ------------------------------------------------------------------------------------------- limiter


def test_no_minute_holds_more_than_its_messages_beyond_the_first_burst() -> None:
    limiter, now, sent = Limiter(60), 1e9, []
    for _ in range(200):
        wait = limiter.reserve(now)
        now += wait
        sent.append(now)
    assert sum(t <= sent[0] for t in sent) == 60, "a minute's messages may go at once"
    assert sent[-1] - sent[0] == pytest.approx(140, abs=2), "then one a second"


def test_a_hit_limit_holds_everybody() -> None:
    limiter = Limiter(6000)
    limiter.hold(30, 1e9)
    assert limiter.reserve(1e9 + 10) == pytest.approx(20)
    assert limiter.reserve(1e9 + 40) == 0


def test_a_workspace_has_one_limiter() -> None:
    assert limiter_of("u", "w", 60) is limiter_of("u", "w", 60)
    assert limiter_of("u", "w", 60) is not limiter_of("u", "other", 60)


def test_processes_that_share_a_folder_share_the_limit(tmp_path: Path) -> None:
    one, other = Limiter(60, tmp_path / "x" / "limit"), Limiter(60, tmp_path / "x" / "limit")
    waits = [limiter.reserve(1e9) for _ in range(40) for limiter in (one, other)]
    assert waits[:60] == [0.0] * 60
    assert waits[-1] == pytest.approx(20)
    other.hold(100, 1e9)
    assert one.reserve(1e9 + 50) == pytest.approx(50)


@pytest.mark.parametrize("damage", ["", "no json", "[1]", "[1, 99e9, 99e9]", '["a", "b", "c"]'])
def test_a_damaged_limit_starts_anew(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "limit"
    file.write_text(damage)
    limiter = Limiter(60, file)
    assert limiter.reserve(1e9) == 0
    assert limiter.reserve(1e9) == 0


def test_many_processes_at_once_lose_no_message_of_the_limit(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from vulcan.infrastructure.llm.dust.limiter import Limiter\n"
        "limiter = Limiter(60, Path(sys.argv[1]))\n"
        "for _ in range(50): limiter.reserve(1e9)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "limit")]
    for process in [subprocess.Popen(command) for _ in range(4)]:
        assert process.wait(timeout=30) == 0
    assert Limiter(60, tmp_path / "limit").reserve(1e9) == pytest.approx(141)


# ------------------------------------------------------------------------------------------- events


async def lines(*given: str) -> AsyncIterator[str]:
    for line in given:
        yield line


async def test_named_events_garbage_and_what_follows_done_are_skipped() -> None:
    frame = 'data: {"eventId": "1-0", "data": {"type": "generation_tokens"}}'
    named = ("event: dust-handshake", 'data: {"eventId": "0-0", "data": {}}', "")
    seen = [
        e
        async for e in read_events(lines(*named, ": ping", frame, "", 'data: {"eve', "", "data: done", frame))
    ]
    assert [(e.cursor, e.kind) for e in seen] == [("1-0", "generation_tokens")]


# ------------------------------------------------------------------------------------------- errors


def test_one_limit_with_two_statuses_is_one_error() -> None:
    body = json.dumps({"error": {"type": "rate_limit_error", "message": "m"}})
    assert [refusal(status, body).limited for status in (403, 429)] == [True, True]


@pytest.mark.parametrize("body", ["<html>", "", "[]", '{"error": "text"}', '{"error": {}}', "null"])
def test_a_body_without_a_type_is_judged_by_its_status(body: str) -> None:
    assert refusal(502, body).passing
    assert not refusal(400, body).passing
    assert refusal(413, body).kind == "content_too_large"


def test_another_region_is_named() -> None:
    error = {
        "type": "workspace_in_different_region",
        "message": "m",
        "redirect": {"region": "eu", "url": "https://eu"},
    }
    assert "https://eu" in str(refusal(400, json.dumps({"error": error})))


@pytest.mark.parametrize(
    "error", [None, {}, {"metadata": None}, {"metadata": {"category": "new"}}, {"metadata": "x"}]
)
def test_an_unknown_failure_is_not_retryable(error: dict | None) -> None:
    assert not is_retryable(error)


# ------------------------------------------------------------------------------------------- envelope


@given(
    st.text(),
    st.lists(
        st.tuples(st.text(min_size=1), st.dictionaries(st.text(), st.text() | st.integers())), min_size=1
    ),
)
def test_what_the_schema_allows_is_parsed(text: str, calls: list) -> None:
    made = [{"name": name, "arguments_json": json.dumps(arguments)} for name, arguments in calls]
    envelope = parse(json.dumps({"kind": "tool_calls", "text": text, "calls": made}))
    assert envelope.text == text
    assert [(c.name, json.loads(c.arguments)) for c in envelope.calls] == calls


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_anything_else_is_refused_with_a_reason(reply: str) -> None:
    with pytest.raises(UnfitReplyError) as caught:
        parse(reply)
    assert str(caught.value)


def test_arguments_that_come_as_an_object_are_taken() -> None:
    reply = {"kind": "tool_calls", "text": "", "calls": [{"name": "a", "arguments_json": {"b": 1}}]}
    assert parse(json.dumps(reply)) == Envelope("", (Call("a", '{"b": 1}'),))


# ------------------------------------------------------------------------------------------- rendering

TOOL = ToolDefinition(
    name="read",
    description="Read a file.",
    parameters_json_schema={
        "title": "Read",
        "type": "object",
        "properties": {"title": {"type": "string", "title": "Title"}},
    },
)
PARAMETERS = ModelRequestParameters(function_tools=[TOOL])


def history(turns: int) -> list[ModelMessage]:
    messages: list[ModelMessage] = [ModelRequest.user_text_prompt("Do it")]
    for n in range(turns):
        call = ToolCallPart("read", {"path": f"{n}.py"}, tool_call_id=f"am{n}_0")
        messages.append(ModelResponse(parts=[ThinkingPart("hm"), TextPart("so"), call]))
        messages.append(ModelRequest(parts=[ToolReturnPart("read", f"text {n}", f"am{n}_0")]))
    return messages


def rendered(messages: list[ModelMessage]) -> Rendered:
    return render(["Be good."], messages, PARAMETERS)


def test_the_beginning_of_a_request_is_stable() -> None:
    before, after = rendered(history(3)), rendered(history(4))
    assert after.whole().startswith(before.whole().removesuffix(before.closing))
    assert after.keys[: len(before.keys)] == before.keys


def test_titles_of_schemas_go_and_properties_of_that_name_stay() -> None:
    assert '{"type":"object","properties":{"title":{"type":"string"}}}' in rendered(history(0)).whole()


def test_a_reply_from_the_log_names_the_same_beginning() -> None:
    messages = history(1)
    response = ModelResponse(
        parts=[TextPart("x"), ToolCallPart("read", '{"b": 1,  "a": "ä"}', tool_call_id="am9_0")],
        provider_details={"conversation": "c"},
    )
    key = rendered(messages).key_with(response)
    logged = load_reply(dump_reply(response), "m")
    assert rendered([*messages, logged]).keys[-1] == key
    assert rendered([*messages, ModelResponse(parts=[TextPart("y")])]).keys[-1] != key


def test_other_tools_or_instructions_are_another_beginning() -> None:
    one = rendered(history(1))
    assert render(["Be bad."], history(1), PARAMETERS).keys[0] != one.keys[0]
    assert render(["Be good."], history(1), ModelRequestParameters()).keys[0] != one.keys[0]


# ------------------------------------------------------------------------------------------- conversations, agents


def test_the_longest_beginning_is_taken_once_and_the_oldest_is_forgotten() -> None:
    kept = Conversations()
    kept.put("b", "short")
    kept.put("c", "long")
    assert kept.take(["a", "b", "c", "d"]) == ("long", 2)
    assert kept.take(["a", "b", "c", "d"]) == ("short", 1)
    assert kept.take(["a", "b", "c", "d"]) == ("", 0)
    for n in range(KEPT + 1):
        kept.put(f"k{n}", str(n))
    assert kept.take(["", "k0"]) == ("", 0)
    assert kept.take(["", "k1"]) == ("1", 1)


@pytest.mark.parametrize(
    ("name", "provider", "formatted"),
    [
        ("claude-sonnet-4-6", "anthropic", True),
        ("claude-haiku-4-5-20251001", "anthropic", False),
        ("gpt-5", "openai", True),
        ("fireworks/accounts/fireworks/models/kimi-k3", "fireworks", False),
        ("accounts/fireworks/models/kimi-k3", "fireworks", False),
        ("xai/grok-4.5", "xai", False),
    ],
)
def test_a_models_provider_is_told_and_its_format_only_where_it_is_honoured(
    name: str, provider: str, formatted: bool
) -> None:
    choice = choice_of(name, "light")
    body = import_body(choice, "a@example.com")
    assert (choice.provider, "response_format" in body["generation_settings"]) == (provider, formatted)
    agents = [{"sId": "x", "name": "other"}, {"sId": "y", "name": choice.handle}]
    assert match(name, agents) == match(f"{name}-light", agents) == "y"
