"""Working copies, clean checkouts and the dependencies that they need."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vulcan.application.ports.sandbox import CommandResult, Mount
from vulcan.domain.environment import Recipe


class Workspace(Protocol):
    """The agent's working copy: files and commands, all inside the sandbox.

    Paths are relative to the repository's root; leaving it raises `ToolError`.
    """

    async def run(self, command: str, timeout: float) -> CommandResult:
        """Run a shell command."""

    def read(self, path: str) -> bytes:
        """Content of a regular file."""

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a regular file, and its folders."""


@dataclass(frozen=True, slots=True)
class PreparedEnvironment:
    """A project's dependencies, installed once per digest of what names them.

    Attributes:
        mounts: what to show inside boxes (read-only).
        environment: variables for commands, PATH included.
        python: the interpreter's path inside the box.
        generated: files that building adds to the project's folders; copied into each clean checkout. New folders
            are among the mounts.
        notes: what could not be installed and similar, for the report.
        recipe: how it was made and how the project's tests are run.
        naming: digest of the project's files that name dependencies.
    """

    digest: str
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    python: str
    generated: Path | None = None
    notes: tuple[str, ...] = ()
    recipe: Recipe = Recipe()
    naming: str = ""


class EnvironmentBuilder(Protocol):
    """Prepares a project's dependencies outside of any job; nothing of project or packages runs on the host."""

    async def prepare(self, checkout: Path, tree: str, newer_than: str) -> PreparedEnvironment:
        """The environment for the project in `checkout`, from the cache or built now.

        Args:
            checkout: the project's files; building reads them, in a box.
            tree: id of the tree that the checkout holds; what is built from it is kept under it.
            newer_than: versions published after this date are left out where no lock pins them; empty: none is.

        Raises:
            EnvironmentUnavailable: the tools that run the tests can't be had.
        """

    def reads(self, path: str) -> bool:
        """Whether building may read the file at `path`: a change of any other file leaves the environment as it is."""


class OpenWorkspace(Protocol):
    """A job's workspace while a stage works in it."""

    @property
    def files(self) -> Workspace:
        """Files and commands for an agent."""

    def snapshot(self) -> str:
        """Store the files as a tree; returns its id."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clean checkout with the project's environment; others may use it too, so it is only read or overlaid."""

    path: Path
    environment: PreparedEnvironment


class Checkouts(Protocol):
    """Directories of a job: the agents' workspace, and clean checkouts that no agent can change."""

    def workspace(
        self, job: str, key: str, start: str, resume_tree: str
    ) -> AbstractAsyncContextManager[OpenWorkspace]:
        """The workspace for one stage and round (`key`), fresh from commit `start`.

        If it was already opened under the same key before a kill, its files stay as they are, or are put back
        to `resume_tree` where that is not empty.
        """

    def reading(self, commit: str) -> AbstractAsyncContextManager[Workspace]:
        """The files of a commit for an agent that changes nothing; a write to them is refused."""

    def clean(self, job: str, commit: str, base: str = "") -> AbstractAsyncContextManager[Checkout]:
        """A clean checkout of a commit or tree.

        Where it differs from `base` in nothing that building the project reads, the environment is the one
        that was built from `base`: what the change contains has no part in it.
        """

    def remove(self, job: str) -> None:
        """Remove all directories of the job."""
