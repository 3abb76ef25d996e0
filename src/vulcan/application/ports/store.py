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
