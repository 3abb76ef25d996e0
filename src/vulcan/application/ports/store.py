"""Logs of events, large payloads, time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from vulcan.domain.events import Event


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in the log of one job; `seq` counts from 1, `at` is seconds since the epoch."""

    job: str
    seq: int
    at: float
    event: Event


@dataclass(frozen=True, slots=True)
class Link:
    """One line of the chain; `content` is the SHA-256 of the event's payload, `digest` the stored hash."""

    id: int
    job: str
    seq: int
    at: float
    name: str
    version: int
    content: str
    digest: str


@dataclass(frozen=True, slots=True)
class Chain:
    """All links in their order, and what the store remembers of their number and end.

    Attributes:
        first: id of the first link; events with a lower one were appended before there was a chain.
        older: number of those, of which nothing can be said.
        length: how many links there must be.
        head: digest of the newest.
    """

    links: Sequence[Link]
    first: int
    older: int
    length: int
    head: str


class EventStore(Protocol):
    """Append-only logs, one a job."""

    def append(self, job: str, expected_seq: int, events: Sequence[Event]) -> list[StoredEvent]:
        """Append after `expected_seq` (0 for a new job).

        The events are durable against a kill of the process when this returns.

        Raises:
            ConcurrentAppend: the log does not end at `expected_seq`; nothing was written.
        """

    def read(self, job: str, after: int = 0) -> list[StoredEvent]:
        """All events with a sequence number above `after`, oldest first; empty for an unknown job."""

    def jobs(self) -> list[str]:
        """All job ids, oldest first."""

    def follow(self, job: str, after: int = 0) -> Iterator[StoredEvent | None]:
        """Events as they come, from any process; yields None whenever there is nothing new for now."""

    def changed(self, after: int) -> tuple[int, list[str]]:
        """The place of the newest event over all logs, and the logs with events above place `after`."""

    def chain(self) -> Chain:
        """The hash chain over all logs, as it is stored: nothing of it is checked here."""

    def check(self) -> None:
        """Look whether the store can be read; raises `VulcanError` where it is damaged."""


class BlobStore(Protocol):
    """Large payloads, addressed by the SHA-256 of their content."""

    def put(self, content: bytes) -> str:
        """Store `content` and return its digest (64 hex digits); storing the same again is free."""

    def get(self, digest: str) -> bytes:
        """The content of `digest`; raises `VulcanError` if it is missing or damaged."""


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
