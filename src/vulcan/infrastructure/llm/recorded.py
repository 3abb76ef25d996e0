"""The `recorded:` model: replies come from a file, one a line, each under the key of the call that it answers.

A line is `{"key": "generate/1/coder/0", "text": "...", "tool_calls": [{"name": "shell", "arguments": {...}}]}`, which
is also how replies stand in a job's log (`vulcan show JOB --recording`). Only the model's words are recorded; whatever
they cause is real.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, ModelResponsePart, TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from vulcan.domain.errors import ModelUnavailable, UserError
from vulcan.infrastructure.llm.own import HttpModel

PREFIX = "recorded:"
CHARACTERS_PER_TOKEN = 4


class RecordedModel(HttpModel):
    """Plays a recording; tokens are estimated from the text, the price is zero."""

    def __init__(self, name: str, replies: Mapping[str, dict[str, Any]]) -> None:
        super().__init__(name)
        self._replies = replies

    @property
    def system(self) -> str:
        """Recordings are a provider of their own."""
        return "recorded"

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The reply recorded under the key that the agents room passes in the settings' `extra_body`."""
        settings, _ = self.prepare_request(model_settings, model_request_parameters)
        where = (settings or {}).get("extra_body")
        key = str(where["key"]) if isinstance(where, dict) else ""
        if key not in self._replies:
            raise ModelUnavailable(
                f"the recording {self._name} holds no reply for {key}",
                hint="A recording fits one instruction on one commit; use a real model for anything else.",
            )
        return _response(self._replies[key], messages, self._name)


def _response(reply: Mapping[str, Any], messages: list[ModelMessage], name: str) -> ModelResponse:
    parts: list[ModelResponsePart] = []
    if reply.get("text"):
        parts.append(TextPart(reply["text"]))
    for index, call in enumerate(reply.get("tool_calls", ())):
        identity = call.get("id") or f"rec_{len(messages)}_{index}"
        parts.append(ToolCallPart(call["name"], call["arguments"], tool_call_id=identity))
    usage = RequestUsage(
        input_tokens=reply.get("input_tokens", _size(messages) // CHARACTERS_PER_TOKEN),
        output_tokens=reply.get("output_tokens", len(json.dumps(reply)) // CHARACTERS_PER_TOKEN),
    )
    return ModelResponse(parts=parts, usage=usage, model_name=name, provider_name="recorded")


def _size(messages: list[ModelMessage]) -> int:
    """Characters of what was said and called so far."""
    return sum(
        len(str(getattr(part, "content", "")) or str(getattr(part, "args", "")))
        for message in messages
        for part in message.parts
    )


def load_recording(name: str) -> RecordedModel:
    """A recording by path, or one that ships with Vulcan by its bare name.

    Raises:
        UserError: there is none, or a line is not of the form above.
    """
    bare = name.removeprefix(PREFIX)
    path = Path(bare)
    shipped = resources.files("vulcan") / "recordings" / f"{bare}.jsonl"
    if path.is_file():
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    elif shipped.is_file():
        text = shipped.read_text(encoding="utf-8")
    else:
        raise UserError(
            f"there is no recording {bare}", hint="Give recorded:PATH, a file of one reply a line."
        )
    return RecordedModel(f"{PREFIX}{path.stem}", _parse(bare, text))


def _parse(name: str, text: str) -> dict[str, dict[str, Any]]:
    replies: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            reply = json.loads(line)
            replies[reply["key"]] = reply
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"line {number} of the recording {name} is no reply: {error}") from error
    return replies
