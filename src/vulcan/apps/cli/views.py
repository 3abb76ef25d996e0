"""Observers that show a job while it is worked on: JSON lines, plain lines, or a live view."""

from __future__ import annotations

import json
import sys
import time
from typing import IO, TYPE_CHECKING, Protocol, Self

from vulcan.application.ports import StoredEvent
from vulcan.apps.cli.status import BETWEEN, activity_after, line_of, status_parts
from vulcan.apps.cli.terminals import is_dumb
from vulcan.apps.cli.wording import in_words
from vulcan.domain.codec import encode_event
from vulcan.domain.events import ToolCalled
from vulcan.domain.job import Job, apply

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

    def saw(self, stored: StoredEvent, label: str = "") -> None:
        """Print the event's line, if it has one; `label` tells it from those of another job."""
        if isinstance(stored.event, ToolCalled) and not self._tools:
            return
        words = in_words(stored.event)
        if words:
            clock = time.strftime("%H:%M:%S", time.localtime(stored.at))
            print(f"{clock} {label}{' ' if label else ''}{words}", file=self._out, flush=True)

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
        self._console = Console(highlight=False)
        self._live = Live(
            get_renderable=self._status, console=self._console, refresh_per_second=4, transient=True
        )

    def saw(self, stored: StoredEvent) -> None:
        """Scroll the event's line by, and bring the status up to date."""
        from rich.text import Text

        self._job = apply(self._job, stored.event, stored.at)
        self._activity = activity_after(stored, self._activity)
        words, style = line_of(stored)
        if words:
            self._console.print(Text(words, style=style))

    def _status(self) -> Columns:
        from rich.columns import Columns
        from rich.spinner import Spinner
        from rich.text import Text

        status = Text(
            BETWEEN.join(status_parts(self._job, self._job.seconds_worked(time.time()))), style="bold"
        )
        if self._activity:
            status.append(f"\n  {self._activity}", style="dim")
        return Columns([Spinner("dots"), status])

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._live.__exit__(None, None, None)


def choose_view(*, as_json: bool, verbose: bool) -> View:
    """JSON if asked for, live on a terminal, plain lines elsewhere."""
    if as_json:
        return JsonView(sys.stdout)
    if sys.stdout.isatty() and not is_dumb() and not verbose:
        return LiveView()
    return PlainView(sys.stdout, tools=verbose)
