"""An answer's words as they come, read out of the envelope while it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from pydantic_core import from_json

from vulcan.infrastructure.llm.dust.events import Event


class Growing:
    """The envelope's text as far as it is known."""

    def __init__(self) -> None:
        self._message, self._buffer, self._known, self._whole = "", "", "", False

    def add(self, event: Event) -> str:
        """What is new in the text. An answer that is given again begins anew; the conclusion puts it right."""
        message = str(event.data.get("messageId", ""))
        if message != self._message:
            self._message, self._buffer, self._whole = message, "", bool(self._known)
        if self._whole:
            return ""
        self._buffer += str(event.data.get("text", ""))
        try:
            data = from_json(self._buffer, allow_partial="trailing-strings")
        except ValueError:
            return ""
        return self._grown(data if isinstance(data, dict) else {})

    def _grown(self, data: dict[str, Any]) -> str:
        self._whole = "calls" in data
        text = data.get("text")
        if not isinstance(text, str) or not text.startswith(self._known):
            return ""
        new, self._known = text[len(self._known) :], text
        return new


async def words_of(events: AsyncIterator[Event]) -> AsyncIterator[str]:
    """What is new in the answer's text, event by event."""
    growing = Growing()
    async for event in events:
        if event.kind == "generation_tokens" and event.data.get("classification") == "tokens":
            new = growing.add(event)
            if new:
                yield new
