"""The Forge port's suite. A new adapter is one more entry of `WORLDS`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import pytest

from fakes.memory_forge import MemoryForge
from fakes.memory_vcs import MemoryVcs
from vulcan.application.ports import Forge, PullRequest, Release
from vulcan.domain.errors import EffectFailed
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.local_forge import Checks, LocalForge

ABSENT = "1234567890" * 4


class World(Protocol):
    forge: Forge

    def commit(self, files: dict[str, bytes], parent: str = "") -> str: ...
    def history(self, commit: str) -> set[str]: ...
    def files(self, commit: str) -> set[str]: ...


class GitWorld:
    def __init__(self, folder: Path, checks: Checks) -> None:
        self.git = GitRepository(folder / "project.git")
        self.forge = LocalForge(self.git, checks)

    def commit(self, files: dict[str, bytes], parent: str = "") -> str:
        return self.git.commit(self.git.write_files(files), parent, "a change")

    def history(self, commit: str) -> set[str]:
        return set(self.git.git.run("rev-list", commit).text.split())

    def files(self, commit: str) -> set[str]:
        return set(self.git.files(commit))


class MemoryWorld:
    def __init__(self, folder: Path, checks: Checks) -> None:
        self.vcs = MemoryVcs()
        self.forge = MemoryForge(self.vcs, checks)

    def commit(self, files: dict[str, bytes], parent: str = "") -> str:
        return self.vcs.commit(self.vcs.write_files(files), parent, "a change")

    def history(self, commit: str) -> set[str]:
        return self.vcs._history(commit)

    def files(self, commit: str) -> set[str]:
        return set(self.vcs.files(commit))


@dataclass
class ScriptedChecks:
    """Answers in turn; the last one stands."""

    answers: list[tuple[bool, str, float]] = field(default_factory=lambda: [(True, "3 passed", 1.5)])
    asked: list[str] = field(default_factory=list)

    async def __call__(self, commit: str) -> tuple[bool, str, float]:
        self.asked.append(commit)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def checks() -> ScriptedChecks:
    return ScriptedChecks()


@pytest.fixture(params=[GitWorld, MemoryWorld])
def world(request: pytest.FixtureRequest, tmp_path: Path, checks: ScriptedChecks) -> World:
    made: World = request.param(tmp_path, checks)
    return made


@dataclass
class Started:
    """Branch `main` at `base`, and `vulcan/work` one commit on, with a pull request."""

    base: str
    head: str
    pull: PullRequest


@pytest.fixture
async def started(world: World) -> Started:
    base = world.commit({"a": b"1\n"})
    head = world.commit({"a": b"1\n", "b": b"2\n"}, base)
    await world.forge.branches.push("main", base)
    await world.forge.branches.push("vulcan/work", head)
    pull = await world.forge.pull_requests.open("vulcan/work", "main", "Add b", "Because.\n", draft=False)
    return Started(base, head, pull)


# ---------------------------------------------------------------------------------- branches


async def test_a_branch_is_pushed_moved_and_deleted(world: World) -> None:
    branches, first = world.forge.branches, world.commit({"a": b"1"})
    assert await branches.head("vulcan/x") == ""
    await branches.push("vulcan/x", first)
    await branches.push("vulcan/x", first)
    assert await branches.head("vulcan/x") == first
    second = world.commit({"a": b"2"}, first)
    await branches.push("vulcan/x", second)
    assert await branches.head("vulcan/x") == second
    await branches.push("vulcan/x", first)
    assert await branches.head("vulcan/x") == first
    await branches.delete("vulcan/x")
    await branches.delete("vulcan/x")
    assert await branches.head("vulcan/x") == ""


async def test_a_commit_that_the_forge_lacks_is_not_pushed(world: World) -> None:
    with pytest.raises(EffectFailed):
        await world.forge.branches.push("vulcan/x", ABSENT)
    assert await world.forge.branches.head("vulcan/x") == ""


@pytest.mark.parametrize("name", ["", "a b", "../main", "x.lock", "/x"])
async def test_a_bad_name_is_refused(world: World, name: str) -> None:
    commit = world.commit({"a": b"1"})
    with pytest.raises(EffectFailed):
        await world.forge.branches.push(name, commit)
    with pytest.raises(EffectFailed):
        await world.forge.releases.publish(Release(name, commit, "notes"))


# ----------------------------------------------------------------------------- pull requests


async def test_a_pull_request_is_found_by_its_head(world: World, started: Started) -> None:
    pull = await world.forge.pull_requests.find("vulcan/work")
    assert pull == started.pull
    assert (pull.title, pull.body, pull.head, pull.base) == ("Add b", "Because.\n", "vulcan/work", "main")
    assert (pull.head_commit, pull.state, pull.draft, pull.merge_commit) == (started.head, "open", False, "")
    assert pull.number == 1
    assert pull.url.endswith("/pull/1")
    assert await world.forge.pull_requests.find("vulcan/other") is None


async def test_a_head_has_one_open_pull_request(world: World, started: Started) -> None:
    with pytest.raises(EffectFailed):
        await world.forge.pull_requests.open("vulcan/work", "main", "Again", "", draft=True)


async def test_a_head_that_is_not_pushed_has_none(world: World, started: Started) -> None:
    with pytest.raises(EffectFailed):
        await world.forge.pull_requests.open("vulcan/absent", "main", "t", "", draft=False)


async def test_a_pull_request_follows_its_branch(world: World, started: Started) -> None:
    newer = world.commit({"a": b"1\n", "b": b"3\n"}, started.head)
    await world.forge.branches.push("vulcan/work", newer)
    pull = await world.forge.pull_requests.find("vulcan/work")
    assert pull is not None
    assert pull.head_commit == newer


async def test_an_update_changes_what_it_names(world: World, started: Started) -> None:
    pulls = world.forge.pull_requests
    pull = await pulls.update(1, title="T", body="B \N{SNOWMAN}\r\n\n", draft=True, closed=False)
    assert pull == replace(started.pull, title="T", body="B \N{SNOWMAN}\r\n\n", draft=True)
    assert await pulls.find("vulcan/work") == pull


async def test_after_closing_another_one_can_be_opened(world: World, started: Started) -> None:
    pulls = world.forge.pull_requests
    closed = await pulls.update(1, title="Add b", body="", draft=False, closed=True)
    assert closed.state == "closed"
    with pytest.raises(EffectFailed):
        await pulls.update(1, title="Add b", body="", draft=False, closed=False)
    with pytest.raises(EffectFailed):
        await pulls.merge(1, started.head, "Merge")
    second = await pulls.open("vulcan/work", "main", "Second", "", draft=False)
    assert second.number == 2
    assert await pulls.find("vulcan/work") == second


async def test_an_unknown_number_is_refused(world: World, started: Started) -> None:
    with pytest.raises(EffectFailed):
        await world.forge.pull_requests.update(9, title="", body="", draft=False, closed=False)
    with pytest.raises(EffectFailed):
        await world.forge.pull_requests.merge(9, started.head, "Merge")


async def test_a_merge_joins_both_histories(world: World, started: Started) -> None:
    other = world.commit({"a": b"1\n", "c": b"3\n"}, started.base)
    await world.forge.branches.push("main", other)
    pull = await world.forge.pull_requests.merge(1, started.head, "Merge #1")
    main = await world.forge.branches.head("main")
    assert (pull.state, pull.merge_commit) == ("merged", main)
    assert {started.base, started.head, other} < world.history(main)
    assert world.files(main) == {"a", "b", "c"}
    assert await world.forge.pull_requests.find("vulcan/work") == pull


async def test_merging_again_changes_nothing(world: World, started: Started) -> None:
    pull = await world.forge.pull_requests.merge(1, started.head, "Merge #1")
    assert await world.forge.pull_requests.merge(1, started.head, "Merge #1") == pull
    await world.forge.branches.delete("vulcan/work")
    assert await world.forge.pull_requests.merge(1, ABSENT, "Merge #1") == pull
    assert await world.forge.branches.head("main") == pull.merge_commit


async def test_a_merge_is_a_commit_even_where_forwarding_would_do(world: World, started: Started) -> None:
    pull = await world.forge.pull_requests.merge(1, started.head, "Merge #1")
    assert pull.merge_commit not in {started.head, started.base}


async def test_a_moved_head_is_not_merged(world: World, started: Started) -> None:
    await world.forge.branches.push("vulcan/work", world.commit({"z": b"z"}, started.head))
    with pytest.raises(EffectFailed):
        await world.forge.pull_requests.merge(1, started.head, "Merge")
    assert await world.forge.branches.head("main") == started.base


async def test_a_draft_is_not_merged(world: World, started: Started) -> None:
    await world.forge.pull_requests.update(1, title="t", body="", draft=True, closed=False)
    with pytest.raises(EffectFailed):
        await world.forge.pull_requests.merge(1, started.head, "Merge")
    assert await world.forge.branches.head("main") == started.base


async def test_a_conflict_names_its_paths_and_changes_nothing(world: World, started: Started) -> None:
    other = world.commit({"a": b"1\n", "b": b"other\n"}, started.base)
    await world.forge.branches.push("main", other)
    with pytest.raises(EffectFailed, match="conflict: b"):
        await world.forge.pull_requests.merge(1, started.head, "Merge")
    assert await world.forge.branches.head("main") == other
    pull = await world.forge.pull_requests.find("vulcan/work")
    assert pull is not None
    assert pull.state == "open"


async def test_a_merge_makes_the_base_branch_where_the_forge_lacks_it(world: World, started: Started) -> None:
    await world.forge.branches.delete("main")
    pull = await world.forge.pull_requests.merge(1, started.head, "Merge")
    assert await world.forge.branches.head("main") == pull.merge_commit
    assert {started.base, started.head} < world.history(pull.merge_commit)


async def test_two_at_once_open_one_pull_request(world: World, started: Started) -> None:
    await world.forge.branches.push("vulcan/two", started.head)
    tries = (world.forge.pull_requests.open("vulcan/two", "main", f"{n}", "", draft=False) for n in range(4))
    results = await asyncio.gather(*tries, return_exceptions=True)
    opened = [result for result in results if isinstance(result, PullRequest)]
    assert [pull.number for pull in opened] == [2]
    assert all(isinstance(result, EffectFailed) for result in results if result not in opened)


async def test_many_at_once_take_different_numbers(world: World, started: Started) -> None:
    names = [f"vulcan/many-{n}" for n in range(6)]
    for name in names:
        await world.forge.branches.push(name, started.head)
    pulls = await asyncio.gather(
        *(world.forge.pull_requests.open(name, "main", name, "", draft=False) for name in names)
    )
    assert sorted(pull.number for pull in pulls) == [2, 3, 4, 5, 6, 7]


# --------------------------------------------------------------------------------- pipelines


async def test_a_run_is_recorded(world: World, started: Started, checks: ScriptedChecks) -> None:
    assert await world.forge.pipelines.find(started.head) is None
    run = await world.forge.pipelines.run(started.head)
    assert (run.commit, run.passed, run.log, run.duration) == (started.head, True, "3 passed", 1.5)
    assert await world.forge.pipelines.find(started.head) == run
    assert checks.asked == [started.head]


async def test_the_newest_run_counts(world: World, started: Started, checks: ScriptedChecks) -> None:
    checks.answers = [(True, "fine", 1.0), (False, "1 failed", 2.0)]
    first = await world.forge.pipelines.run(started.head)
    second = await world.forge.pipelines.run(started.head)
    assert first.id != second.id
    found = await world.forge.pipelines.find(started.head)
    assert found == second
    assert not second.passed


async def test_of_a_long_log_the_end_is_kept(world: World, started: Started, checks: ScriptedChecks) -> None:
    checks.answers = [(False, "x" * 100_000 + "the end", 1.0)]
    run = await world.forge.pipelines.run(started.head)
    assert run.log.endswith("the end")
    assert len(run.log) < 50_000


# ---------------------------------------------------------------------------------- releases


async def test_a_release_is_found_by_its_tag(world: World, started: Started) -> None:
    releases = world.forge.releases
    assert await releases.latest_tag() == ""
    assert await releases.find("") is None
    assert await releases.find("v1.0.0") is None
    release = Release("v1.0.0", started.base, "# Notes\n\n- one \N{SNOWMAN}\n\n")
    assert await releases.publish(release) == release
    assert await releases.publish(release) == release
    assert await releases.find("v1.0.0") == release
    assert await releases.latest_tag() == "v1.0.0"


async def test_the_newest_release_is_the_last_published(world: World, started: Started) -> None:
    for tag, commit in (("v0.9.0", started.head), ("v0.10.0", started.base), ("v0.1.0", started.base)):
        await world.forge.releases.publish(Release(tag, commit, "notes"))
        assert await world.forge.releases.latest_tag() == tag


async def test_a_tag_is_never_moved(world: World, started: Started) -> None:
    await world.forge.releases.publish(Release("v1", started.base, "notes"))
    with pytest.raises(EffectFailed):
        await world.forge.releases.publish(Release("v1", started.head, "notes"))
    found = await world.forge.releases.find("v1")
    assert found is not None
    assert found.commit == started.base
