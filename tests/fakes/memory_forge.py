"""A forge in memory, on top of a `MemoryVcs`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from fakes.memory_vcs import MemoryVcs
from vulcan.application.ports import PipelineRun, PullRequest, Release
from vulcan.domain.errors import EffectFailed

Checks = Callable[[str], Awaitable[tuple[bool, str, float]]]


@dataclass
class MemoryForge:
    """Implements `Forge`."""

    vcs: MemoryVcs
    checks: Checks
    heads: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.branches = MemoryBranches(self.vcs, self.heads)
        self.pull_requests = MemoryPullRequests(self.vcs, self.heads)
        self.pipelines = MemoryPipelines(self.checks)
        self.releases = MemoryReleases()


@dataclass
class MemoryBranches:
    vcs: MemoryVcs
    heads: dict[str, str]

    async def push(self, branch: str, commit: str) -> None:
        _check_name(branch)
        if not self.vcs.has(commit):
            raise EffectFailed(f"the forge lacks commit {commit}")
        self.heads[branch] = commit

    async def head(self, branch: str) -> str:
        return self.heads.get(branch, "")

    async def delete(self, branch: str) -> None:
        self.heads.pop(branch, None)


@dataclass
class MemoryPullRequests:
    vcs: MemoryVcs
    heads: dict[str, str]
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    starts: dict[int, str] = field(default_factory=dict)

    async def find(self, head: str) -> PullRequest | None:
        numbers = [number for number, pull in self.pulls.items() if pull.head == head]
        return self._now(max(numbers)) if numbers else None

    async def open(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        _check_name(base)
        found = await self.find(head)
        if found and found.state == "open":
            raise EffectFailed(f"branch {head} has an open pull request")
        if head not in self.heads:
            raise EffectFailed(f"the forge has no branch {head}")
        number = len(self.pulls) + 1
        commit = self.heads[head]
        self.starts[number] = self.heads.get(base) or self.vcs.fork_point(commit)
        url = f"vulcan://memory/pull/{number}"
        self.pulls[number] = PullRequest(number, title, body, head, base, commit, draft=draft, url=url)
        return self.pulls[number]

    async def update(self, number: int, *, title: str, body: str, draft: bool, closed: bool) -> PullRequest:
        state = "closed" if closed else "open"
        self.pulls[number] = replace(self._open_one(number), title=title, body=body, draft=draft, state=state)
        return self.pulls[number]

    async def merge(self, number: int, expected_head: str, message: str) -> PullRequest:
        if number in self.pulls and self.pulls[number].state == "merged":
            return self.pulls[number]
        pull = self._open_one(number)
        if pull.draft or pull.head_commit != expected_head:
            raise EffectFailed(f"pull request #{number} is a draft or moved")
        base = self.heads.get(pull.base) or self.starts[number]
        merged = self.vcs.merge(base, pull.head_commit, message)
        self.heads[pull.base] = merged
        self.pulls[number] = replace(pull, state="merged", merge_commit=merged)
        return self.pulls[number]

    def _now(self, number: int) -> PullRequest:
        pull = self.pulls[number]
        if pull.state == "open":
            pull = self.pulls[number] = replace(pull, head_commit=self.heads.get(pull.head, pull.head_commit))
        return pull

    def _open_one(self, number: int) -> PullRequest:
        if number not in self.pulls or self.pulls[number].state != "open":
            raise EffectFailed(f"pull request #{number} is not open")
        return self._now(number)


@dataclass
class MemoryPipelines:
    checks: Checks
    runs: dict[str, PipelineRun] = field(default_factory=dict)

    async def find(self, commit: str) -> PipelineRun | None:
        return self.runs.get(commit)

    async def run(self, commit: str) -> PipelineRun:
        passed, log, duration = await self.checks(commit)
        before = self.runs.get(commit)
        number = int(before.id.rpartition("-")[2]) + 1 if before else 1
        self.runs[commit] = PipelineRun(f"{commit[:12]}-{number}", commit, passed, log[-20_000:], duration)
        return self.runs[commit]


@dataclass
class MemoryReleases:
    published: dict[str, Release] = field(default_factory=dict)

    async def find(self, tag: str) -> Release | None:
        return self.published.get(tag)

    async def publish(self, release: Release) -> Release:
        _check_name(release.tag)
        if self.published.setdefault(release.tag, release) != release:
            raise EffectFailed(f"tag {release.tag} is taken by another release")
        return release

    async def latest_tag(self) -> str:
        return next(reversed(self.published), "")


def _check_name(name: str) -> None:
    if not name or ".." in name or " " in name or name.startswith("/") or name.endswith(("/", ".lock")):
        raise EffectFailed(f"git does not allow the name {name!r}")
