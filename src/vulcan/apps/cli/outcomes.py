"""Exit codes: one for each outcome, so that scripts need not read text."""

from __future__ import annotations

from enum import IntEnum

from vulcan.application.jobs.status import JobStatus
from vulcan.domain.events import JobOutcome
from vulcan.domain.job import WaitingFor


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


def exit_code(status: JobStatus) -> ExitCode:
    """The exit code of how a job stands; one that could go on was paused."""
    if status.outcome is not None:
        return BY_OUTCOME[status.outcome]
    return BY_WAIT[status.waiting_for] if status.waiting_for else ExitCode.PAUSED
