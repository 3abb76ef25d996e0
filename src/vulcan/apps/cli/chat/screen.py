"""What a person at a terminal sees above the prompt; all of it is made safe for the terminal first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from vulcan.application.jobs.amendments import HOW, list_after
from vulcan.apps.cli.chat.markdown import SOURCE, THEME, CitedMarkdown, Tight
from vulcan.apps.cli.safe import safe
from vulcan.apps.cli.status import activity_after, line_of
from vulcan.domain.events import (
    ApprovalRequested,
    ClarificationRequested,
    ConfirmationRequested,
    Event,
    JobFinished,
    JobRequested,
    RequirementsAnalyzed,
    RequirementsEdited,
)

if TYPE_CHECKING:
    from vulcan.application.conversation.open_conversation import Reply
    from vulcan.application.ports import StoredEvent
    from vulcan.domain.job import Job
    from vulcan.domain.requirements import Requirement

NARROW = 20
"""Columns below which Markdown is not laid out."""

LONG_DIFF = 400
"""Lines of a diff that are shown."""

BAR = "│ "
COLOURS = ("cyan", "magenta", "blue", "yellow")
"""Of jobs that run side by side."""

MARK = "›"  # noqa: RUF001 - no greater-than sign is meant
_MARKS = (
    (r"`[^`\n]+`", "cyan"),
    (r"\*\*[^*\n]+\*\*", "bold"),
    (r"(?m)^#{1,4} .*$", "bold"),
    (SOURCE, "dim"),
    (r"(?m)^/[a-z]+|(?<=[ :(])/[a-z]+\b", "cyan"),
)


_TOLD = (ConfirmationRequested, ClarificationRequested, ApprovalRequested, JobFinished, RequirementsEdited)
"""Events that an answer or `turn` puts into words."""


_HANG = re.compile(r"\s*(?:(?:\d+\.|[-*•✓✗?]|AC-\d+)\s+)?")


class TerminalScreen:
    """Prints with Rich; jobs' lines stand behind a bar, people's after a mark."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = self._answer = ""
        self._activity: dict[str, str] = {}
        self._lists: dict[str, Requirement | None] = {}

    @property
    def begun(self) -> str:
        """The line of an answer that has begun to come and is not whole yet."""
        return safe(self._begun)

    def activity(self, job: str) -> str:
        """What is being done in a job now."""
        return self._activity.get(job, "")

    # --------------------------------------------------------------------------------- as `Screen` has it

    def fragment(self, text: str) -> None:
        """Print what has become whole: lines, or blocks of Markdown."""
        whole, ended, self._begun = (self._begun + text).rpartition("\n")
        if ended:
            self._markdown(whole)

    def reply(self, reply: Reply) -> None:
        """Print the answer, unless its fragments were it."""
        self.end_line()
        self._answer = reply.text
        if reply.form == "diff":
            self._diff(reply.text, reply.job)
        elif reply.text and not reply.shown:
            self._prose(reply.text)

    def event(self, stored: StoredEvent, job: Job, label: str = "") -> None:
        """Print the event's line, unless an answer or `turn` says the same."""
        self._activity[stored.job] = activity_after(stored, self._activity.get(stored.job, ""))
        words, style = line_of(stored)
        before, self._lists[stored.job] = self._lists.get(stored.job), job.requirement
        if isinstance(stored.event, RequirementsAnalyzed) and before is not None:
            words = safe("\n".join(list_after(before, stored.event.requirement)))
        if words and not _told(stored.event, job):
            self._lines(Text(words, style=style), self._bar(label))

    def _bar(self, label: str) -> Text:
        """What stands before a job's lines: a bar, and its name in its own colour where others run beside it."""
        if not label:
            return Text(BAR, style="dim")
        place = list(self._activity).index(label) if label in self._activity else 0
        return Text.assemble((BAR, "dim"), (f"{label} ", COLOURS[place % len(COLOURS)]))

    def turn(self, job: str, text: str) -> None:
        """Print what can be done now, unless the answer just said it; its first line stands out."""
        del job
        first, _, rest = text.partition("\n")
        if rest and self._answer.endswith(rest):
            return
        self._console.print(Text(f"\n{safe(first)}", style="bold yellow"))
        if rest:
            self._prose(rest)

    # ------------------------------------------------------------------------------------------- and more

    def said(self, text: str, *, dim: bool = False) -> None:
        """What the person said."""
        lines = safe(text).split("\n")
        shown = "\n  ".join(lines)
        self._console.print(Text.assemble("\n", (f"{MARK} ", "bold cyan"), (shown, "dim" if dim else "bold")))

    def note(self, text: str) -> None:
        """A word of Vulcan's own about the chat."""
        self._console.print(Text(safe(text), style="dim"))

    def header(self, title: str, facts: str, hint: str) -> None:
        """Where one is."""
        self._console.print(Text.assemble((title, "bold cyan"), "  ", safe(facts)))
        self.note(hint)

    def end_line(self) -> None:
        """What has begun to come will not be more."""
        if self._begun:
            self.fragment("\n")

    def _markdown(self, text: str) -> None:
        """A model's Markdown; as it was written where nothing but plain letters can be shown, or are wanted."""
        console = self._console
        if not console.is_terminal or console.no_color or console.width < NARROW:
            self._prose(text)
            return
        if text.startswith("\n"):
            console.print()
        with console.use_theme(THEME):
            console.print(Tight(CitedMarkdown(safe(text))))

    def _prose(self, text: str) -> None:
        shown = Text(safe(text))
        for pattern, style in _MARKS:
            shown.highlight_regex(pattern, style)
        shown.highlight_words([HOW], "dim")
        self._lines(shown, Text())

    def _lines(self, text: Text, prefix: Text) -> None:
        """Print lines; where one goes on, it goes on below its own beginning, not below its number."""
        for line in text.split("\n", allow_blank=True):
            begins = _HANG.match(line.plain)
            hang = begins.end() if begins else 0
            width = self._console.width - len(prefix)
            hang = hang if hang < width // 2 else 0
            head, body = line.divide([hang])
            for number, piece in enumerate(body.wrap(self._console, width - hang) or [Text()]):
                piece.rstrip()
                self._console.print(prefix + (Text(" " * hang) if number else head) + piece)

    def _diff(self, text: str, job: str) -> None:
        lines = safe(text).rstrip("\n").split("\n")
        shown = "\n".join(lines[:LONG_DIFF])
        self._console.print(
            Syntax(shown, "diff", theme="ansi_dark", background_color="default", word_wrap=True)
        )
        if len(lines) > LONG_DIFF:
            self.note(f"... and {len(lines) - LONG_DIFF:,} lines more: vulcan show {job} --diff | less")


def _told(event: Event, job: Job) -> bool:
    """Whether an answer or `turn` says the same as the event's line."""
    if isinstance(event, JobRequested):
        return not event.notes
    if isinstance(event, RequirementsAnalyzed):  # the numbered list follows, until work on it has begun
        return job.request is not None and job.request.confirm and job.generation is None
    return isinstance(event, _TOLD)
