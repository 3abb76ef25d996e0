"""Observers that show a job while it is worked on: JSON lines, plain lines, or a live view."""

from __future__ import annotations

import json
import sys
import time
from typing import IO, TYPE_CHECKING, Protocol, Self

from vulcan.application.ports import StoredEvent
from vulcan.application.spending import money_in_words
from vulcan.apps.cli.safe import one_line
from vulcan.apps.cli.wording import in_words
from vulcan.domain.codec import encode_event
from vulcan.domain.events import EvidenceJudged, ModelReplied, Stage, StageStarted, ToolCalled
from vulcan.domain.job import Job

if TYPE_CHECKING:
    from rich.columns import Columns


class View(Protocol):
    """Shows a job's events; also a context manager, so that a live display is always put away."""

    def saw(self, stored: StoredEvent) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


class JsonView:
    """One event a line, for machines."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out

    def saw(self, stored: StoredEvent) -> None:
        """Print the event with its place in the log."""
        name, version, payload = encode_event(stored.event)
        record = {"job": stored.job, "seq": stored.seq, "at": round(stored.at, 3), "event": name}
        record |= {"version": version, "payload": payload}
        print(json.dumps(record), file=self._out, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


class PlainView:
    """One line an event, for logs and pipes; tool calls only when asked for."""

    def __init__(self, out: IO[str], *, tools: bool = False) -> None:
        self._out, self._tools = out, tools

    def saw(self, stored: StoredEvent) -> None:
        """Print the event's line, if it has one."""
        if isinstance(stored.event, ToolCalled) and not self._tools:
            return
        words = in_words(stored.event)
        if words:
            clock = time.strftime("%H:%M:%S", time.localtime(stored.at))
            print(f"{clock} {words}", file=self._out, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


class LiveView:
    """For terminals: what happened scrolls by above, a status line below shows stage, cost and time."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._job = Job()
        self._activity = ""
        self._started = time.time()
        self._console = Console(highlight=False)
        self._live = Live(
            get_renderable=self._status, console=self._console, refresh_per_second=4, transient=True
        )

    def saw(self, stored: StoredEvent) -> None:
        """Scroll the event's line by, and bring the status up to date."""
        from rich.text import Text

        event = stored.event
        self._job = self._job.apply(event, stored.at)
        if isinstance(event, ToolCalled):
            self._activity = f"{event.agent}: {event.tool} {one_line(event.summary, 60)}"
        elif isinstance(event, ModelReplied):
            self._activity = f"{event.agent} thought"
        elif words := in_words(event):
            self._activity = ""
            self._console.print(Text(words, style=_style(event)))

    def _status(self) -> Columns:
        from rich.columns import Columns
        from rich.spinner import Spinner
        from rich.text import Text

        usage, job = self._job.usage, self._job
        cost = money_in_words(usage)
        now = time.time()
        place = (
            f"{list(Stage).index(job.stage) + 1}/{len(Stage)} {job.stage.value}" if job.stage else "starting"
        )
        text = (
            f"{place} · round {job.round} · {usage.calls} model calls · {usage.tokens:,} tokens · {cost} · "
            f"{max(0.0, now - self._started):.0f} s"
        )
        status = Text(text, style="bold")
        if self._activity:
            status.append(f"\n  {self._activity}", style="dim")
        return Columns([Spinner("dots"), status])

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)


def _style(event: object) -> str:
    if isinstance(event, StageStarted):
        return "cyan"
    if isinstance(event, EvidenceJudged):
        return "bold green" if event.verdict.proven else "bold yellow"
    return ""


def choose_view(*, as_json: bool, verbose: bool) -> View:
    """JSON if asked for, live on a terminal, plain lines elsewhere."""
    if as_json:
        return JsonView(sys.stdout)
    if sys.stdout.isatty() and not verbose:
        return LiveView()
    return PlainView(sys.stdout, tools=verbose)
