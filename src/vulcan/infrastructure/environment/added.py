"""What a build added to a tree, taken over by the host without following a link that the build may have left."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
LARGEST_FILE = 512 * 1024**2
LARGEST_SUM = 4 * 1024**3
MOST_FILES = 5_000
DEEPEST = 64
FOLDERS, FILES = "folders", "files"
LEFT_OUT = frozenset({"__pycache__", ".git", ".pytest_cache", ".ruff_cache", ".mypy_cache"})
LEFT_OUT_ENDINGS = (".egg-info", ".dist-info", ".pyc")

Listing = dict[str, str]
"""Path below a root -> `folder`, `link`, or `SIZE MTIME_NS` of a regular file."""


def listing(root: Path) -> Listing:
    """All entries below a folder."""
    found: Listing = {}
    with _opened(root) as descriptor:
        _list(descriptor, "", found)
    return found


class _opened:  # noqa: N801 - used as a function
    """A folder's descriptor, closed at the end."""

    def __init__(self, path: Path | str, parent: int | None = None) -> None:
        self._descriptor = os.open(path, FOLDER, dir_fd=parent)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _list(folder: int, prefix: str, found: Listing) -> None:
    if prefix.count("/") > DEEPEST:
        return
    for name in sorted(os.listdir(folder)):
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        path = f"{prefix}{name}"
        if stat.S_ISDIR(status.st_mode):
            found[path] = "folder"
            with suppress(OSError), _opened(name, folder) as below:
                _list(below, f"{path}/", found)
        elif stat.S_ISREG(status.st_mode):
            found[path] = f"{status.st_size} {status.st_mtime_ns}"
        else:
            found[path] = "link"


@dataclass(frozen=True, slots=True)
class Added:
    """What was taken over: folders that are new as a whole, and single files; `note` says what was left behind."""

    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    note: str = ""


def take_added(source: Path, before: Listing, target: Path) -> Added:
    """Take what is new below `source`: new folders are moved to `target`/folders, new files copied to `target`/files.

    Changes of files that were there before are not taken: a build that rewrites the project's own files would
    change what is tested.
    """
    folders: list[str] = []
    files: list[str] = []
    room = LARGEST_SUM
    note = ""
    with _opened(source) as root:
        for path, kind in _new(root, "", before):
            if len(files) >= MOST_FILES:
                note = f"the build made more than {MOST_FILES} files beside the project's own"
                break
            if kind == "folder":
                _move(root, path, target / FOLDERS)
                folders.append(path)
            elif (size := _copy(root, path, target / FILES, min(room, LARGEST_FILE))) >= 0:
                room -= size
                files.append(path)
            else:
                note = f"{path} is larger than what is kept of a build"
    return Added(tuple(folders), tuple(files), note)


def _new(folder: int, prefix: str, before: Listing) -> Iterator[tuple[str, str]]:
    for name in sorted(os.listdir(folder)):
        path = f"{prefix}{name}"
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if name in LEFT_OUT or name.endswith(LEFT_OUT_ENDINGS):
            continue
        if stat.S_ISDIR(status.st_mode):
            if path not in before:
                yield path, "folder"
            elif before[path] == "folder":
                with _opened(name, folder) as below:
                    yield from _new(below, f"{path}/", before)
        elif stat.S_ISREG(status.st_mode) and path not in before:
            yield path, "file"


def _walk(root: int, path: str) -> int:
    """A descriptor of the folder that holds the last part of a path; no link is followed on the way."""
    descriptor = os.dup(root)
    for part in path.split("/")[:-1]:
        try:
            below = os.open(part, FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _move(root: int, path: str, target: Path) -> None:
    place = target / path
    place.parent.mkdir(parents=True, exist_ok=True)
    parent = _walk(root, path)
    try:
        os.rename(place.name, place, src_dir_fd=parent)
    finally:
        os.close(parent)


def _copy(root: int, path: str, target: Path, most: int) -> int:
    """Copy one regular file; returns its size, or -1 if it is too large or was no regular file."""
    parent = _walk(root, path)
    try:
        descriptor = os.open(path.rsplit("/", 1)[-1], os.O_RDONLY | FILE, dir_fd=parent)
    finally:
        os.close(parent)
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(source.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > most:
            return -1
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as copy:
            shutil.copyfileobj(source, copy)
        place.chmod(0o755 if status.st_mode & 0o111 else 0o644)
    return status.st_size
