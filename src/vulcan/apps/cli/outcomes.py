"""Exit codes: one for each outcome, so that scripts need not read text."""

from __future__ import annotations

from enum import IntEnum

from vulcan.domain.events import JobOutcome, Stage
from vulcan.domain.job import Ended, Next, Waiting, WaitingFor


class ExitCode(IntEnum):
    """What `vulcan` exits with.

    DONE: proven and delivered (a merge may still wait for `vulcan approve`).
    FAILED: something outside of the change failed; `vulcan resume` tries again.
    USAGE: the command line, a setting or the repository can't be used, or too little of its tests can be seen.
    NOT_PROVEN: the evidence is not there; the work is on a branch with a report.
    NEEDS_PERSON: the job waits for an answer.
    OVER_BUDGET: a limit is used up.
    CANCELLED: a person ended the job.
    PAUSED: stopped by Ctrl-C; `vulcan resume` goes on.
    """

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_PROVEN = 3
    NEEDS_PERSON = 4
    OVER_BUDGET = 5
    CANCELLED = 6
    PAUSED = 130


BY_OUTCOME = {
    JobOutcome.DONE: ExitCode.DONE,
    JobOutcome.NOT_STARTED: ExitCode.USAGE,
    JobOutcome.NOT_PROVEN: ExitCode.NOT_PROVEN,
    JobOutcome.FAILED: ExitCode.FAILED,
    JobOutcome.CANCELLED: ExitCode.CANCELLED,
}
BY_WAIT = {
    WaitingFor.CLARIFICATION: ExitCode.NEEDS_PERSON,
    WaitingFor.CONFIRMATION: ExitCode.NEEDS_PERSON,
    WaitingFor.APPROVAL: ExitCode.DONE,
    WaitingFor.BUDGET: ExitCode.OVER_BUDGET,
    WaitingFor.RESUME: ExitCode.FAILED,
    WaitingFor.REQUEST: ExitCode.USAGE,
}


def exit_code(state: Next) -> ExitCode:
    """The exit code of a job's state; a job that could go on was paused."""
    if isinstance(state, Ended):
        return BY_OUTCOME[state.outcome]
    if isinstance(state, Waiting):
        return BY_WAIT[state.waiting_for]
    if isinstance(state, Stage):
        return ExitCode.PAUSED
    raise TypeError(state)


def state_in_words(state: Next) -> str:
    """A job's state for lists and headlines."""
    if isinstance(state, Ended):
        return state.outcome.value
    if isinstance(state, Waiting):
        if state.waiting_for is WaitingFor.APPROVAL:
            return "proven, merge waits for approval"
        return f"waits for {state.waiting_for.value}"
    return f"in {state.value}"
