"""Keeps below a workspace's limit on messages, since the limit is on all its users together."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(slots=True)
class _Bucket:
    """Places left at a moment of the machine's monotonic clock, which all its processes share."""

    left: float
    at: float
    held_until: float = 0.0


class Limiter:
    """A bucket that holds one minute's messages and fills again evenly.

    Args:
        per_minute: messages.
        file: where the bucket stands for all processes of this machine; without it, it is this process's own.
    """

    def __init__(self, per_minute: int, file: Path | None = None) -> None:
        self._rate, self._size = per_minute / 60.0, float(per_minute)
        self._own = _Bucket(self._size, time.monotonic())
        self._file = file

    def reserve(self, now: float) -> float:
        """Take one message's place; returns the seconds to wait for it."""
        with self._bucket(now) as bucket:
            bucket.left = min(self._size, bucket.left + (now - bucket.at) * self._rate) - 1
            bucket.at = now
            return max(0.0, -bucket.left / self._rate, bucket.held_until - now)

    def hold(self, seconds: float, now: float) -> None:
        """Let nobody through for a while: Dust said that the limit is hit."""
        with self._bucket(now) as bucket:
            bucket.held_until = max(bucket.held_until, now + seconds)

    async def enter(self) -> None:
        """Wait for a place."""
        await asyncio.sleep(self.reserve(time.monotonic()))

    @contextmanager
    def _bucket(self, now: float) -> Iterator[_Bucket]:
        if self._file is None:
            yield self._own
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            bucket = self._read(handle, now)
            yield bucket
            text = json.dumps([bucket.left, bucket.at, bucket.held_until]).encode()
            os.pwrite(handle, text.ljust(os.fstat(handle).st_size), 0)
        finally:
            os.close(handle)

    def _read(self, handle: int, now: float) -> _Bucket:
        """The bucket of the file; a full one where there is none, or it is damaged or from before a reboot."""
        try:
            left, at, held_until = map(float, json.loads(os.pread(handle, 1024, 0)))
        except (ValueError, TypeError):
            return _Bucket(self._size, now)
        return _Bucket(left, at, held_until) if at <= now else _Bucket(self._size, now)


@cache
def limiter_of(url: str, workspace: str, per_minute: int, folder: Path | None = None) -> Limiter:
    """The one limiter of a workspace; with a folder, for all processes that share it."""
    name = hashlib.sha256(f"{url} {workspace}".encode()).hexdigest()[:16]
    return Limiter(per_minute, folder / f"dust-{name}" if folder else None)
