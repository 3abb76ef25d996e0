"""Kept test runs as files, `<folder>/<key>`: a line with the digest of what follows, then the run as JSON."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from vulcan.domain.codec import decoder, encode
from vulcan.domain.testing import TestRun
from vulcan.infrastructure.store.blobs import make_private_folder

ROOM = 256 * 1024**2
"""Bytes over all runs that are kept."""
_KEY = re.compile(r"[0-9a-f]{64}")


class FileKeptRuns:
    """The `KeptRuns` in a folder that only its owner can read.

    A run is complete or absent: it is written beside its place and then renamed. What is damaged, or can't be read or
    written, is as if it had never been kept.

    Args:
        folder: created with its parents when the first run is kept.
        room: bytes over all runs; those that were not used for longest make room.
    """

    def __init__(self, folder: Path, room: int = ROOM) -> None:
        self._folder, self._room = folder, room

    def find(self, key: str) -> TestRun | None:
        """The run that was kept under `key`, marked as used now."""
        path = self._path(key)
        try:
            digest, _, content = path.read_bytes().partition(b"\n")
            if hashlib.sha256(content).hexdigest() != digest.decode():
                return None
            run: TestRun = decoder(TestRun)(json.loads(content))
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return run

    def keep(self, key: str, run: TestRun) -> None:
        """Keep a run, and make room for it."""
        content = json.dumps(encode(run), separators=(",", ":")).encode()
        if len(content) > self._room:
            return
        with suppress(OSError):  # a full disk costs a run next time, not this job
            make_private_folder(self._folder)
            self._write(self._path(key), hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
            self._make_room()

    def _path(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"not the key of a run: {key!r}")
        return self._folder / key

    def _write(self, path: Path, content: bytes) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".new-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _make_room(self) -> None:
        """Remove the runs that were not used for longest; another process may be doing the same."""
        used = sorted(((entry.stat(), entry) for entry in os.scandir(self._folder)), key=_by_use)
        left = sum(stat.st_size for stat, _ in used) - self._room
        for stat, entry in used:
            if left <= 0:
                return
            Path(entry.path).unlink(missing_ok=True)
            left -= stat.st_size


def _by_use(pair: tuple[os.stat_result, os.DirEntry[str]]) -> tuple[int, str]:
    return pair[0].st_mtime_ns, pair[1].name
