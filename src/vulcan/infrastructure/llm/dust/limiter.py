"""Keeps below a workspace's limit on messages, since the limit is on all its users together."""

from __future__ import annotations

import asyncio
import time
from functools import cache


class Limiter:
    """A bucket that holds one minute's messages and fills again evenly."""

    def __init__(self, per_minute: int) -> None:
        self._rate, self._size = per_minute / 60.0, float(per_minute)
        self._left, self._at = self._size, time.monotonic()
        self._held_until = 0.0

    def reserve(self, now: float) -> float:
        """Take one message's place; returns the seconds to wait for it."""
        self._left = min(self._size, self._left + (now - self._at) * self._rate) - 1
        self._at = now
        owed = max(0.0, -self._left / self._rate)
        return max(owed, self._held_until - now)

    def hold(self, seconds: float, now: float) -> None:
        """Let nobody through for a while: Dust said that the limit is hit."""
        self._held_until = max(self._held_until, now + seconds)

    async def enter(self) -> None:
        """Wait for a place."""
        await asyncio.sleep(self.reserve(time.monotonic()))


@cache
def limiter_of(url: str, workspace: str, per_minute: int) -> Limiter:
    """The one limiter of a workspace in this process."""
    del url, workspace  # they are the key
    return Limiter(per_minute)
