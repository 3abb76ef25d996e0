"""What happened when, derived from a log: runs of stages, and how long each model reply and tool result took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vulcan.application.ports import StoredEvent
from vulcan.domain.events import Actor, Event, Stage, StageStarted, WorkStarted


@dataclass(frozen=True, slots=True)
class Step:
    """An event and when the work that led to it began."""

    stored: StoredEvent
    began: float

    @property
    def event(self) -> Event:
        """The event itself."""
        return self.stored.event

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.stored.at - self.began)


@dataclass(frozen=True, slots=True)
class StageRun:
    """One go at a stage.

    Attributes:
        seq: place of its start in the log; names the run.
        closed: place of the event that ended it; 0 while the log's end leaves open whether it goes on.
        lost: its worker was killed; it ends with that worker's last sign of life.
    """

    stage: Stage
    round: int
    seq: int
    began: float
    ended: float
    steps: tuple[Step, ...]
    closed: int
    lost: bool = False

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.ended - self.began)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A log as runs of stages, and the steps that belong to none."""

    runs: tuple[StageRun, ...]
    between: tuple[Step, ...]


def timeline(log: Sequence[StoredEvent]) -> Timeline:
    """Cut a log into runs of stages. Pure: the same log always gives the same runs."""
    runs: list[StageRun] = []
    between: list[Step] = []
    start: StoredEvent | None = None
    steps: list[Step] = []
    sign_of_life = log[0].at if log else 0.0

    def close(at: float, closed: int, *, lost: bool = False) -> None:
        nonlocal start
        if start is not None and isinstance(start.event, StageStarted):
            place = (start.event.stage, start.event.round, start.seq, start.at)
            runs.append(StageRun(*place, max(at, start.at), tuple(steps), closed, lost))
        start = None
        steps.clear()

    for stored in log:
        event = stored.event
        if isinstance(event, WorkStarted | StageStarted):
            close(sign_of_life, stored.seq, lost=isinstance(event, WorkStarted))
        if isinstance(event, StageStarted):
            start = stored
        else:
            (between if start is None else steps).append(Step(stored, sign_of_life))
        if event.ENDS_WORK:
            close(stored.at, stored.seq)
        if event.ACTOR is not Actor.PERSON:
            sign_of_life = stored.at
    close(sign_of_life, 0)
    return Timeline(tuple(runs), tuple(between))
