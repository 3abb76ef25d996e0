"""One repository with all that is needed to work on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from vulcan.application.ports.forge import Forge
from vulcan.application.ports.history import Repository, SourceRepository
from vulcan.application.ports.workflow import Observer, WorkflowEngine
from vulcan.application.ports.workspace import Checkouts, Workspace
from vulcan.application.services import Services


class Project(Protocol):
    """A user's repository, with the host's own object database and forge for it."""

    @property
    def root(self) -> Path:
        """The top folder of the user's repository."""

    @property
    def repository(self) -> Repository:
        """The host's own object database."""

    @property
    def source(self) -> SourceRepository:
        """Users' repositories."""

    @property
    def forge(self) -> Forge:
        """Where changes are delivered to."""

    @property
    def services(self) -> Services:
        """What stages work with."""

    @property
    def pull_address(self) -> str:
        """What a person can `git pull` from by hand."""

    @property
    def checkouts(self) -> Checkouts:
        """Workspaces and clean checkouts."""

    def reading(self, commit: str) -> AbstractAsyncContextManager[Workspace]:
        """The files of a commit for an agent that only reads."""

    async def bring(self, commit: str, branch: str) -> None:
        """Bring a job's base into the host's repository, and the forge's branch up to it."""

    def engine(self, observers: Sequence[Observer]) -> WorkflowEngine:
        """What drives the project's jobs."""


Projects = Callable[[Path], Project]
"""The project of a repository's root."""
