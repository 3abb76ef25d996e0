"""A folder that hostile code has written to, reached so that no symlink in it is ever followed.

Each path is opened one component at a time with O_NOFOLLOW; only regular files are read, without waiting (a
FIFO can't hang the host). Names are bytes throughout.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LONGEST_PATH = 3_900
_SYMLINK_IN_THE_WAY = {errno.ELOOP, errno.EMLINK}
_HFS_IGNORED = dict.fromkeys(
    [*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF],
)


@dataclass(frozen=True, slots=True)
class Node:
    """Something in the folder, as lstat saw it."""

    path: bytes
    status: os.stat_result

    @property
    def folder(self) -> bool:
        """Whether it is a real folder."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def link(self) -> bool:
        """Whether it is a symlink."""
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def file(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.status.st_mode)

    @property
    def recordable(self) -> bool:
        """Whether a tree can hold it; a FIFO, a socket or a device can't be."""
        return self.file or (self.link and not _base(self.path).lower().startswith(b".gitmodules"))


class Folder:
    """Reads and writes below `root`, without ever leaving it."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._path = b""
        self._fd = os.dup(self._root)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        os.close(self._root)

    def nodes(self, folder: bytes) -> list[Node]:
        """What lies in `folder`, git's own files left out; nothing if it can't be read."""
        nodes: list[Node] = []
        with suppress(OSError), os.scandir(self._open(folder)) as found:
            for item in found:
                name = os.fsencode(item.name)
                path = folder + b"/" + name if folder else name
                if is_dotgit(name) or len(path) > _LONGEST_PATH:
                    continue
                with suppress(FileNotFoundError):
                    nodes.append(Node(path, item.stat(follow_symlinks=False)))
        return nodes

    def look(self, path: bytes) -> Node | None:
        """The node at `path`, None if there is none; other errors (no permission) are the caller's."""
        try:
            status = os.stat(_base(path), dir_fd=self._open(_parent(path)), follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno in _SYMLINK_IN_THE_WAY:
                return None
            raise
        return Node(path, status)

    def read(self, path: bytes, *, link: bool = False) -> bytes | None:
        """A regular file's content, or where a symlink points; None if it is neither or can't be read."""
        with suppress(OSError):
            parent = self._open(_parent(path))
            if link:
                return os.readlink(_base(path), dir_fd=parent)
            with os.fdopen(os.open(_base(path), _READ, dir_fd=parent), "rb") as file:
                if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return file.read()
        return None

    def write(self, path: bytes, content: bytes, *, executable: bool = False) -> None:
        """Make `path` a regular file, whatever was there; it belongs to whom the folder belongs."""
        parent = self._make_way(path)
        mode = 0o777 if executable else 0o666
        with os.fdopen(os.open(_base(path), _CREATE, mode, dir_fd=parent), "wb") as file:
            file.write(content)
        self._give(_base(path), parent)

    def write_link(self, path: bytes, target: bytes) -> None:
        """Make `path` a symlink to `target`, whatever was there."""
        parent = self._make_way(path)
        os.symlink(target, _base(path), dir_fd=parent)
        self._give(_base(path), parent)

    def make_folder(self, path: bytes) -> None:
        """Make `path` a folder and its parents too; what stands in the way is removed."""
        current = b""
        for name in path.split(b"/"):
            parent, current = current, current + b"/" + name if current else name
            node = self.look(current)
            if node is not None and node.folder:
                continue
            if node is not None:
                self.remove(current)
            os.mkdir(name, dir_fd=self._open(parent))
            self._give(name, self._open(parent))

    def remove(self, path: bytes) -> None:
        """Remove what is at `path`, a folder with all that is in it."""
        node = self.look(path)
        if node is None:
            return
        parent = self._open(_parent(path))
        if node.folder:
            self._forget()
            shutil.rmtree(os.fsdecode(_base(path)), dir_fd=self._open(_parent(path)))
        else:
            os.unlink(_base(path), dir_fd=parent)

    def remove_empty_parents(self, path: bytes) -> None:
        """Remove the folders above `path` that hold nothing any more."""
        with suppress(OSError):
            while path := _parent(path):
                self._forget()
                os.rmdir(_base(path), dir_fd=self._open(_parent(path)))

    def _make_way(self, path: bytes) -> int:
        if _parent(path):
            self.make_folder(_parent(path))
        self.remove(path)
        return self._open(_parent(path))

    def _give(self, name: bytes, parent: int) -> None:
        if os.geteuid() == 0:
            owner = os.fstat(self._root)
            os.chown(name, owner.st_uid, owner.st_gid, dir_fd=parent, follow_symlinks=False)

    def _forget(self) -> None:
        if self._path:
            os.close(self._fd)
            self._path, self._fd = b"", os.dup(self._root)

    def _open(self, folder: bytes) -> int:
        """The descriptor of a folder, valid until the next call."""
        if folder == self._path:
            return self._fd
        self._forget()
        current = os.dup(self._root)
        for name in folder.split(b"/") if folder else ():
            try:
                deeper = os.open(name, _FOLDER, dir_fd=current)
            finally:
                os.close(current)
            current = deeper
        os.close(self._fd)
        self._path, self._fd = folder, current
        return current


def link_files(source: Path, target: Path) -> None:
    """Make `target` with folders like those of `source`, whose files are further names of its files; no link followed."""
    _link_files(os.fsencode(source), os.fsencode(target))


def _link_files(source: bytes, target: bytes) -> None:
    os.mkdir(target)  # noqa: PTH102 - names are bytes
    with os.scandir(source) as found:
        for item in found:
            if item.is_dir(follow_symlinks=False):
                _link_files(item.path, target + b"/" + item.name)
            else:
                os.link(item.path, target + b"/" + item.name, follow_symlinks=False)


def is_dotgit(name: bytes) -> bool:
    """Whether some file system takes `name` for `.git` (by case, trailing dots, hidden code points)."""
    text = name.decode("utf-8", "surrogateescape").translate(_HFS_IGNORED).lower()
    return text.partition(":")[0].rstrip(" .") in {".git", "git~1"}


def is_safe(path: bytes) -> bool:
    """Whether a tree's path may be written below a folder."""
    return all(name not in {b"", b".", b".."} and not is_dotgit(name) for name in path.split(b"/"))


def _parent(path: bytes) -> bytes:
    return path.rpartition(b"/")[0]


def _base(path: bytes) -> bytes:
    return path.rpartition(b"/")[2]
