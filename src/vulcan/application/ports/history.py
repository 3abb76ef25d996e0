"""The user's repository, and the host's own object database for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vulcan.domain.generation import CodeArtifact


@dataclass(frozen=True, slots=True)
class SourceState:
    """A user's repository as it was found.

    Attributes:
        root: top folder of the work tree.
        head: commit that the job starts from.
        branch: short name of the checked-out branch; empty for a detached HEAD.
        dirty: number of paths with uncommitted changes, which the job does not see and never touches.
        notes: what the person should know (submodules, LFS pointers, shallow clone, ...).
    """

    root: Path
    head: str
    branch: str
    dirty: int
    notes: tuple[str, ...] = ()


class SourceRepository(Protocol):
    """The user's own repository; it is only ever given or relieved of a `vulcan/` branch."""

    def inspect(self, path: Path) -> SourceState:
        """Look at the repository at `path`; raises `UserError` where it can't be used (says what to do)."""

    def ends(self, path: Path, base: str, head: str) -> tuple[Path, str, str]:
        """The repository's top folder, and the commits between which a change lies: where `head` left `base`, and `head`.

        An empty head is what is checked out, an empty base the repository's main branch.

        Raises:
            UserError: there is no such branch or commit; says which ones there are.
        """

    def publish(self, root: Path, branch: str, commit: str) -> None:
        """Make `branch` point at `commit` in the user's repository, bringing the objects; idempotent."""

    def advance(self, root: Path, branch: str, commit: str) -> str:
        """Fast-forward the branch that is checked out to a commit; returns where it was, empty if it has the commit.

        Raises:
            UserError: something of the person's is in the way; nothing was changed.
        """

    def withdraw(self, root: Path, branch: str) -> bool:
        """Remove a `vulcan/` branch if it is not checked out; False if there was none."""


class VersionControl(Protocol):
    """The host's own object database for a project; no configuration or hook of the user's repository acts."""

    def fetch(self, source: Path, commit: str) -> None:
        """Bring `commit` and its history from the user's repository."""

    def checkout(self, commit: str, directory: Path) -> None:
        """Write the files of `commit` (or of a tree) into the empty or absent `directory`; no `.git` in it."""

    def checkout_beside(self, commit: str, directory: Path, other: str, there: Path) -> None:
        """The same; files that are as in the tree `other` become further names of those in its checkout `there`.

        Neither directory may be written to after that.
        """

    def snapshot(self, directory: Path, base: str) -> str:
        """Store the directory as a tree, ignoring what the project ignores; returns the tree's id."""

    def restore(self, directory: Path, tree: str) -> None:
        """Make the directory's tracked files equal to `tree`; ignored files stay."""


class History(Protocol):
    """Commits and what differs between them."""

    def commit(self, tree: str, parent: str, message: str) -> str:
        """A commit of `tree` on `parent`; the same arguments give the same id (author date = parent's + 1 s)."""

    def diff(self, base: str, head: str, paths: Sequence[str] = ()) -> str:
        """Unified diff between two commits or trees; binary files are named, not shown."""

    def changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        """Files that differ, with line counts."""

    def overlay(self, base: str, other: str, paths: Sequence[str]) -> str:
        """A tree that is `base`, but with `paths` (files) as they are in `other`; absent there means removed."""

    def files(self, commit: str) -> tuple[str, ...]:
        """All paths of a commit or tree."""

    def content(self, commit: str, path: str) -> bytes | None:
        """One file of a commit or tree, None if absent."""

    def fork_point(self, commit: str) -> str:
        """The newest commit on the first-parent line that is not Vulcan's; the oldest if all are."""

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether a commit is, or is in the history of, another one."""

    def committed_at(self, commit: str) -> float:
        """When a commit was made, in seconds since the epoch; 0 for a tree."""


class Repository(VersionControl, History, Protocol):
    """The host's object database with its history."""
