"""Branches, pull requests, pipelines and releases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request; `state` is `open`, `merged` or `closed`."""

    number: int
    title: str
    body: str
    head: str
    base: str
    head_commit: str
    state: str = "open"
    draft: bool = False
    merge_commit: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run of the project's checks on a commit; `log` is the end of what they printed."""

    id: str
    commit: str
    passed: bool
    log: str
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class Release:
    """A tag with notes."""

    tag: str
    commit: str
    notes: str


class Branches(Protocol):
    """Branches of the forge."""

    async def push(self, branch: str, commit: str) -> None:
        """Make `branch` point at `commit`."""

    async def head(self, branch: str) -> str:
        """The commit of `branch`; empty if there is none."""

    async def delete(self, branch: str) -> None:
        """Remove `branch` if it is there."""


class PullRequests(Protocol):
    """Pull requests of the forge; found again by head branch."""

    async def find(self, head: str) -> PullRequest | None:
        """The newest pull request whose head is branch `head`."""

    async def open(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        """Open one; raises `EffectFailed` if an open one exists for `head`."""

    async def update(self, number: int, *, title: str, body: str, draft: bool, closed: bool) -> PullRequest:
        """Change title, body or state of an open one."""

    async def merge(self, number: int, expected_head: str, message: str) -> PullRequest:
        """Merge it if its head is still `expected_head`; raises `EffectFailed` on a conflict or a moved head."""


class Pipelines(Protocol):
    """Runs of the project's checks."""

    async def find(self, commit: str) -> PipelineRun | None:
        """The newest finished run on `commit`."""

    async def run(self, commit: str) -> PipelineRun:
        """Run the checks on `commit` and wait for them."""


class Releases(Protocol):
    """Published releases; found again by tag."""

    async def find(self, tag: str) -> Release | None:
        """The release of `tag`."""

    async def publish(self, release: Release) -> Release:
        """Tag the commit and publish the notes."""

    async def latest_tag(self) -> str:
        """The newest release's tag, empty if there is none."""


class Forge(Protocol):
    """Where changes are delivered."""

    @property
    def branches(self) -> Branches: ...
    @property
    def pull_requests(self) -> PullRequests: ...
    @property
    def pipelines(self) -> Pipelines: ...
    @property
    def releases(self) -> Releases: ...
