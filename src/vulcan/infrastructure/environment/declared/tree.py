"""Files of a tree that nobody trusts, read as data: no link is followed, sizes are bounded, all reads are remembered."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from vulcan.infrastructure.environment.declared.yaml_text import load_yaml

MAX_FILE = 2 * 1024**2
MAX_LOCK = 16 * 1024**2
MAX_CODE = 256 * 1024
"""How much of a program is parsed: its syntax tree is a hundred times as large."""
MAX_TOTAL = 64 * 1024**2
MAX_NAMES = 5_000
MAX_NOTES = 60
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Tree:
    """The files below one folder.

    Attributes:
        notes: what could not be read, for people.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._contents: dict[str, bytes | None] = {}
        self._total = 0
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep a note, once, as long as there is room for it."""
        text = " ".join(text.split())[:300]
        if text not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def digest(self, salt: str) -> str:
        """Digest of `salt` and of every file that was read."""
        digest = hashlib.sha256(salt.encode(errors="surrogateescape"))
        for name, content in sorted(self._contents.items()):
            if content is not None:
                head = f"\0{name}\0{len(content)}\0".encode(errors="surrogateescape")
                digest.update(head + content)
        return digest.hexdigest()

    def text(self, path: str, limit: int = MAX_FILE) -> str | None:
        """Content of a regular file; None if there is none, with a note if it is too large."""
        if path not in self._contents:
            self._contents[path] = self._read(path)
        content = self._contents[path]
        if content is None:
            return None
        if len(content) > limit:
            self.note(f"{path} is larger than {limit} bytes and was not read")
            return None
        return content.decode(errors="replace")

    def toml(self, path: str, limit: int = MAX_FILE) -> dict[str, Any]:
        """A TOML file as a table; empty, with a note, if it can't be one."""
        text = self.text(path, limit)
        if text is None:
            return {}
        try:
            return tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            self.note(f"{path} can't be read: {_reason(error)}")
            return {}

    def json(self, path: str, limit: int = MAX_FILE) -> dict[str, Any]:
        """A JSON file as an object; empty, with a note, if it can't be one."""
        text = self.text(path, limit)
        if text is None:
            return {}
        try:
            return table(json.loads(text))
        except (ValueError, RecursionError) as error:
            self.note(f"{path} can't be read: {_reason(error)}")
            return {}

    def yaml(self, path: str) -> dict[str, Any]:
        """A YAML file as a mapping whose leaves are texts; empty, with a note, if it can't be one."""
        text = self.text(path)
        if text is None:
            return {}
        try:
            return table(load_yaml(text))
        except ValueError as error:
            self.note(f"{path} can't be read: {_reason(error)}")
            return {}

    def names(self, folder: str) -> list[str]:
        """Sorted names in a folder; none if there is no such folder."""
        with suppress(OSError), self._open_folder(folder) as fd:
            return sorted(os.listdir(fd)[:MAX_NAMES])  # noqa: PTH208 - a path would be looked up anew
        return []

    def is_file(self, path: str) -> bool:
        """Whether a regular file is there."""
        return self._kind(path) == stat.S_IFREG

    def is_folder(self, path: str) -> bool:
        """Whether a real folder is there."""
        return path == "." or self._kind(path) == stat.S_IFDIR

    def _kind(self, path: str) -> int:
        folder, name = posixpath.split(path)
        with suppress(OSError, ValueError), self._open_folder(folder) as fd:
            return stat.S_IFMT(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
        return 0

    def _read(self, path: str) -> bytes | None:
        folder, name = posixpath.split(path)
        try:
            with self._open_folder(folder) as fd:
                file = os.open(name, _FILE, dir_fd=fd)
        except (OSError, ValueError):
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode) or self._total > MAX_TOTAL:
                return None
            with os.fdopen(file, "rb", closefd=False) as opened:
                content = opened.read(MAX_LOCK + 1)
        finally:
            os.close(file)
        self._total += len(content)
        return content

    @contextmanager
    def _open_folder(self, folder: str) -> Iterator[int]:
        """An open folder below the root, reached without following any link."""
        fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for part in folder.split("/"):
                if part in ("", "."):
                    continue
                if part == "..":
                    raise FileNotFoundError(folder)
                below = os.open(part, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)


def inside(folder: str, given: str) -> str | None:
    """A path as a file in `folder` gives it, relative to the root; None if it leads out of the tree."""
    if not given or "\0" in given or given.startswith(("/", "~")) or "://" in given:
        return None
    path = posixpath.normpath(posixpath.join(folder, given))
    return None if path.split("/")[0] in ("..", ".git") else path


def table(value: Any) -> dict[str, Any]:
    """The value if it is a table with texts as keys, else an empty one."""
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}


def at(data: Any, *keys: str) -> dict[str, Any]:
    """The table at the end of a way through tables; empty if the way ends before."""
    for key in keys:
        data = table(data).get(key)
    return table(data)


def texts(value: Any) -> list[str]:
    """The texts of a list; none if it is no list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def text_of(value: Any) -> str:
    """The value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def _reason(error: Exception) -> str:
    return str(error) if str(error) and not isinstance(error, RecursionError) else type(error).__name__
