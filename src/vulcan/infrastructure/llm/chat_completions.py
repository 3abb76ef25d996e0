"""Any server that speaks OpenAI's Chat Completions, without a provider's SDK.

Pydantic AI's own OpenAI model costs half a second of imports; this needs what Pydantic AI loads anyway.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from pydantic_ai.exceptions import ModelConnectionError, ModelHTTPError
from pydantic_ai.messages import (
    FinishReason,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.usage import RequestUsage

from vulcan.domain.errors import masked
from vulcan.infrastructure.llm.faults import Asked, Patience, category, patiently
from vulcan.infrastructure.llm.own import HttpModel
from vulcan.infrastructure.llm.sse import MALFORMED, THOUGHTS, Assembled, CutStreamError, assemble, lines_of
from vulcan.infrastructure.llm.streaming import Origin, streaming

CHARACTERS_PER_TOKEN = 4
LONGEST_REASON = 10_000
ENDS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}
"""Ends of a reply that are no good ones."""


class ChatCompletionsModel(HttpModel):
    """A model behind `{base_url}/chat/completions`."""

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str,
        patience: Patience | None = None,
        key_name: str = "OPENAI_API_KEY",
    ) -> None:
        self._url, self._key_name = base_url.rstrip("/"), key_name
        super().__init__(name, masked(self._url))
        self._key = api_key
        self._patience = patience or Patience()
        self._client: httpx2.AsyncClient | None = None

    @property
    def system(self) -> str:
        """The provider id, used for prices."""
        return "openai"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """One completion; tries again on what passes (5xx, cut streams, silence).

        Raises:
            ModelUnavailable: the server refuses, is busy, or does not answer usably in any try.
        """
        body = self._body(messages, model_settings, model_request_parameters)
        return to_response(await self._patiently(body, _headers(model_settings)), body, self._name)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,  # noqa: ARG002 - part of the interface
    ) -> AsyncGenerator[StreamedResponse, None]:
        """The same, with the reply's words as they come; leaving early closes the connection, which ends the reply."""
        body = self._body(messages, model_settings, model_request_parameters)
        headers = _headers(model_settings)

        async def ask(hear: Callable[[str], None]) -> ModelResponse:
            return to_response(await self._patiently(body, headers, hear), body, self._name)

        origin = Origin(self._name, self.system, masked(self._url))
        async with streaming(ask, model_request_parameters, origin) as stream:
            yield stream

    def _body(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> dict[str, Any]:
        settings, parameters, instructions = self._prepared(
            messages, model_settings, model_request_parameters
        )
        body = request_body(self._name, instructions, messages, parameters, settings)
        effort = (model_settings or {}).get("thinking")
        return body | ({"reasoning_effort": effort} if isinstance(effort, str) else {})

    async def _patiently(
        self, body: dict[str, Any], headers: dict[str, str], hear: Callable[[str], None] | None = None
    ) -> Assembled:
        asked = Asked(self._name, masked(self._url), self._key_name)
        return await patiently(lambda: self._ask(body, headers, hear), asked, self._patience)

    async def _ask(
        self, body: dict[str, Any], headers: dict[str, str], hear: Callable[[str], None] | None
    ) -> Assembled:
        try:
            async with self._http().stream(
                "POST", "/chat/completions", json=body, headers=headers
            ) as response:
                if response.status_code != httpx2.codes.OK:
                    await self._refused(response)
                if "text/event-stream" in response.headers.get("content-type", ""):
                    return _checked(await assemble(lines_of(response.aiter_bytes()), hear))
                return _checked(_whole(await response.aread()))
        except (httpx2.TransportError, CutStreamError) as error:
            raise ModelConnectionError(self._name, f"{type(error).__name__}: {error}") from error

    async def _refused(self, response: httpx2.Response) -> None:
        text = masked((await response.aread()).decode(errors="replace")[:LONGEST_REASON])
        raise ModelHTTPError.for_category(
            category(response.status_code, text),
            status_code=response.status_code,
            model_name=self._name,
            body=_json(text),
            headers=response.headers,
            retry_after=_seconds(response.headers.get("retry-after", "")),
        )

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            patience = self._patience
            timeout = httpx2.Timeout(patience.silence, connect=patience.connect)
            headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
            self._client = httpx2.AsyncClient(base_url=self._url, headers=headers, timeout=timeout)
        return self._client

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _headers(settings: ModelSettings | None) -> dict[str, str]:
    return dict((settings or {}).get("extra_headers") or {})


def _seconds(header: str) -> float | None:
    """Seconds with a fraction; whole ones and dates are read where the error is made."""
    return float(header) if header.replace(".", "", 1).isdigit() else None


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _whole(body: bytes) -> Assembled:
    reply = Assembled()
    try:
        reply.add(json.loads(body))
    except MALFORMED as error:
        raise CutStreamError(f"the reply can't be understood: {body[:80]!r}") from error
    return reply


def _checked(reply: Assembled) -> Assembled:
    if not reply.content and not reply.calls and not reply.finish_reason:
        raise CutStreamError("the reply is empty")
    return reply


def request_body(
    name: str,
    instructions: Sequence[str],
    messages: Sequence[ModelMessage],
    parameters: ModelRequestParameters,
    settings: ModelSettings | None,
) -> dict[str, Any]:
    """The request as JSON: instructions first, then history, so that its beginning is stable for caches."""
    wire = [{"role": "system", "content": "\n\n".join(instructions)}] if instructions else []
    for message in messages:
        if isinstance(message, ModelRequest):
            begun = any(each["role"] == "assistant" for each in wire)
            wire += list(_request_messages(message, "user" if begun else "system"))
        else:
            wire.append(_response_message(message))
    body: dict[str, Any] = {
        "model": name,
        "messages": wire,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    tools = [_tool(t) for t in parameters.tool_defs.values()]
    if tools:
        body["tools"] = tools
        if not parameters.allow_text_output:
            body["tool_choice"] = "required"
    for key in ("temperature", "max_tokens", "top_p", "seed"):
        if settings and settings.get(key) is not None:
            body[key] = settings[key]
    return body


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {
        "name": tool.name,
        "description": tool.description or "",
        "parameters": tool.parameters_json_schema,
    }
    return {"type": "function", "function": function}


def _request_messages(message: ModelRequest, system: str) -> Iterator[dict[str, Any]]:
    """Messages of a request; `system` is the role of system prompts, which many servers take only at the beginning."""
    for part in message.parts:
        match part:
            case SystemPromptPart():
                yield {"role": system, "content": part.content}
            case UserPromptPart():
                content = part.content
                text = (
                    content
                    if isinstance(content, str)
                    else "\n".join(c for c in content if isinstance(c, str))
                )
                yield {"role": "user", "content": text}
            case ToolReturnPart():
                yield {
                    "role": "tool",
                    "tool_call_id": part.tool_call_id,
                    "content": part.model_response_str(),
                }
            case _:
                continue


def _response_message(message: ModelResponse) -> dict[str, Any]:
    text = "".join(p.content for p in message.parts if isinstance(p, TextPart))
    calls = [
        {
            "id": p.tool_call_id,
            "type": "function",
            "function": {"name": p.tool_name, "arguments": p.args_as_json_str()},
        }
        for p in message.parts
        if isinstance(p, ToolCallPart)
    ]
    wire: dict[str, Any] = {"role": "assistant", "content": text or None}
    if calls:
        wire["tool_calls"] = calls
    elif not text:
        wire["content"] = "(no answer)"
    for part in message.parts:
        if isinstance(part, ThinkingPart) and part.id in THOUGHTS:
            wire[part.id] = part.content
    return wire


def to_response(reply: Assembled, body: dict[str, Any], name: str) -> ModelResponse:
    """A reply as Pydantic AI's message; tokens are estimated where the server does not count them."""
    parts: list[ModelResponsePart] = []
    content = reply.content
    if reply.thought:
        parts.append(ThinkingPart(reply.thought, id=reply.thought_in, provider_name="openai"))
    if content.startswith("<think>") and "</think>" in content:
        thought, _, content = content.removeprefix("<think>").partition("</think>")
        parts.append(ThinkingPart(thought))
    if content.strip():
        parts.append(TextPart(content))
    for index, call in sorted(reply.calls.items()):
        identity = call["id"] or f"call_{index}"
        parts.append(ToolCallPart(call["name"], call["arguments"] or "{}", tool_call_id=identity))
    return ModelResponse(
        parts=parts,
        usage=_usage(reply, body),
        model_name=reply.model or name,
        provider_name="openai",
        provider_details=None if reply.usage else {"tokens": "estimated"},
        finish_reason=ENDS.get(reply.finish_reason, "tool_call" if reply.calls else "stop"),
    )


def _usage(reply: Assembled, body: dict[str, Any]) -> RequestUsage:
    usage = reply.usage
    if usage:
        details = usage.get("prompt_tokens_details") or {}
        made = usage.get("completion_tokens_details") or {}
        return RequestUsage(
            input_tokens=usage.get("prompt_tokens") or 0,
            cache_read_tokens=details.get("cached_tokens") or 0,
            output_tokens=usage.get("completion_tokens") or 0,
            output_reasoning_tokens=made.get("reasoning_tokens") or 0,
        )
    sent = len(json.dumps([body["messages"], body.get("tools")]))
    received = len(reply.content) + sum(len(c["arguments"]) for c in reply.calls.values())
    return RequestUsage(
        input_tokens=sent // CHARACTERS_PER_TOKEN, output_tokens=received // CHARACTERS_PER_TOKEN
    )
