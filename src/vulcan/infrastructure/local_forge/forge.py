"""The Forge port on a bare repository: everything in it is plain git and can be read with plain git.

    refs/heads/<branch>             branches
    refs/pull/<n>/head              the newest commit of pull request n
    refs/vulcan/pulls/<n>           its record: pull.json and body.md, one commit for each state
    refs/vulcan/by-head/<branch>    the record of the newest pull request of a branch
    refs/vulcan/pipelines/<commit>  the newest run of the checks: run.json and log.txt
    refs/tags/<tag>                 releases: annotated tags with the notes as their message

Refs that belong together change in one transaction that names their old values, so of two processes one wins
and the other looks again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum
from urllib.parse import quote

from vulcan.application.ports import PipelineRun, PullRequest, Release
from vulcan.domain.errors import EffectFailed
from vulcan.infrastructure.local_forge import records
from vulcan.infrastructure.local_forge.repository import ForgeRepository, TagObject

Checks = Callable[[str], Awaitable[tuple[bool, str, float]]]
"""Runs the project's checks on a commit: whether they passed, the end of what they printed, seconds."""

_TRIES = 20
_LOG_SHOWN = 20_000


class BranchSync(StrEnum):
    """What became of a forge's branch that was to follow the user's one."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    FORWARDED = "forwarded"
    AHEAD = "ahead"
    DIVERGED = "diverged"


class LocalForge:
    """Implements `Forge`.

    Args:
        repository: the bare repository; pushed commits must be in it already.
        checks: runs the project's checks on a commit.
        now: seconds since the epoch, for the dates of releases.
    """

    def __init__(
        self, repository: ForgeRepository, checks: Checks, *, now: Callable[[], float] = time.time
    ) -> None:
        self._branches = _Branches(repository)
        self._pull_requests = _PullRequests(repository)
        self._pipelines = _Pipelines(repository, checks)
        self._releases = _Releases(repository, now)

    @property
    def branches(self) -> _Branches:
        """Branches of the forge."""
        return self._branches

    @property
    def pull_requests(self) -> _PullRequests:
        """Pull requests of the forge."""
        return self._pull_requests

    @property
    def pipelines(self) -> _Pipelines:
        """Runs of the project's checks."""
        return self._pipelines

    @property
    def releases(self) -> _Releases:
        """Published releases."""
        return self._releases

    async def sync_branch(self, branch: str, commit: str) -> BranchSync:
        """Let a branch follow the user's one: it is only ever moved forward, and says if it can't be."""
        return await asyncio.to_thread(self._branches.sync, branch, commit)


class _Branches:
    def __init__(self, repository: ForgeRepository) -> None:
        self._repository = repository

    async def push(self, branch: str, commit: str) -> None:
        await asyncio.to_thread(self._push, branch, commit)

    async def head(self, branch: str) -> str:
        return await asyncio.to_thread(self._repository.refs.get, _branch(branch))

    async def delete(self, branch: str) -> None:
        await asyncio.to_thread(self._delete, branch)

    def sync(self, branch: str, commit: str) -> BranchSync:
        for _ in range(_TRIES):
            old = self._repository.refs.get(_branch(branch))
            result = self._relation(old, commit)
            if result not in {BranchSync.CREATED, BranchSync.FORWARDED}:
                return result
            if self._move(branch, commit, old):
                return result
        raise _contended(branch)

    def _relation(self, old: str, commit: str) -> BranchSync:
        if not old:
            return BranchSync.CREATED
        if old == commit:
            return BranchSync.UNCHANGED
        if self._repository.is_ancestor(old, commit):
            return BranchSync.FORWARDED
        return BranchSync.AHEAD if self._repository.is_ancestor(commit, old) else BranchSync.DIVERGED

    def _push(self, branch: str, commit: str) -> None:
        for _ in range(_TRIES):
            old = self._repository.refs.get(_branch(branch))
            if old == commit or self._move(branch, commit, old):
                return
        raise _contended(branch)

    def _move(self, branch: str, commit: str, old: str) -> bool:
        """Move a branch and the head of its open pull request together."""
        refs = self._repository.refs
        refs.check_name(_branch(branch))
        if not self._repository.has(commit):
            raise EffectFailed(f"the forge lacks commit {commit}", hint="Bring it into the repository first.")
        changes = [(_branch(branch), commit, old)]
        state = refs.get(_by_head(branch))
        if state:
            pull, _ = records.load_pull(self._repository, state)
            if pull.state == "open":
                changes.append((_pull_head(pull.number), commit, refs.get(_pull_head(pull.number))))
                changes.append((_by_head(branch), state, state))
        return refs.update(changes)

    def _delete(self, branch: str) -> None:
        for _ in range(_TRIES):
            old = self._repository.refs.get(_branch(branch))
            if not old or self._repository.refs.update([(_branch(branch), "", old)]):
                return
        raise _contended(branch)


class _PullRequests:
    def __init__(self, repository: ForgeRepository) -> None:
        self._repository = repository
        self._refs = repository.refs

    async def find(self, head: str) -> PullRequest | None:
        return await asyncio.to_thread(self._find, head)

    async def open(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        wanted = PullRequest(0, title, body, head, base, head_commit="", draft=draft)
        return await asyncio.to_thread(self._open, wanted)

    async def update(self, number: int, *, title: str, body: str, draft: bool, closed: bool) -> PullRequest:
        return await asyncio.to_thread(self._update, number, title, body, draft, closed)

    async def merge(self, number: int, expected_head: str, message: str) -> PullRequest:
        return await asyncio.to_thread(self._merge, number, expected_head, message)

    def _find(self, head: str) -> PullRequest | None:
        state = self._refs.get(_by_head(head))
        return self._load(state)[0] if state else None

    def _load(self, state: str) -> tuple[PullRequest, str]:
        """A record; an open pull request's head is what its branch is now."""
        pull, base_commit = records.load_pull(self._repository, state)
        if pull.state == "open":
            head = self._refs.get(_pull_head(pull.number)) or pull.head_commit
            pull = replace(pull, head_commit=head)
        return pull, base_commit

    def _open(self, wanted: PullRequest) -> PullRequest:
        for _ in range(_TRIES):
            before = self._refs.get(_by_head(wanted.head))
            if before and self._load(before)[0].state == "open":
                raise EffectFailed(
                    f"branch {wanted.head} has an open pull request", hint="Update it, or close it first."
                )
            pull, base_commit = self._prepare(wanted)
            state = records.store_pull(self._repository, pull, base_commit, "", "Open")
            if self._refs.update(
                [
                    (_record(pull.number), state, ""),
                    (_by_head(pull.head), state, before),
                    (_pull_head(pull.number), pull.head_commit, ""),
                    (_branch(pull.head), pull.head_commit, pull.head_commit),
                ]
            ):
                return pull
        raise _contended(wanted.head)

    def _prepare(self, wanted: PullRequest) -> tuple[PullRequest, str]:
        self._refs.check_name(_branch(wanted.base))
        head = self._refs.get(_branch(wanted.head))
        if not head:
            raise EffectFailed(f"the forge has no branch {wanted.head}", hint="Push it first.")
        base = self._refs.get(_branch(wanted.base)) or self._repository.fork_point(head)
        numbers = [int(name.rpartition("/")[2]) for name in self._refs.below(records.PULLS)]
        number = max(numbers, default=0) + 1
        folder = self._repository.git_dir.name.removesuffix(".git")
        url = f"vulcan://{quote(folder)}/pull/{number}"
        return replace(wanted, number=number, head_commit=head, url=url), base

    def _update(self, number: int, title: str, body: str, draft: bool, closed: bool) -> PullRequest:
        for _ in range(_TRIES):
            before, pull, base_commit = self._open_one(number)
            state = "closed" if closed else "open"
            changed = replace(pull, title=title, body=body, draft=draft, state=state)
            if changed == pull or self._store(before, changed, base_commit, "Close" if closed else "Update"):
                return changed
        raise _contended(f"pull request #{number}")

    def _open_one(self, number: int) -> tuple[str, PullRequest, str]:
        before = self._refs.get(_record(number))
        if not before:
            raise EffectFailed(f"there is no pull request #{number}")
        pull, base_commit = self._load(before)
        if pull.state != "open":
            raise EffectFailed(f"pull request #{number} is {pull.state}", hint="Open another one.")
        return before, pull, base_commit

    def _store(
        self, before: str, pull: PullRequest, base_commit: str, what: str, *also: tuple[str, str, str]
    ) -> bool:
        state = records.store_pull(self._repository, pull, base_commit, before, what)
        return self._refs.update(
            [
                (_record(pull.number), state, before),
                (_by_head(pull.head), state, before),
                (_pull_head(pull.number), pull.head_commit, pull.head_commit),
                *also,
            ]
        )

    def _merge(self, number: int, expected_head: str, message: str) -> PullRequest:
        for _ in range(_TRIES):
            state = self._refs.get(_record(number))
            if state and (done := self._load(state)[0]).state == "merged":
                return done
            before, pull, base_commit = self._open_one(number)
            _check_mergeable(pull, expected_head)
            base = _branch(pull.base)
            old = self._refs.get(base)
            merged = self._repository.merge(old or base_commit, pull.head_commit, message)
            done = replace(pull, state="merged", merge_commit=merged)
            if self._store(before, done, base_commit, "Merge", (base, merged, old)):
                return done
        raise _contended(f"pull request #{number}")


class _Pipelines:
    def __init__(self, repository: ForgeRepository, checks: Checks) -> None:
        self._repository = repository
        self._checks = checks

    async def find(self, commit: str) -> PipelineRun | None:
        return await asyncio.to_thread(self._find, commit)

    async def run(self, commit: str) -> PipelineRun:
        passed, log, duration = await self._checks(commit)
        return await asyncio.to_thread(self._store, commit, passed, log[-_LOG_SHOWN:], duration)

    def _find(self, commit: str) -> PipelineRun | None:
        state = self._repository.refs.get(_pipeline(commit))
        return records.load_run(self._repository, state) if state else None

    def _store(self, commit: str, passed: bool, log: str, duration: float) -> PipelineRun:
        for _ in range(_TRIES):
            before = self._repository.refs.get(_pipeline(commit))
            number = 1
            if before:
                number += int(records.load_run(self._repository, before).id.rpartition("-")[2])
            run = PipelineRun(f"{commit[:12]}-{number}", commit, passed, log, duration)
            state = records.store_run(self._repository, run, before)
            if self._repository.refs.update([(_pipeline(commit), state, before)]):
                return run
        raise _contended(f"the pipeline of {commit[:12]}")


class _Releases:
    def __init__(self, repository: ForgeRepository, now: Callable[[], float]) -> None:
        self._refs = repository.refs
        self._now = now

    async def find(self, tag: str) -> Release | None:
        return await asyncio.to_thread(self._find, tag)

    async def publish(self, release: Release) -> Release:
        return await asyncio.to_thread(self._publish, release)

    async def latest_tag(self) -> str:
        newest = await asyncio.to_thread(self._newest)
        return newest.name if newest else ""

    def _find(self, tag: str) -> Release | None:
        oid = self._refs.get(_tag(tag))
        found = self._refs.read_tag(oid) if oid else None
        return Release(found.name, found.commit, found.message) if found else None

    def _newest(self) -> TagObject | None:
        tags = [self._refs.read_tag(oid) for oid in self._refs.below("refs/tags").values()]
        return max((tag for tag in tags if tag), key=lambda tag: tag.at, default=None)

    def _publish(self, release: Release) -> Release:
        self._refs.check_name(_tag(release.tag))
        newest = self._newest()
        at = max(int(self._now()), newest.at + 1 if newest else 0)
        oid = self._refs.make_tag(release.tag, release.commit, release.notes, at)
        if not self._refs.update([(_tag(release.tag), oid, "")]) and self._find(release.tag) != release:
            raise EffectFailed(
                f"tag {release.tag} is taken by another release", hint="Choose the next version number."
            )
        return release


def _check_mergeable(pull: PullRequest, expected_head: str) -> None:
    if pull.draft:
        raise EffectFailed(f"pull request #{pull.number} is a draft", hint="Mark it ready first.")
    if pull.head_commit != expected_head:
        raise EffectFailed(
            f"pull request #{pull.number} moved from {expected_head[:12]} to {pull.head_commit[:12]}",
            hint="Look at the new commits first.",
        )


def _contended(what: str) -> EffectFailed:
    return EffectFailed(f"{what} is changed by other processes all the time", hint="Try again.")


def _branch(name: str) -> str:
    return f"refs/heads/{name}"


def _tag(name: str) -> str:
    return f"refs/tags/{name}"


def _record(number: int) -> str:
    return f"{records.PULLS}/{number}"


def _pull_head(number: int) -> str:
    return f"refs/pull/{number}/head"


def _by_head(branch: str) -> str:
    return f"refs/vulcan/by-head/{quote(branch, safe='')}"


def _pipeline(commit: str) -> str:
    return f"refs/vulcan/pipelines/{commit}"
