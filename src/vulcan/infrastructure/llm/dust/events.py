"""Dust's event streams: the cursor stands inside the JSON, and `done` ends a connection, not an answer."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

TERMINAL = frozenset(
    {
        "agent_message_success",
        "agent_message_gracefully_stopped",
        "agent_error",
        "agent_generation_cancelled",
        "user_message_error",
    }
)
NEEDS_PERSON = frozenset(
    {
        "tool_approve_execution",
        "tool_personal_auth_required",
        "tool_file_auth_required",
        "tool_ask_user_question",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """One event with its cursor."""

    cursor: str
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its type; unknown ones are to be skipped."""
        return str(self.data.get("type", ""))


async def read_events(lines: AsyncIterator[str]) -> AsyncGenerator[Event, None]:
    """The events of one connection; named events and lines that are no event are skipped."""
    named = False
    async for line in lines:
        if line.startswith("event:"):
            named = True
        elif not line:
            named = False
        elif line.startswith("data:") and not named:
            data = line[5:].strip()
            if data == "done":
                return
            event = _event(data)
            if event is not None:
                yield event


def _event(data: str) -> Event | None:
    try:
        frame = json.loads(data)
        return Event(str(frame["eventId"]), dict(frame["data"]))
    except (ValueError, KeyError, TypeError):
        return None  # the last line of a connection that broke
