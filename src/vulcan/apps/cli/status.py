"""Where a job under way stands, in the few words of a status line."""

from __future__ import annotations

from collections.abc import Sequence

from vulcan.application.jobs.spending import money_in_words
from vulcan.application.ports import StoredEvent
from vulcan.apps.cli.safe import one_line
from vulcan.apps.cli.wording import in_words
from vulcan.domain.events import EvidenceJudged, ModelReplied, Stage, StageStarted, ToolCalled
from vulcan.domain.job import Job

BETWEEN = " · "
_FIRST_TO_GO = (3, 2, 1)
"""Places of the parts that a narrow line does without: tokens, model calls, round."""


def status_parts(job: Job, seconds: float) -> tuple[str, ...]:
    """Stage, round, model calls, tokens, cost, time."""
    usage = job.usage
    place = f"{list(Stage).index(job.stage) + 1}/{len(Stage)} {job.stage.value}" if job.stage else "starting"
    return (
        place,
        f"round {job.round}",
        f"{usage.calls} model calls",
        f"{usage.tokens:,} tokens",
        money_in_words(usage),
        f"{max(0.0, seconds):.0f} s",
    )


def fitting(parts: Sequence[str], width: int) -> str:
    """As many of the parts as fit on a line; what matters least goes first."""
    kept = dict(enumerate(parts))
    for place in _FIRST_TO_GO:
        if len(BETWEEN.join(kept.values())) <= width:
            break
        del kept[place]
    return one_line(BETWEEN.join(kept.values()), max(width, 2))


def activity_after(stored: StoredEvent, before: str) -> str:
    """What is being done now; events that only matter to Vulcan change nothing."""
    event = stored.event
    if isinstance(event, ToolCalled):
        return f"{event.agent}: {event.tool} {one_line(event.summary, 60)}"
    if isinstance(event, ModelReplied):
        return f"{event.agent} thought"
    return "" if in_words(event) else before


def line_of(stored: StoredEvent) -> tuple[str, str]:
    """An event's line and its style; empty for what only shows as activity or not at all."""
    event = stored.event
    if isinstance(event, ToolCalled | ModelReplied):
        return "", ""
    return in_words(event) or "", _style(event)


def _style(event: object) -> str:
    if isinstance(event, StageStarted):
        return "cyan"
    if isinstance(event, EvidenceJudged):
        return "bold green" if event.verdict.proven else "bold yellow"
    return ""
