"""Event and blob stores in memory: what unit tests use in place of the files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from vulcan.application.observability.audit import seal_event
from vulcan.application.ports import BlobStore, Chain, Link, StoredEvent
from vulcan.domain.errors import ConcurrentAppend, VulcanError
from vulcan.domain.events import Event
from vulcan.infrastructure.store.records import Record, from_record, to_record


class MemoryBlobStore:
    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = content
        return digest

    def get(self, digest: str) -> bytes:
        content = self.contents.get(digest)
        if content is None:
            raise VulcanError(f"blob {digest} is missing")
        if hashlib.sha256(content).hexdigest() != digest:
            raise VulcanError(f"blob {digest} is damaged")
        return content


class MemoryEventStore:
    """Events go through their JSON form, so that a unit test sees what a resumed job would see."""

    def __init__(self, blobs: BlobStore | None = None, now: Callable[[], float] | None = None) -> None:
        self._blobs = blobs or MemoryBlobStore()
        self._logs: dict[str, list[tuple[float, Record]]] = {}
        self._links: list[Link] = []
        self._now = now or map(float, count(1)).__next__

    def append(self, job: str, expected_seq: int, events: Sequence[Event]) -> list[StoredEvent]:
        log = self._logs.get(job, [])
        if len(log) != expected_seq:
            raise ConcurrentAppend(f"the log of job {job} ends at {len(log)}, not at {expected_seq}")
        at = self._now()
        records = [(at, to_record(event, self._blobs)) for event in events]
        if records:
            self._logs[job] = log + records
        for seq, (_, record) in enumerate(records, expected_seq + 1):
            place = (job, seq, at, record.name, record.version, record.content)
            head = seal_event(self._links[-1].digest if self._links else "", *place)
            self._links.append(Link(len(self._links) + 1, *place, head))
        return [StoredEvent(job, seq, at, event) for seq, event in enumerate(events, expected_seq + 1)]

    def read(self, job: str, after: int = 0) -> list[StoredEvent]:
        after = max(after, 0)
        return [
            StoredEvent(job, seq, at, from_record(record, self._blobs))
            for seq, (at, record) in enumerate(self._logs.get(job, [])[after:], after + 1)
        ]

    def jobs(self) -> list[str]:
        return list(self._logs)

    def follow(self, job: str, after: int = 0) -> Iterator[StoredEvent | None]:
        while True:
            news = self.read(job, after)
            for stored in news:
                after = stored.seq
                yield stored
            if not news:
                yield None

    def changed(self, after: int) -> tuple[int, list[str]]:
        return len(self._links), list(dict.fromkeys(link.job for link in self._links[after:]))

    def chain(self) -> Chain:
        head = self._links[-1].digest if self._links else ""
        return Chain(list(self._links), 1, 0, len(self._links), head)

    def check(self) -> None:
        """Nothing in memory is damaged."""
