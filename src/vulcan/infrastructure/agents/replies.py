"""A model's reply as JSON: in the log, in recordings, and on resume, one form.

It holds words and tool calls only, so it outlives upgrades of the agent framework.
"""

from __future__ import annotations

import json
import math
from typing import Any

from pydantic_ai.messages import ModelResponse, ModelResponsePart, TextPart, ThinkingPart, ToolCallPart

from vulcan.domain.budget import Usage

ESTIMATED = "estimated"
"""What a model's `provider_details` say of `tokens` that nobody counted."""


def dump_reply(response: ModelResponse) -> str:
    """The reply as JSON; tool-call ids are made unique within it, and what the service told is kept for audits."""
    calls: list[dict[str, Any]] = []
    for part in response.parts:
        if isinstance(part, ToolCallPart):
            taken = {call["id"] for call in calls}
            identity = part.tool_call_id
            if not identity or identity in taken:
                identity = f"{identity or 'call'}_{len(calls)}"
            calls.append({"id": identity, "name": part.tool_name, "arguments": part.args})
    text = "".join(p.content for p in response.parts if isinstance(p, TextPart))
    thinking = "".join(p.content for p in response.parts if isinstance(p, ThinkingPart))
    usage = response.usage
    counts = {
        "reasoning_tokens": usage.output_reasoning_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
    data = {
        "text": text,
        "thinking": thinking,
        "tool_calls": calls,
        "service": response.provider_details,
        "usage": {name: count for name, count in counts.items() if count},
    }
    return json.dumps({key: value for key, value in data.items() if value}, ensure_ascii=False)


def load_reply(payload: str, model: str) -> ModelResponse:
    """The reply of a JSON payload."""
    data = json.loads(payload)
    parts: list[ModelResponsePart] = []
    if data.get("text"):
        parts.append(TextPart(data["text"]))
    parts += [
        ToolCallPart(call["name"], call["arguments"], tool_call_id=call["id"])
        for call in data.get("tool_calls", ())
    ]
    return ModelResponse(parts=parts, model_name=model)


def usage_of(response: ModelResponse, *, priced: bool = True) -> Usage:
    """What a reply cost; the price is None where nobody knows it."""
    usage, told = response.usage, response.provider_details or {}
    return Usage(
        calls=1,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cost=_price(response) if priced else 0.0,
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
