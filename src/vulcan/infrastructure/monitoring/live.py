"""Sends a job's trace while it is worked on, from a thread of its own that nobody ever waits for long."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from vulcan.domain.errors import NotSent, VulcanError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vulcan.application.observability.trace_export import TraceExporter
    from vulcan.application.ports import StoredEvent

LONGEST_PAUSE = 30.0
QUICK = 0.5
"""Seconds for an answer above which a server is not waited for at the end."""
SHARE, LONGEST_GAP = 20, 2.0
"""Sending takes at most a twentieth of a processor, as far as it then still comes every two seconds."""


class LiveTraces:
    """An observer that only notes what it saw; what it can't send stays in the log for `vulcan traces push`.

    Args:
        exporter: sends the job's log; used by the thread alone.
        interval: seconds between two sendings, which gather what happened meanwhile.
        older: logs of earlier jobs that a server which was away is still owed; sent one at a time beside this job.
        grace: seconds that `close` waits at most for the rest to be sent.
    """

    def __init__(
        self,
        exporter: TraceExporter,
        older: Iterable[Sequence[StoredEvent]] = (),
        *,
        interval: float = 1.0,
        grace: float = 1.0,
    ) -> None:
        self._exporter, self._interval, self._grace = exporter, interval, grace
        self._older = iter(older)
        self._news: deque[StoredEvent] = deque()
        self._log: list[StoredEvent] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._begin = threading.Lock()
        self._begun = False
        self._waiting_since = float("inf")
        self._well = False
        self.trouble = ""
        """Why not everything is sent; empty if it is."""

    def saw(self, stored: StoredEvent) -> None:
        """Note an event; takes no time and can't fail."""
        self._news.append(stored)
        if not self._begun:
            with self._begin:
                if not self._begun:
                    self._begun = True
                    self._thread.start()

    def close(self) -> str:
        """Let the rest be sent, for a moment at most; returns why not all of it was, or an empty text.

        Only a server that answers is waited for: not one that failed just now or was slow to answer, and one that
        hangs no longer than it already did. The log has what is missing.
        """
        self._closing.set()
        if not self._begun:
            return ""
        if not self.trouble and (self._exporter.latency or 0.0) <= QUICK:
            hangs = max(0.0, time.monotonic() - self._waiting_since)
            self._thread.join(max(0.0, self._grace - hangs))
        if self._thread.is_alive() and not self.trouble:
            return "the server does not answer in time"
        return self.trouble

    def _run(self) -> None:
        pause = 0.0
        while True:
            last = self._closing.wait(pause)
            try:
                spent = self._attempt()
            except NotSent as error:
                self.trouble = error.message
                if last or not error.again:
                    return
                pause = max(error.wait, min(2 * (pause or self._interval), LONGEST_PAUSE))
            except VulcanError as error:  # the SDK or a blob is missing, a mark can't be written
                self.trouble = error.message
                return
            else:
                self.trouble = ""
                pause = max(self._interval, min(SHARE * spent, LONGEST_GAP))
                if last and not self._news:
                    return

    def _attempt(self) -> float:
        """Send what is new; returns the seconds of a processor that it took.

        A server that is not known to be well is asked first: that costs little, gathering spans for nobody does not.
        """
        before = time.thread_time()
        self._waiting_since = time.monotonic()
        well, self._well = self._well, False
        try:
            if not well:
                self._exporter.begin(self._news[0].job if self._news else self._log[0].job)
                self._exporter.ready()
            self._send()
            if not self._closing.is_set() and (log := next(self._older, None)):
                self._exporter.push(log)
        finally:
            self._waiting_since = float("inf")
        self._well = True
        return time.thread_time() - before

    def _send(self) -> None:
        while self._news:
            stored = self._news.popleft()
            if stored.seq == len(self._log) + 1:
                self._log.append(stored)
        self._exporter.push(self._log)
