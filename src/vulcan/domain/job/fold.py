"""From events to a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import reduce
from operator import attrgetter
from typing import Any

from vulcan.domain.events import (
    Actor,
    CodeGenerated,
    CodeValidated,
    Event,
    EvidenceJudged,
    PipelineFinished,
    PullRequestOpened,
    RequirementsAnalyzed,
    RequirementsConfirmed,
    Stage,
    TestsGenerated,
    TestsRun,
)
from vulcan.domain.job import analysis, control, delivery, evidence
from vulcan.domain.job.state import Changes, Job

RESULTS = (
    RequirementsAnalyzed,
    RequirementsConfirmed,
    CodeGenerated,
    CodeValidated,
    TestsGenerated,
    TestsRun,
    EvidenceJudged,
    PullRequestOpened,
    PipelineFinished,
)
"""Results of stages after which the job turns to what the person said meanwhile."""

_PARTS = [part.HANDLERS for part in (control, analysis, evidence, delivery)]
_PLAIN: dict[type[Event], Callable[[Job, Any], Changes]] = {}
_WITH_TIME: dict[type[Event], Callable[[Job, Any, float], Changes]] = {}
for _part in _PARTS:
    _PLAIN |= _part.plain
    _WITH_TIME |= _part.with_time
_FIELDS = tuple(field.name for field in fields(Job))
_PLACES = {name: place for place, name in enumerate(_FIELDS)}
_values = attrgetter(*_FIELDS)


def apply(job: Job, event: Event, at: float = 0.0) -> Job:
    """The job after one event more; unknown combinations change nothing but the sequence number."""
    kind = type(event)
    if (plain := _PLAIN.get(kind)) is not None:
        changes = plain(job, event)
    else:
        timed = _WITH_TIME.get(kind)
        changes = timed(job, event, at) if timed is not None else {}
    place: Changes = {"seq": job.seq + 1, "updated_at": at}
    if event.ACTOR is not Actor.PERSON:
        place["last_worker_event_at"] = at
    after = _with(job, changes | place)
    return (
        _with(after, {"due": Stage.ANALYZE, "deferred_stage": after.due})
        if _must_hear(after, event)
        else after
    )


def _must_hear(job: Job, event: Event) -> bool:
    """Whether a stage's result is put off, because the person said something that the requirements do not know of."""
    return isinstance(event, RESULTS) and job.outcome is None and job.has_pending_steering


def _with(job: Job, changes: Changes) -> Job:
    # What dataclasses.replace does at half its price, which is most of what folding a long log costs.
    values = list(_values(job))
    for name, value in changes.items():
        values[_PLACES[name]] = value
    return Job(*values)


def fold(events: Iterable[tuple[Event, float]], start: Job | None = None) -> Job:
    """Fold events with their times into a job."""
    return reduce(lambda job, entry: apply(job, entry[0], entry[1]), events, start or Job())
