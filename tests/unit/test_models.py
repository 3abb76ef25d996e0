"""Which model a name means, recordings, and the request that goes to a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from vulcan.domain.errors import ModelUnavailable, UserError
from vulcan.infrastructure.agents.replies import dump_reply
from vulcan.infrastructure.llm.chat_completions import ChatCompletionsModel, request_body, to_response
from vulcan.infrastructure.llm.recorded import RecordedModel, load_recording
from vulcan.infrastructure.llm.registry import Access, check_address, make_model
from vulcan.infrastructure.llm.sse import Assembled

NO_TOOLS = ModelRequestParameters()

# ----------------------------------------------------------------------------------------------- registry


@pytest.mark.parametrize(
    ("name", "at_server"), [("qwen3", "qwen3"), ("openai:gpt-x", "gpt-x"), ("a:b", "a:b")]
)
def test_a_base_url_takes_any_name(name: str, at_server: str) -> None:
    model = make_model(name, Access("http://localhost:1/v1/", "key"))
    assert isinstance(model, ChatCompletionsModel)
    assert (model.model_name, model.base_url) == (at_server, "http://localhost:1/v1")


def test_a_recording_wins_over_a_base_url() -> None:
    assert make_model("recorded:demo", Access("http://localhost:1/v1")).system == "recorded"


@pytest.mark.parametrize("name", ["no-such-provider:x", "nonsense"])
def test_an_unknown_provider_is_a_user_s_error(name: str) -> None:
    with pytest.raises(UserError, match=name) as caught:
        make_model(name)
    assert caught.value.hint


# ---------------------------------------------------------------------------------------------- recordings


async def ask(model: RecordedModel, key: str | None) -> ModelResponse:
    extra: Any = {"extra_body": {"key": key}} if key else {}
    return await model.request([ModelRequest(parts=[UserPromptPart("x")])], extra, NO_TOOLS)


def write(folder: Path, *lines: str) -> str:
    path = folder / "mine.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return f"recorded:{path}"


async def test_a_reply_is_found_under_its_key(tmp_path: Path) -> None:
    calls = [{"name": "read", "arguments": {"path": "a"}}, {"id": "x", "name": "read", "arguments": {}}]
    lines = [json.dumps({"key": "a/0", "text": "yes"}), "", json.dumps({"key": "a/1", "tool_calls": calls})]
    model = load_recording(write(tmp_path, *lines))

    assert model.model_name == "recorded:mine"
    assert [p.content for p in (await ask(model, "a/0")).parts if isinstance(p, TextPart)] == ["yes"]
    first, second = (await ask(model, "a/1")).parts
    assert isinstance(first, ToolCallPart)
    assert isinstance(second, ToolCallPart)
    assert (first.tool_name, first.args, second.tool_call_id) == ("read", {"path": "a"}, "x")
    assert first.tool_call_id


@pytest.mark.parametrize("key", ["b/0", None])
async def test_a_call_that_was_not_recorded(tmp_path: Path, key: str | None) -> None:
    model = load_recording(write(tmp_path, '{"key": "a/0", "text": "x"}'))
    with pytest.raises(ModelUnavailable, match="holds no reply for") as caught:
        await ask(model, key)
    assert "real model" in caught.value.hint


@pytest.mark.parametrize("line", ["{half", '{"text": "no key"}', "[1]", "3", "null"])
def test_a_line_that_is_no_reply_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match="line 2 of the recording"):
        load_recording(write(tmp_path, '{"key": "a"}', line))


def test_a_recording_that_is_not_there() -> None:
    with pytest.raises(UserError, match="there is no recording no-such"):
        load_recording("recorded:no-such")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_reply_of_the_log_can_be_played_again(tmp_path: Path, text: str) -> None:
    reply = {"key": "k", **json.loads(dump_reply(ModelResponse(parts=[TextPart(text)])))}
    model = load_recording(write(tmp_path, json.dumps(reply, ensure_ascii=False)))
    (part,) = (await ask(model, "k")).parts
    assert isinstance(part, TextPart)
    assert part.content == text


# ------------------------------------------------------------------------------------------------ requests


def body(messages: list[Any], parameters: ModelRequestParameters = NO_TOOLS, **settings_: Any) -> Any:
    return request_body("m", ["Be brief.", "Use tools."], messages, parameters, settings_ or None)  # type: ignore[arg-type]


def test_a_conversation_on_the_wire() -> None:
    sent = body(
        [
            ModelRequest(parts=[SystemPromptPart("sys"), UserPromptPart(["one", "two"])]),
            ModelResponse(
                parts=[ThinkingPart("hm"), TextPart("I read."), ToolCallPart("read", {"path": "a"}, "c1")]
            ),
            ModelRequest(parts=[ToolReturnPart("read", "1\tx", "c1")]),
            ModelResponse(parts=[]),
        ]
    )
    function = {"name": "read", "arguments": '{"path":"a"}'}
    assert (sent["model"], sent["stream"], sent["stream_options"]) == ("m", True, {"include_usage": True})
    assert sent["messages"] == [
        {"role": "system", "content": "Be brief.\n\nUse tools."},
        {"role": "system", "content": "sys"},
        {"role": "user", "content": "one\ntwo"},
        {
            "role": "assistant",
            "content": "I read.",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "1\tx"},
        {"role": "assistant", "content": "(no answer)"},
    ]
    assert "tools" not in sent


def test_what_was_wrong_with_a_call_is_told_to_the_model() -> None:
    refused = ToolReturnPart("read", "path: field required", "c1", outcome="retried")
    answer = body([ModelRequest(parts=[refused])])["messages"][1]

    assert (answer["role"], answer["tool_call_id"]) == ("tool", "c1")
    assert "path: field required" in answer["content"]


@pytest.mark.parametrize("free", [True, False])
def test_tools_and_whether_one_must_be_called(free: bool) -> None:
    tool = ToolDefinition(name="read", description="Reads.", parameters_json_schema={"type": "object"})
    sent = body([], ModelRequestParameters(function_tools=[tool], allow_text_output=free))

    function = {"name": "read", "description": "Reads.", "parameters": {"type": "object"}}
    assert sent["tools"] == [{"type": "function", "function": function}]
    assert sent.get("tool_choice") == (None if free else "required")


def test_settings_are_passed_on_and_others_are_not() -> None:
    sent = body([], temperature=0.0, max_tokens=5, extra_body={"key": "k"})
    assert (sent["temperature"], sent["max_tokens"]) == (0.0, 5)
    assert "extra_body" not in sent
    assert "key" not in sent


def test_the_beginning_of_a_request_stays_the_same_as_the_history_grows() -> None:
    history: list[Any] = [ModelRequest(parts=[UserPromptPart("go")])]
    before = body(history)["messages"]
    history += [ModelResponse(parts=[TextPart("ok")]), ModelRequest(parts=[UserPromptPart("on")])]
    assert body(history)["messages"][: len(before)] == before


def test_a_reply_becomes_parts_and_thoughts_are_told_apart() -> None:
    reply = Assembled(
        "<think>hm</think>\nyes", {1: {"id": "", "name": "read", "arguments": ""}}, "stop", "m-2"
    )
    response = to_response(reply, body([]), "m")

    kinds = [type(part) for part in response.parts]
    assert kinds == [ThinkingPart, TextPart, ToolCallPart]
    call = response.parts[2]
    assert isinstance(call, ToolCallPart)
    assert (call.args, call.tool_call_id) == ("{}", "call_1")
    assert (response.model_name, response.finish_reason) == ("m-2", "tool_call")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_a_thought_goes_back_in_the_field_in_which_it_came(name: str) -> None:
    reply = Assembled()
    for delta in ({name: "First "}, {name: "look."}, {"content": "ok"}):
        reply.add({"choices": [{"delta": delta}]})
    response = to_response(reply, body([]), "m")
    assert [part.content for part in response.parts] == ["First look.", "ok"]  # type: ignore[union-attr]
    assert body([response])["messages"][-1] == {"role": "assistant", "content": "ok", name: "First look."}


def test_only_the_first_messages_have_the_role_of_a_system() -> None:
    """Chat templates of local models refuse a system message after an assistant's."""
    told = ModelRequest(parts=[SystemPromptPart("Call a tool.")])
    sent = body([told, ModelResponse(parts=[TextPart("no")]), told])["messages"]
    assert [message["role"] for message in sent] == ["system", "system", "assistant", "user"]


@pytest.mark.parametrize(
    ("told", "reason"), [("length", "length"), ("content_filter", "content_filter"), ("stop", "stop")]
)
def test_why_a_reply_ended_is_kept(told: str, reason: str) -> None:
    assert to_response(Assembled("x", finish_reason=told), body([]), "m").finish_reason == reason


def test_tokens_are_counted_by_the_server_or_estimated() -> None:
    counted = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    counted |= {"completion_tokens_details": {"reasoning_tokens": 3}}
    usage = to_response(Assembled("x", usage=counted), body([]), "m").usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (9, 2, 4)
    assert usage.output_reasoning_tokens == 3
    history = [ModelRequest(parts=[UserPromptPart("w" * 4_000)])]
    guessed = to_response(Assembled("y" * 400), body(history), "m").usage
    assert 1_000 <= guessed.input_tokens < 1_100
    assert guessed.output_tokens == 100


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["anthropic:claude-sonnet-5-5"], "ANTHROPIC_BASE_URL"),
        (["google:gemini-3,groq:llama"], "GOOGLE_GEMINI_BASE_URL"),
        (["dust:helper"], "--model helper"),
    ],
)
def test_an_address_that_no_model_goes_to_is_told(names: list[str], hint: str) -> None:
    with pytest.raises(UserError, match="does not go there") as caught:
        check_address(names, Access("http://localhost:1/v1"))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "names", [["qwen"], ["anthropic:claude,qwen"], ["anthropic:claude", "qwen"], ["recorded:demo"]]
)
def test_an_address_that_a_model_goes_to_is_fine(names: list[str]) -> None:
    check_address(names, Access("http://localhost:1/v1"))
