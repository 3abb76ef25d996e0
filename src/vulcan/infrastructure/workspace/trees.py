"""Checkouts of trees, shared by all who only read them or lay a layer over them; the least used are removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from vulcan.infrastructure.host.leftovers import owned

KEPT = 12
DAY = 86_400.0


class SharedTrees:
    """One folder a tree, made when it is first asked for. Nobody may write to it.

    Whoever uses a tree holds a shared lock on its folder, so that another process does not remove it meanwhile.

    Args:
        root: where the folders are; must be reachable for the boxes' user.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @contextmanager
    def open(self, name: str, make: Callable[[Path], None]) -> Iterator[Path]:
        """The folder of a tree; `make` fills it where it is not there yet."""
        folder = self._root / name
        while (lock := _shared_lock(folder)) is None:
            self._make(folder, make)
        try:
            os.utime(folder)
            yield folder
        finally:
            os.close(lock)
            self._remove_least_used()

    def has(self, name: str) -> bool:
        """Whether a tree's folder is there."""
        return (self._root / name).is_dir()

    def _make(self, folder: Path, make: Callable[[Path], None]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        partial = Path(mkdtemp(prefix=f".{owned('tree')}", dir=self._root))
        try:
            partial.chmod(0o755)
            make(partial / "tree")
            with suppress(OSError):  # another was faster
                (partial / "tree").rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _remove_least_used(self) -> None:
        entries = [(_used(path), path) for path in self._root.iterdir()]
        trees = sorted((at, path) for at, path in entries if not path.name.startswith("."))
        for _, path in trees[:-KEPT]:
            _remove_unused(path)
        for at, path in entries:
            if path.name.startswith(".") and at < time.time() - DAY:  # of a process that was killed
                shutil.rmtree(path, ignore_errors=True)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _shared_lock(folder: Path) -> int | None:
    """A descriptor that holds the folder; None if it is not there (any more)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    with suppress(OSError):
        if os.fstat(descriptor).st_ino == folder.stat().st_ino:
            return descriptor
    os.close(descriptor)
    return None


def _remove_unused(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        gone = folder.with_name(f".removed-{folder.name}-{os.getpid()}")
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    except OSError:
        return  # in use, or removed by another
    finally:
        os.close(descriptor)
