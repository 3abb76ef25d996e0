"""Figures of all jobs for whoever asks again and again: each asking costs what is new since the last one."""

from __future__ import annotations

import threading

from vulcan.application.observability.stats import Stats, of_job, total
from vulcan.application.ports import EventStore

BLOCK = 100
"""Jobs that are summed together: with 10,000 jobs a change costs 200 additions instead of 10,000."""


class IncrementalStats:
    """Figures that are kept up with the log; may be asked by several threads.

    The jobs are always summed in the same order, so that rounding never makes a counter go down.
    """

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._place = 0
        self._block_of: dict[str, int] = {}
        self._blocks: list[dict[str, Stats]] = []
        self._sums: list[Stats] = []
        self._total = Stats()

    def __call__(self) -> Stats:
        """The figures as of now."""
        with self._lock:
            place, changed = self._store.changed(self._place)
            for block in {self._renew(job) for job in changed}:
                self._sums[block] = total(self._blocks[block].values())
            if changed:
                self._total = total(self._sums)
            self._place = place
            return self._total

    def _renew(self, job: str) -> int:
        """Bring one job's figures up to date; returns its block."""
        block = self._block_of.setdefault(job, len(self._block_of) // BLOCK)
        if block == len(self._blocks):
            self._blocks.append({})
            self._sums.append(Stats())
        self._blocks[block][job] = of_job(self._store.read(job))
        return block
