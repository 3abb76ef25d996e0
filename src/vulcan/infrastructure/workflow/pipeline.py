"""What both engines share: the pipeline they drive, and the walk from stage to stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from vulcan.domain.errors import VulcanError
from vulcan.domain.events import Stage
from vulcan.domain.job import Next, Waiting

MOST_REPEATS = 3
"""How often a stage may be run without the job moving to another stage or round."""


class Pipeline(Protocol):
    """The job's side: all that is known of it is in its log, which these methods read and append to."""

    async def claim(self, job: str) -> None:
        """Take the lease; may raise `JobBusy`."""

    def next(self, job: str) -> Next:
        """What is due."""

    def round(self, job: str) -> int:
        """In which round the job is."""

    async def advance(self, job: str) -> None:
        """Run the due stage once and append its events."""

    async def release(self, job: str, reason: str) -> None:
        """Pause the job and give the lease back."""


Step = Callable[[Stage, int], Awaitable[None]]
"""Runs one stage of a round."""


async def claimed(pipeline: Pipeline, job: str) -> bool:
    """Take the lease; False, and the lease is back, if the job waits for a person or has ended."""
    await pipeline.claim(job)
    due = pipeline.next(job)
    if isinstance(due, Waiting):
        await pipeline.release(job, f"nothing to do: it waits for {due.waiting_for.value}")
    return isinstance(due, Stage)


@asynccontextmanager
async def released_when_stopped(pipeline: Pipeline, job: str) -> AsyncIterator[None]:
    """Pause the job when its worker is told to stop; a kill leaves that to the lease."""
    try:
        yield
    except asyncio.CancelledError:
        await pipeline.release(job, "the worker was stopped")
        raise
    except KeyboardInterrupt:
        await pipeline.release(job, "Ctrl-C")
        raise


async def walk(pipeline: Pipeline, job: str, step: Step) -> None:
    """Run stage after stage until the job waits or has ended.

    Raises:
        VulcanError: a stage was run again and again and the job did not move; it is paused.
    """
    place, repeats = None, 0
    while isinstance(due := pipeline.next(job), Stage):
        here = (due, pipeline.round(job))
        repeats = repeats + 1 if here == place else 0
        place = here
        if repeats > MOST_REPEATS:
            await _give_up(pipeline, job, *here)
        await step(*here)


async def _give_up(pipeline: Pipeline, job: str, stage: Stage, round_: int) -> None:
    reason = f"{stage.value} of round {round_} was run {MOST_REPEATS + 1} times and the job did not move on"
    await pipeline.release(job, reason)
    raise VulcanError(
        f"job {job}: {reason}", hint=f"This is a fault of Vulcan's stage; report it with the log of {job}."
    )
