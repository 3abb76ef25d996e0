"""Jobs are worked on in processes of their own, so that a conversation stays quick and its end is not theirs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.ports import EventStore
from vulcan.domain.events import Worker, WorkStarted
from vulcan.domain.job import Job, apply

TAIL = 2_000


@dataclass(slots=True)
class _Started:
    """A process, how long the job's log was before it, and whether it has taken the job."""

    process: subprocess.Popen[bytes]
    seq: int
    taken: bool = False


class WorkerProcesses:
    """Starts `vulcan resume JOB` in the background.

    Args:
        store: the jobs' logs.
        alive: whether a worker still lives.
        folder: where what a process says on standard error is kept.
        options: command-line options for each process.
        environ: its environment.
    """

    def __init__(
        self,
        store: EventStore,
        alive: Callable[[Worker], bool],
        folder: Path,
        options: Sequence[str],
        environ: Mapping[str, str],
    ) -> None:
        self._store, self._alive, self._folder = store, alive, folder
        self._options, self._environ = tuple(options), dict(environ)
        self._asked: set[int] = set()
        self._states: dict[str, Job] = {}
        self._started: dict[str, _Started] = {}

    def use_model(self, name: str) -> None:
        """Have processes that are started from now on ask this model, whatever a job was ordered with."""
        kept = list(self._options)
        if "--model" in kept:
            place = kept.index("--model")
            del kept[place : place + 2]
        self._options = (*kept, "--model", name)

    def start(self, job: str) -> None:
        """Have the job worked on; one that is being worked on is left alone."""
        if self.busy(job):
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        seq = len(self._store.read(job))
        command = [sys.executable, "-m", "vulcan", "resume", job, "--json", *self._options]
        with self._said(job).open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=self._environ,
                start_new_session=True,  # a terminal's Ctrl-C is the conversation's, not the job's
            )
        self._asked.discard(process.pid)
        self._started[job] = _Started(process, seq)

    def pause(self, job: str) -> bool:
        """Ask the job's worker to let go, once: a second signal would not let it put its work away. False if none is."""
        starting, holder = self._starting(job), self._state(job).worker
        if holder is not None and self._alive(holder):
            return self._ask(holder.pid, signal.SIGINT)
        return starting and self._ask(self._started[job].process.pid, signal.SIGTERM)

    def _ask(self, pid: int, number: int) -> bool:
        if pid not in self._asked:
            self._asked.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return True

    def busy(self, job: str) -> bool:
        """Whether a living process works on the job, or is about to."""
        starting = self._starting(job)  # asked first: it may take the job in between
        holder = self._state(job).worker
        return starting or (holder is not None and self._alive(holder))

    def trouble(self, job: str) -> str:
        """What the job's last process said before it failed without a word in the log; else empty."""
        if job not in self._started:
            return ""
        started = self._started[job]
        if not started.process.poll() or self._state(job).seq > started.seq:
            return ""
        return self._said(job).read_text(encoding="utf-8", errors="replace")[-TAIL:].strip()

    def _state(self, job: str) -> Job:
        state = self._states.get(job, Job())
        for stored in self._store.read(job, state.seq):
            self._states[job] = state = apply(state, stored.event, stored.at)
        return state

    def _starting(self, job: str) -> bool:
        """Whether a process was started that has not taken the job yet."""
        started = self._started.get(job)
        if started is None or started.taken or started.process.poll() is not None:
            return False
        news = (stored.event for stored in self._store.read(job, started.seq))
        started.taken = any(isinstance(e, WorkStarted) and e.worker.pid == started.process.pid for e in news)
        return not started.taken

    def _said(self, job: str) -> Path:
        return self._folder / f"{job}.log"
