"""A model's reply as JSON: in the log, in recordings, and on resume, one form.

Its plain part (words and tool calls) is what people, traces and recordings read. Beside it, under `message`, stands the
whole reply as Pydantic AI's own type adapter writes it, with thinking, signatures and ids, so that a resumed run sends
what the run before it would have sent. A reader that does not know a newer `message` goes on with the plain part.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.usage import RequestUsage

from vulcan.domain.budget import Usage

ESTIMATED = "estimated"
"""What a model's `provider_details` say of `tokens` that nobody counted."""

VERSION = 2
"""Of the recorded form; the first had no `version` and no `message`."""


def sendable(response: ModelResponse) -> ModelResponse:
    """The very reply, but that each of its calls has an id of its own and its text is valid Unicode.

    Some services give two calls one id, or half a character: sent back, either is refused.
    """
    response = _told_apart(response)
    text = _dumped(response)
    return response if _valid(text) == text else load_reply(_valid(text), response.model_name or "")


def _told_apart(response: ModelResponse) -> ModelResponse:
    parts: list[ModelResponsePart] = []
    taken: set[str] = set()
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            part = _with_own_id(part, taken)  # noqa: PLW2901 - the mended one takes its place
            taken.add(part.tool_call_id)
        parts.append(part)
    same = all(old is new for old, new in zip(response.parts, parts, strict=True))
    return response if same else replace(response, parts=parts)


def _with_own_id(call: ToolCallPart, taken: set[str]) -> ToolCallPart:
    identity = call.tool_call_id
    if identity and identity not in taken:
        return call
    return replace(call, tool_call_id=f"{identity or 'call'}_{len(taken)}")


def _valid(text: str) -> str:
    return text.encode(errors="replace").decode()


def dump_reply(response: ModelResponse) -> str:
    """The reply as JSON, whatever it holds; what the service told is kept for audits."""
    return _valid(_dumped(_told_apart(response)))


def _dumped(response: ModelResponse) -> str:
    (message,) = ModelMessagesTypeAdapter.dump_python(
        [response], mode="json", exclude_none=True, fallback=str, warnings=False
    )
    data = {**_plain(response), "version": VERSION, "message": message}
    return json.dumps({key: value for key, value in data.items() if value}, ensure_ascii=False)


def _plain(response: ModelResponse) -> dict[str, Any]:
    usage = response.usage
    counts = {
        "reasoning_tokens": usage.output_reasoning_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
    service = json.loads(json.dumps(response.provider_details, default=str))
    return {
        "text": "".join(p.content for p in response.parts if isinstance(p, TextPart)),
        "thinking": "".join(p.content for p in response.parts if isinstance(p, ThinkingPart)),
        "tool_calls": [
            {"id": p.tool_call_id, "name": p.tool_name, "arguments": p.args}
            for p in response.parts
            if isinstance(p, ToolCallPart)
        ],
        "service": service,
        "usage": {name: count for name, count in counts.items() if count},
    }


def load_reply(payload: str, model: str) -> ModelResponse:
    """The reply of a JSON payload; of a form that can't be read (older, or newer than this) the words and calls."""
    data = json.loads(payload)
    if "message" in data:
        try:
            return _read(data["message"])
        except ValidationError:
            pass
    parts: list[ModelResponsePart] = []
    if data.get("text"):
        parts.append(TextPart(data["text"]))
    parts += [
        ToolCallPart(call["name"], call["arguments"], tool_call_id=call["id"])
        for call in data.get("tool_calls", ())
    ]
    return ModelResponse(parts=parts, model_name=model)


def _read(message: Any) -> ModelResponse:
    (response,) = ModelMessagesTypeAdapter.validate_json(json.dumps([message]))
    assert isinstance(response, ModelResponse)  # noqa: S101 - only replies are recorded
    return response


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens in and out."""

    input: float
    output: float

    def of(self, usage: RequestUsage) -> float:
        """What a call costs."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1_000_000


def usage_of(response: ModelResponse, *, priced: bool = True, price: Price | None = None) -> Usage:
    """What a reply cost, by `price` or else the list price; None where nobody knows it."""
    usage, told = response.usage, response.provider_details or {}
    return Usage(
        calls=1,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost=(price.of(usage) if price else _price(response)) if priced else 0.0,
        credits=_credits(told),
        estimated=told.get("tokens") == ESTIMATED,
    )


def _credits(told: dict[str, Any]) -> float:
    """What the service told; an amount that can't be counts as not told."""
    amount = told.get("credits")
    known = isinstance(amount, int | float) and math.isfinite(amount) and amount > 0
    return float(amount) if known and amount is not None else 0.0


def _price(response: ModelResponse) -> float | None:
    if response.usage.cost is not None:
        return float(response.usage.cost)
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError, AssertionError):
        return None
