"""Ctrl-C and SIGTERM: what was begun is cleared up first, then the command ends with the exit code for it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from vulcan.apps.cli.outcomes import ExitCode

T = TypeVar("T")
TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Stopped:
    """The signal that stopped some work."""

    number: int

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells have it."""
        return TERMINATED if self.number == signal.SIGTERM else ExitCode.PAUSED


async def until_stopped(work: Coroutine[Any, Any, T]) -> T | Stopped:
    """What the work comes to, or the signal that stopped it; a second signal does not wait for anything."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        if caught:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        caught.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        result = await task
    except asyncio.CancelledError:
        if not caught:
            raise
        return Stopped(caught[0])
    return Stopped(caught[0]) if caught else result
