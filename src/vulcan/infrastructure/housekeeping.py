"""Bounds the state folder: what is made again when it is needed makes room, the least recently used first.

Logs, blobs, keys, the forge and the work of jobs that can go on are never touched.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.ports.installation import Freed, StoredItem

ENVIRONMENT, TREE, WHEEL, RUN, JOB, TOOL = (
    "environment",
    "tree",
    "wheel",
    "kept run",
    "ended job's folder",
    "old tool",
)
PYTHONS, WHEELS, READY = "pythons", "wheels", "ready.json"
BLOCK = 512
LATELY = 3600.0


@dataclass(frozen=True, slots=True)
class InUse:
    """What must stay.

    Attributes:
        environments: digests of environments that living jobs are in.
        ended: jobs that can't go on; folders of all others stay.
        tools: the folder of today's tools.
        living: whether any job is worked on at this moment.
    """

    environments: frozenset[str]
    ended: frozenset[str]
    tools: Path
    living: bool


def tidy(state: Path, in_use: InUse, keep: int, now: float, *, dry_run: bool = False) -> Freed:
    """Remove what nobody comes back to, and of the rest the least recently used until `keep` bytes are left."""
    useless = [*_ended_jobs(state, in_use), *_old_tools(state, in_use)]
    rest = sorted(_caches(state, in_use, now), key=lambda item: (item.used, str(item.path)))
    left, chosen = sum(item.size for item in rest), []
    for item in rest:
        if left <= keep:
            break
        left -= item.size
        chosen.append(item)
    removed = [item for item in (*useless, *chosen) if dry_run or _remove(item)]
    kept = sum(item.size for item in rest) - sum(item.size for item in removed if item in chosen)
    return Freed(tuple(removed), kept)


def _ended_jobs(state: Path, in_use: InUse) -> Iterator[StoredItem]:
    yield from (_item(JOB, path) for path in _entries(state / "jobs") if path.name in in_use.ended)


def _old_tools(state: Path, in_use: InUse) -> Iterator[StoredItem]:
    if not in_use.living:  # one that was started before an upgrade has the tools of then
        yield from (_item(TOOL, path) for path in _entries(state / "tools") if path != in_use.tools)


def _caches(state: Path, in_use: InUse, now: float) -> Iterator[StoredItem]:
    environments = state / "environments"
    used = {digest[:24] for digest in in_use.environments}
    for path in _entries(environments):
        if path.name in (PYTHONS, WHEELS) or path.name in used or not (path / READY).is_file():
            continue
        item = _item(ENVIRONMENT, path, path / READY)
        if item.used <= now - LATELY:  # somebody may be about to say that it is in use
            yield item
    if not in_use.living:  # each tool's cache goes as a whole: without some of its files it is damaged
        yield from (_item(WHEEL, path, _newest(path)) for path in _entries(environments / WHEELS))
    yield from (_item(TREE, path) for path in _entries(state / "trees") if not _is_locked(path))
    yield from (_item(RUN, path) for path in _entries(state / "runs"))


def _entries(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if not name.startswith(".")]  # noqa: PTH208
    except OSError:
        return []


def _files(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in names)


def _item(kind: str, path: Path, sign: Path | None = None) -> StoredItem:
    """`sign` is the file that is read whenever the thing is used."""
    used = 0.0
    with suppress(OSError):
        seen = (sign or path).lstat()
        used = max(seen.st_mtime, seen.st_atime if sign else 0.0)
    return StoredItem(kind, path, _size(path), used)


def _newest(folder: Path) -> Path:
    """What was made last below a folder; the folder itself where it is empty."""
    return max(_files(folder), key=_made, default=folder)


def _made(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    places = (
        [path, *_files(path), *(Path(place) for place, _, _ in os.walk(path))] if path.is_dir() else [path]
    )
    return sum(_blocks(place) for place in set(places))


def _blocks(path: Path) -> int:
    try:
        return path.lstat().st_blocks * BLOCK
    except OSError:
        return 0


def _is_locked(folder: Path) -> bool:
    """Whether a process holds a checkout."""
    if (descriptor := _locked(folder)) is None:
        return True
    os.close(descriptor)
    return False


def _locked(folder: Path) -> int | None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove(item: StoredItem) -> bool:
    """Remove it whole or leave it whole: it is moved out of the way first, so that nobody finds half of it."""
    lock = _locked(item.path)
    if lock is None:
        return False
    try:
        if not item.path.is_dir():
            item.path.unlink(missing_ok=True)
            return True
        gone = item.path.with_name(f".removed-{item.path.name}-{os.getpid()}")
        item.path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
