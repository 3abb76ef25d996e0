"""What the forge needs of a repository; the composition root gives the git room's one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class TagObject(Protocol):
    """An annotated tag."""

    @property
    def name(self) -> str: ...
    @property
    def commit(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def at(self) -> int: ...


class RefStore(Protocol):
    """Refs and tags."""

    def get(self, name: str) -> str:
        """The object that a ref points at; empty if there is none."""

    def below(self, prefix: str) -> dict[str, str]:
        """All refs below `prefix` by full name."""

    def update(self, changes: Sequence[tuple[str, str, str]]) -> bool:
        """Make all changes (name, new, expected) or none; False if a ref is not what was expected."""

    def check_name(self, name: str) -> None:
        """Raise `EffectFailed` if git does not allow such a ref."""

    def make_tag(self, name: str, commit: str, message: str, at: int) -> str:
        """Store an annotated tag's object."""

    def read_tag(self, oid: str) -> TagObject | None:
        """The annotated tag, None if the object is of another kind."""


class ForgeRepository(Protocol):
    """A bare repository."""

    @property
    def git_dir(self) -> Path: ...
    @property
    def refs(self) -> RefStore: ...

    def has(self, commit: str) -> bool:
        """Whether the object is there."""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `new` contains `old`."""

    def fork_point(self, commit: str) -> str:
        """The newest commit before Vulcan's own."""

    def merge(self, base: str, other: str, message: str) -> str:
        """A merge commit; `base` if it contains `other`; raises `EffectFailed` on a conflict."""

    def write_files(self, files: Mapping[str, bytes]) -> str:
        """A tree of files."""

    def commit(self, tree: str, parent: str, message: str) -> str:
        """A commit on `parent`, which may be empty."""

    def content(self, commit: str, path: str) -> bytes | None:
        """A file of a commit."""
