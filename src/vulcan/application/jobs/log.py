"""One job's log as its worker sees it: append first, then act."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from vulcan.application.ports import BlobStore, Clock, EventStore, Observer, StoredEvent
from vulcan.domain.budget import Usage
from vulcan.domain.errors import BudgetExceeded, Cancelled, ConcurrentAppend, Fenced, JobNotFound
from vulcan.domain.events import (
    BudgetWarned,
    Event,
    JobCancelled,
    JobUndone,
    ModelReplied,
    ModelWaited,
    RepliesDropped,
    ToolCalled,
    WorkspaceSnapshotted,
    WorkStarted,
)
from vulcan.domain.job import Job, apply

Snapshot = Callable[[], str]

CHANGING_TOOLS = frozenset({"edit", "write"})
"""Tools after which the workspace is worth a snapshot before the model is asked again."""


class JobLog:
    """The events of one job, folded; the only way in which a worker appends.

    Args:
        observers: told of each event that this worker appends or reads.
    """

    def __init__(
        self, job: str, store: EventStore, blobs: BlobStore, clock: Clock, observers: Sequence[Observer] = ()
    ) -> None:
        self.id = job
        self.job = Job()
        self.clock = clock
        self._store, self._blobs, self._observers = store, blobs, observers
        self._epoch: int | None = None
        self._recorded: dict[str, str] = {}
        self._steering_seen: dict[str, int] = {}
        self.refresh()

    @classmethod
    def existing(
        cls, job: str, store: EventStore, blobs: BlobStore, clock: Clock, observers: Sequence[Observer] = ()
    ) -> JobLog:
        """The log of a job that must exist; raises `JobNotFound` else."""
        log = cls(job, store, blobs, clock, observers)
        if log.job.request is None:
            raise JobNotFound(f"there is no job {job}", hint="List the jobs with: vulcan jobs")
        return log

    def refresh(self) -> list[StoredEvent]:
        """Read what others appended."""
        fresh = self._store.read(self.id, self.job.seq)
        self._take(fresh)
        return fresh

    def append(self, *events: Event, unless: Callable[[Job], bool] | None = None) -> bool:
        """Append, and fold what was appended; False, and nothing is appended, where `unless` holds at that moment.

        What another process appends meanwhile (an answer, an approval) is taken in first.

        Raises:
            Fenced: another worker took the job.
            Cancelled: a person cancelled it.
        """
        while unless is None or not unless(self.job):
            try:
                self._take(self._store.append(self.id, self.job.seq, events))
            except ConcurrentAppend:
                self._stop_if_taken(self.refresh())
            else:
                return True
        return False

    def claim(self, event: WorkStarted) -> None:
        """Take the job; from now on an append of this worker fails once another worker has claimed it.

        Raises:
            Fenced: another worker claimed it at the same moment and was faster.
        """
        self._epoch = self.job.epoch
        self.append(event)
        self._epoch = event.epoch

    def listen(self) -> None:
        """Take in what people and other workers said; raises as `append` does."""
        self._stop_if_taken(self.refresh())

    def _take(self, stored: Sequence[StoredEvent]) -> None:
        for entry in stored:
            self.job = apply(self.job, entry.event, entry.at)
            if isinstance(entry.event, ModelReplied | ToolCalled):
                self._recorded[entry.event.key] = entry.event.payload
            if isinstance(entry.event, ModelReplied):
                self._steering_seen[entry.event.key] = entry.event.steering_seen
            if isinstance(entry.event, RepliesDropped):
                self._recorded = without(self._recorded, entry.event.keys)
            for observer in self._observers:
                observer.saw(entry)

    def _stop_if_taken(self, fresh: Sequence[StoredEvent]) -> None:
        for entry in fresh:
            taken = isinstance(entry.event, WorkStarted) and entry.event.epoch != self._epoch
            if taken and self._epoch is not None:
                raise Fenced(f"another worker took job {self.id}")
            if isinstance(entry.event, JobCancelled | JobUndone):
                raise Cancelled(f"job {self.id} was cancelled")

    # ------------------------------------------------------------------------------------- payloads

    def keep(self, text: str) -> str:
        """Store a large text; returns its digest."""
        return self._blobs.put(text.encode(errors="surrogatepass"))

    def kept(self, digest: str) -> str:
        """The text of a digest."""
        return self._blobs.get(digest).decode(errors="surrogatepass")

    def payload(self, key: str) -> str | None:
        """What was recorded under `key` by a model reply or tool call."""
        digest = self._recorded.get(key)
        return None if digest is None else self.kept(digest)

    def steering_seen(self, key: str) -> int | None:
        """How many steering messages the model knew when it gave the reply recorded under `key`."""
        return self._steering_seen.get(key)


def without(recorded: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """What is recorded, but for some replies and what came of them."""
    return {
        key: digest
        for key, digest in recorded.items()
        if not any(key == dropped or key.startswith(f"{dropped}/") for dropped in keys)
    }


class JobCalls:
    """The `CallJournal` of one stage: replies and results become events before the next step.

    `steering_seen` counts the steering messages that the model of this stage knows.

    Args:
        snapshot: stores the workspace and returns the tree's id; called when tools changed files.
    """

    def __init__(self, log: JobLog, snapshot: Snapshot | None = None) -> None:
        self._log = log
        self._snapshot = snapshot
        self._changed = False
        self.steering_seen = self._told = len(log.job.steering)

    def recorded(self, key: str) -> str | None:
        """The payload recorded under `key`, or None."""
        seen = self._log.steering_seen(key)
        if seen is not None:
            self.steering_seen = seen
        return self._log.payload(key)

    def steering(self) -> tuple[str, ...]:
        """All that the person has said to the job while it was under way, this moment included."""
        self._log.listen()
        said = self._log.job.steering
        self._told = len(said)
        return said

    def record_reply(
        self, key: str, agent: str, model: str, usage: Usage, payload: str, prompt: str = ""
    ) -> None:
        """Append a model's reply."""
        digest = self._log.keep(payload)
        self.steering_seen = self._told  # only a reply shows it: a call may be prepared and never made
        self._log.append(ModelReplied(key, agent, model, usage, digest, prompt, self.steering_seen))

    def record_wait(self, agent: str, seconds: float, reason: str) -> None:
        """Append that the agent waits before it asks its model again."""
        self._log.append(ModelWaited(agent, seconds, reason))

    def drop(self, keys: tuple[str, ...], reason: str) -> None:
        """Append that these replies count no more."""
        self._log.append(RepliesDropped(keys, reason))

    def record_tool(self, key: str, agent: str, tool: str, summary: str, payload: str) -> None:
        """Append a tool's result."""
        self._changed = self._changed or tool in CHANGING_TOOLS
        self._log.append(ToolCalled(key, agent, tool, summary, self._log.keep(payload)))

    def check_budget(self) -> None:
        """Take in what people said, snapshot what changed, and stop where a limit is used up."""
        self._log.listen()
        if self._changed and self._snapshot is not None:
            self._log.append(WorkspaceSnapshotted(self._snapshot()))
            self._changed = False
        job = self._log.job
        seconds = job.seconds_worked(self._log.clock.now())
        spent = job.budget.exceeded(job.usage, seconds)
        if spent:
            raise BudgetExceeded(spent)
        warnings = [event for event in _warnings(job, seconds) if event.name not in job.warned]
        if warnings:
            self._log.append(*warnings)


def _warnings(job: Job, seconds: float) -> list[BudgetWarned]:
    near = [BudgetWarned(limit.name, limit.words) for limit in job.budget.nearly_spent(job.usage, seconds)]
    if job.budget.blind(job.usage):
        words = "the price of the model is unknown: tokens, calls and time are the limits that hold"
        near.append(BudgetWarned("price", words))
    return near
