"""What commands show: jobs, notes, requirements; and the limits that one of them takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from vulcan.application.conversation.context import state_of
from vulcan.application.jobs.amendments import HOW, numbered_list
from vulcan.domain.budget import Budget
from vulcan.domain.errors import UserError
from vulcan.domain.job import Job
from vulcan.domain.messages import Note
from vulcan.domain.requirements import Requirement
from vulcan.domain.texts import shortened

NO_JOB = "There is no job in this conversation yet. Say what is to be done, or: /new INSTRUCTION"


def notes_page(notes: Iterable[Note]) -> str:
    """What is kept of a conversation, by number."""
    lines = [f"{note.number}. {note.kind.value}: {note.text}" for note in notes]
    return "\n".join(lines) or "Nothing is kept yet; keep something with: /remember TEXT"


def jobs_page(jobs: Mapping[str, Job], chosen: str) -> str:
    """Jobs and where they stand; the one that is talked about has a mark."""
    lines = []
    for job, state in jobs.items():
        asked = shortened(state.request.instruction.split("\n")[0], 60) if state.request else ""
        lines.append(f"{'*' if job == chosen else ' '} {job}  {state_of(state)}  {asked}")
    return "\n".join(lines) or NO_JOB


def plan_page(requirement: Requirement | None, *, waits: bool) -> str:
    """The requirements as a numbered list, and, where they wait for the person's word, what can be said."""
    if requirement is None:
        return "There are no requirements yet."
    return "\n".join([*numbered_list(requirement), *([HOW] if waits else [])])


def _limit(name: str, number: str) -> float | int:
    limit = int(number) if name in {"tokens", "calls", "rounds"} else float(number)
    if not 0 < limit < math.inf:
        raise ValueError(number)
    return limit


def limits_of(budget: Budget, text: str) -> Budget:
    """A budget with limits such as `cost=10 tokens=3000000` changed."""
    changes: dict[str, float | int] = {}
    for pair in text.split():
        name, _, number = pair.partition("=")
        try:
            changes[name] = _limit(name, number)
            budget = replace(budget, **changes)  # type: ignore[arg-type]
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{pair} is no limit",
                hint="Such as: /budget cost=10 tokens=3000000 calls=400 seconds=7200 rounds=6",
            ) from error
    return budget
