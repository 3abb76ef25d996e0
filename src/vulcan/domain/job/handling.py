"""What handlers of events share: how they are registered, and changes that many of them make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from vulcan.domain.events import Event, JobOutcome, Stage
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.domain.job.state import Changes, Job, Waiting, WaitingFor

E = TypeVar("E", bound=Event)
Handler = Callable[[Job, E], Changes]
TimedHandler = Callable[[Job, E, float], Changes]


class Handlers:
    """Handlers by the event that they are for; each looks at the job before the event and returns what changes."""

    def __init__(self) -> None:
        self.plain: dict[type[Event], Callable[[Job, Any], Changes]] = {}
        self.with_time: dict[type[Event], Callable[[Job, Any, float], Changes]] = {}

    def on(self, kind: type[E]) -> Callable[[Handler[E]], Handler[E]]:
        """Register a handler of this kind of event."""

        def register(handler: Handler[E]) -> Handler[E]:
            self.plain[kind] = handler
            return handler

        return register

    def timed(self, kind: type[E]) -> Callable[[TimedHandler[E]], TimedHandler[E]]:
        """Register a handler that also needs to know when it happened, in seconds since the epoch."""

        def register(handler: TimedHandler[E]) -> TimedHandler[E]:
            self.with_time[kind] = handler
            return handler

        return register


def waits_for(job: Job, what: WaitingFor) -> bool:
    return job.waiting is not None and job.waiting.waiting_for is what


def stop_clock(job: Job, at: float) -> Changes:
    if job.work_since is None:
        return {}
    return {"work_seconds": job.work_seconds + max(0.0, at - job.work_since), "work_since": None}


def wait(job: Job, at: float, waiting: Waiting) -> Changes:
    if job.outcome is not None:
        return {}
    return stop_clock(job, at) | {"waiting": waiting, "worker": None}


def end(job: Job, at: float, outcome: JobOutcome, reason: str = "", next_steps: str = "") -> Changes:
    """End the job; the first end holds (a cancel that comes after the end changes nothing)."""
    if job.outcome is not None:
        return {}
    ended: Changes = {
        "outcome": outcome,
        "reason": reason,
        "next_steps": next_steps,
        "worker": None,
        "waiting": None,
    }
    return stop_clock(job, at) | ended


def send_back(job: Job, findings: tuple[Finding, ...], note: str) -> Changes:
    """Another round for whoever owns the findings, or delivery as unproven work where no round can help."""
    changes: Changes = {"findings": findings, "earlier": findings, "history": (*job.history, note)}
    owners = {finding.owner for finding in findings}
    if job.last_round or owners == {Owner.PERSON}:
        return changes | {"due": Stage.DELIVER}
    to_coder = Owner.CODER in owners or not findings
    return changes | {"due": Stage.GENERATE if to_coder else Stage.WRITE_TESTS, "round": job.round + 1}


def blocking_of(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.severity is Severity.BLOCKING)


def of_test_author(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(f for f in findings if f.owner is Owner.TEST_AUTHOR)
