"""Following an answer to its end: windows end by design, so each is resumed by cursor, and what is lost is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from vulcan.infrastructure.llm.dust.access import Patience
from vulcan.infrastructure.llm.dust.client import Asked, DustClient
from vulcan.infrastructure.llm.dust.errors import DustError
from vulcan.infrastructure.llm.dust.events import TERMINAL, Event

NOT_YET = frozenset({"message_not_found", "conversation_not_found"})
END_OF_REPLAY = "end-of-stream"
ENDS = {
    "succeeded": "agent_message_success",
    "failed": "agent_error",
    "cancelled": "agent_generation_cancelled",
}


async def follow(client: DustClient, asked: Asked, patience: Patience) -> AsyncGenerator[Event, None]:
    """Each event of an answer once; the last one is terminal. Bounded by the caller's deadline.

    Raises:
        DustError: Dust refuses for good.
    """
    seen: set[str] = set()
    cursor, pause = "", patience.pause
    while True:
        fresh = False
        try:
            async with aclosing(client.events(asked, cursor)) as window:
                async for event in window:
                    if event.cursor in seen or event.kind == END_OF_REPLAY:
                        continue
                    seen.add(event.cursor)
                    cursor, fresh = event.cursor, True
                    yield event
                    if event.kind in TERMINAL:
                        return
        except DustError as error:
            _raise_if_final(error)
        if fresh:
            pause = patience.pause
            continue
        end = await _read(client, asked)
        if end is not None:
            yield end
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, 10 * patience.pause)


def _raise_if_final(error: DustError) -> None:
    if not error.passing and error.kind not in NOT_YET:
        raise error


async def _read(client: DustClient, asked: Asked) -> Event | None:
    """The end of an answer as its conversation tells it, as an event; None if it goes on."""
    try:
        message = await client.answer(asked)
    except DustError as error:
        _raise_if_final(error)
        return None
    if message is None or message.get("status") not in ENDS:
        return None
    data: dict[str, Any] = {"type": ENDS[message["status"]], "message": message}
    return Event("", {**data, "error": message.get("error")})
