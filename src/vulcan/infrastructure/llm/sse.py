"""Chat Completions chunks from a server-sent event stream, put together into one message."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

THOUGHTS = ("reasoning_content", "reasoning")
"""Where servers put a model's thoughts."""


class CutStreamError(Exception):
    """The stream ended before the model was done."""


@dataclass(slots=True)
class Assembled:
    """A reply as it grows; `thought_in` is the field in which the server gives the thought, and wants it back."""

    content: str = ""
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    finish_reason: str = ""
    model: str = ""
    usage: dict[str, Any] = field(default_factory=dict)
    thought: str = ""
    thought_in: str = ""

    def add(self, chunk: dict[str, Any]) -> None:
        """Take in one chunk (or one whole, unstreamed completion)."""
        self.model = chunk.get("model") or self.model
        self.usage = chunk.get("usage") or self.usage
        for choice in chunk.get("choices") or ():
            part = choice.get("delta") or choice.get("message") or {}
            self.content += part.get("content") or ""
            self._add_thought(part)
            for position, call in enumerate(part.get("tool_calls") or ()):
                self._add_call(self._place(call, position), call)
            self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def _add_thought(self, part: dict[str, Any]) -> None:
        name = next((name for name in THOUGHTS if isinstance(part.get(name), str)), "")
        self.thought += part.get(name) or ""
        self.thought_in = self.thought_in or name

    def _place(self, call: dict[str, Any], position: int) -> int:
        """The call's index; some servers give none, or the same to calls whose ids differ."""
        index = call.get("index")
        index = position if index is None else index
        known = self.calls.get(index, {"id": ""})["id"]
        return len(self.calls) if known and call.get("id") and call["id"] != known else index

    def _add_call(self, index: int, call: dict[str, Any]) -> None:
        known = self.calls.setdefault(index, {"id": "", "name": "", "arguments": ""})
        function = call.get("function") or {}
        known["id"] = call.get("id") or known["id"]
        known["name"] += function.get("name") or ""
        arguments = function.get("arguments") or ""
        known["arguments"] += arguments if isinstance(arguments, str) else json.dumps(arguments)


MALFORMED = (AttributeError, TypeError, ValueError)
"""What a chunk that is no JSON, or not of the expected form, raises when it is taken in."""


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines of an event stream: only LF and CR LF end one, not what Python counts as a line's end besides."""
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip("\r")
    if rest:
        yield rest.decode(errors="replace")


async def assemble(lines: AsyncIterator[str], hear: Callable[[str], None] | None = None) -> Assembled:
    """Read `data:` lines until `[DONE]`; `hear` is told all of the text so far whenever it grows.

    Raises:
        CutStreamError: the stream ended without a finish reason, or a chunk can't be understood.
    """
    reply = Assembled()
    done = False
    async for line in lines:
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            done = True
            break
        try:
            before = len(reply.content)
            reply.add(json.loads(data))
        except MALFORMED as error:
            raise CutStreamError(f"a chunk can't be understood: {data[:80]!r}") from error
        if hear and len(reply.content) > before:
            hear(reply.content)
    if not done and not reply.finish_reason:
        raise CutStreamError("the stream ended before the model was done")
    return reply
