"""Sends a job's trace while it is worked on, from a thread of its own that nobody ever waits for long."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from vulcan.domain.errors import NotSent, VulcanError

if TYPE_CHECKING:
    from vulcan.application.ports import StoredEvent
    from vulcan.application.tracing import Pusher

LONGEST_PAUSE = 30.0


class LiveTraces:
    """An observer that only notes what it saw; what it can't send stays in the log for `vulcan traces push`.

    Args:
        pusher: sends the job's log; used by the thread alone.
        interval: seconds between two sendings, which gather what happened meanwhile.
        deadline: seconds that `close` waits at most for the rest to be sent.
    """

    def __init__(self, pusher: Pusher, *, interval: float = 1.0, deadline: float = 2.0) -> None:
        self._pusher, self._interval, self._deadline = pusher, interval, deadline
        self._news: deque[StoredEvent] = deque()
        self._log: list[StoredEvent] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._begin = threading.Lock()
        self._begun = False
        self._sending_since = float("inf")
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

        A server that failed just now is not waited for at all, and one that hangs already not once more.
        """
        self._closing.set()
        if not self._begun:
            return ""
        if not self.trouble:
            hangs = max(0.0, time.monotonic() - self._sending_since)
            self._thread.join(max(0.0, self._deadline - hangs))
        if self._thread.is_alive() and not self.trouble:
            return "the server does not answer in time"
        return self.trouble

    def _run(self) -> None:
        pause = self._interval
        while True:
            last = self._closing.wait(pause)
            try:
                self._send()
            except NotSent as error:
                self._sending_since = float("inf")
                self.trouble = error.message
                if last or not error.again:
                    return
                pause = max(error.wait, min(2 * pause, LONGEST_PAUSE))
            except VulcanError as error:  # the SDK or a blob is missing, a mark can't be written
                self.trouble = error.message
                return
            else:
                self.trouble, pause = "", self._interval
                if last and not self._news:
                    return

    def _send(self) -> None:
        while self._news:
            stored = self._news.popleft()
            if stored.seq == len(self._log) + 1:
                self._log.append(stored)
        self._sending_since = time.monotonic()
        self._pusher.push(self._log)
        self._sending_since = float("inf")
