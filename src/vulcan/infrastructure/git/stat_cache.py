"""Remembers which blob a file was when it was last read, so that an unchanged file is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from vulcan.infrastructure.git.folder import Node

_STALE_SECONDS = 7 * 24 * 3600
FINE_SECONDS = 0.1
_MILLISECOND = 1_000_000


class StatCache:
    """One JSON file for each directory, kept in the host's repository, out of the sandbox's reach.

    Args:
        folder: where the caches lie.
        directory: the directory whose files this one remembers.
        settled_after: seconds after which a file system's clock tells a second change from the first.
        fine: the same where a file's own time shows that the clock counts in less than milliseconds (it then ticks
            every 10 ms at most).
    """

    def __init__(
        self, folder: Path, directory: Path, settled_after: float, fine: float = FINE_SECONDS
    ) -> None:
        name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:32]
        self._file = folder / f"{name}.json"
        self._old: dict[str, list[int | str]] = self._load()
        self._new: dict[str, list[int | str]] = {}
        now = time.time_ns()
        self._settled = now - int(settled_after * 1e9)
        self._settled_fine = max(self._settled, now - int(fine * 1e9))

    def blob(self, node: Node) -> str | None:
        """The id of the file's blob, if the file is certainly the one that was read."""
        entry = self._old.get(os.fsdecode(node.path))
        if entry is None or entry[1:] != _identity(node):
            return None
        self._new[os.fsdecode(node.path)] = entry
        return str(entry[0])

    def remember(self, node: Node, oid: str) -> None:
        """Note that the file, as `node` saw it before it was read, is blob `oid`."""
        status = node.status
        settled = self._settled_fine if status.st_ctime_ns % _MILLISECOND else self._settled
        if max(status.st_ctime_ns, status.st_mtime_ns) < settled:
            self._new[os.fsdecode(node.path)] = [oid, *_identity(node)]

    def save(self) -> None:
        """Write what this snapshot saw; to be called once its blobs are stored."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._drop_stale()
        if self._new == self._old:
            return
        draft = self._file.with_name(f"{self._file.name}.{os.getpid()}.tmp")
        draft.write_text(json.dumps(self._new, separators=(",", ":")), "utf-8")
        draft.replace(self._file)

    def _load(self) -> dict[str, list[int | str]]:
        with suppress(OSError, ValueError):
            loaded = json.loads(self._file.read_text("utf-8"))
            if isinstance(loaded, dict):
                return loaded
        return {}

    def _drop_stale(self) -> None:
        oldest = time.time() - _STALE_SECONDS
        for file in self._file.parent.iterdir():
            with suppress(OSError):
                if file.stat().st_mtime < oldest:
                    file.unlink()


def _identity(node: Node) -> list[int | str]:
    status = node.status
    return [status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
