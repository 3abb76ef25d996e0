"""Jobs driven in the calling process: no server, nothing to start."""

from __future__ import annotations

from vulcan.domain.events import Stage
from vulcan.infrastructure.workflow.pipeline import Pipeline, claimed, released_when_stopped, walk


class InlineEngine:
    """Runs the stages one after the other in the caller's task."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def run(self, job: str) -> None:
        """Work on the job until it waits for a person or has ended."""
        if not await claimed(self._pipeline, job):
            return

        async def step(stage: Stage, round_: int) -> None:
            del stage, round_
            await self._pipeline.advance(job)

        async with released_when_stopped(self._pipeline, job):
            await walk(self._pipeline, job, step)
