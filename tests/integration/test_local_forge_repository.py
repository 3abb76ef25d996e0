"""The local forge as plain git sees it, and under several processes at once."""

from __future__ import annotations

import json
import subprocess
import sys
from os import pathsep
from pathlib import Path

import pytest

from fakes.user_repository import ENVIRONMENT, UserRepository
from vulcan.application.ports import Release
from vulcan.domain.errors import EffectFailed, VulcanError
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.local_forge import BranchSync, LocalForge


async def fine(commit: str) -> tuple[bool, str, float]:
    return True, f"checked {commit}\n", 0.5


@pytest.fixture
def git(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "my project.git")


@pytest.fixture
def forge(git: GitRepository) -> LocalForge:
    return LocalForge(git, fine)


@pytest.fixture
def plain(git: GitRepository) -> UserRepository:
    """Plain git in the same bare repository."""
    assert git.git
    return UserRepository(git.git_dir)


def change(git: GitRepository, files: dict[str, bytes], parent: str = "") -> str:
    return git.commit(git.write_files(files), parent, "a change")


@pytest.fixture
async def head(git: GitRepository, forge: LocalForge) -> str:
    base = change(git, {"a": b"1"})
    head = change(git, {"a": b"2"}, base)
    await forge.branches.push("main", base)
    await forge.branches.push("vulcan/work", head)
    return head


async def test_plain_git_shows_a_pull_request(forge: LocalForge, plain: UserRepository, head: str) -> None:
    pull = await forge.pull_requests.open("vulcan/work", "main", "Title", "# Body\n", draft=True)
    assert pull.url == "vulcan://my%20project/pull/1"
    assert plain.git("show", "refs/vulcan/pulls/1:body.md") == "# Body"
    data = json.loads(plain.git("show", "refs/vulcan/pulls/1:pull.json"))
    assert (data["number"], data["title"], data["state"], data["draft"]) == (1, "Title", "open", True)
    assert plain.git("rev-parse", "refs/pull/1/head") == head
    await forge.pull_requests.update(1, title="Title", body="# Body\n", draft=False, closed=False)
    await forge.pull_requests.merge(1, head, "Merge pull request #1\n\nbecause")
    states = plain.git("log", "--format=%s", "refs/vulcan/pulls/1").splitlines()
    assert states == ["Merge #1", "Update #1", "Open #1"]
    assert plain.git("log", "-1", "--format=%B%n%P", "main").splitlines()[:3] == [
        "Merge pull request #1",
        "",
        "because",
    ]
    assert plain.git("fsck", "--full", "--strict") == ""


async def test_plain_git_shows_pipelines_and_releases(
    forge: LocalForge, plain: UserRepository, head: str
) -> None:
    await forge.pipelines.run(head)
    assert plain.git("show", f"refs/vulcan/pipelines/{head}:log.txt") == f"checked {head}"
    await forge.releases.publish(Release("v1.0.0", head, "What is new\n\n- all of it"))
    assert plain.git("cat-file", "-t", "v1.0.0") == "tag"
    assert plain.git("tag", "--list", "--format=%(contents)", "v1.0.0") == "What is new\n\n- all of it"
    assert plain.git("rev-parse", "v1.0.0^{commit}") == head


async def test_a_tag_that_is_no_release_is_no_release(
    forge: LocalForge, plain: UserRepository, head: str
) -> None:
    plain.git("tag", "light", head)
    assert await forge.releases.find("light") is None
    assert await forge.releases.latest_tag() == ""
    with pytest.raises(EffectFailed):
        await forge.releases.publish(Release("light", head, "notes"))


async def test_a_forge_opened_again_finds_everything(
    git: GitRepository, forge: LocalForge, head: str
) -> None:
    pull = await forge.pull_requests.open(
        "vulcan/work", "main", "Title", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", draft=False
    )
    run = await forge.pipelines.run(head)
    again = LocalForge(GitRepository(git.git_dir), fine)
    assert await again.pull_requests.find("vulcan/work") == pull
    assert await again.pipelines.find(head) == run


async def test_a_merge_that_was_killed_before_it_was_recorded_is_found(
    git: GitRepository, forge: LocalForge, head: str
) -> None:
    """Refs change one by one on disk, however briefly: main may have moved while the record has not."""
    await forge.pull_requests.open("vulcan/work", "main", "Title", "", draft=False)
    base = git.refs.get("refs/heads/main")
    merged = git.merge(base, head, "Merge")
    assert git.refs.update([("refs/heads/main", merged, base)])
    pull = await forge.pull_requests.merge(1, head, "Merge")
    assert (pull.state, pull.merge_commit) == ("merged", merged)
    assert await forge.branches.head("main") == merged


async def test_branches_whose_names_overlap_in_time(forge: LocalForge, head: str) -> None:
    await forge.branches.push("vulcan/a", head)
    await forge.pull_requests.open("vulcan/a", "main", "A", "", draft=False)
    await forge.branches.delete("vulcan/a")
    await forge.branches.push("vulcan/a/b", head)
    pull = await forge.pull_requests.open("vulcan/a/b", "main", "AB", "", draft=False)
    assert pull.number == 2
    with pytest.raises(EffectFailed) as caught:
        await forge.branches.push("vulcan/a", head)
    assert caught.value.hint


async def test_unrelated_histories_are_not_merged(git: GitRepository, forge: LocalForge, head: str) -> None:
    stray = change(git, {"stray": b"x"})
    await forge.branches.push("vulcan/stray", stray)
    await forge.pull_requests.open("vulcan/stray", "main", "Stray", "", draft=False)
    with pytest.raises(EffectFailed, match="no common history"):
        await forge.pull_requests.merge(1, stray, "Merge")


async def test_a_damaged_record_says_so(forge: LocalForge, git: GitRepository, head: str) -> None:
    await forge.pull_requests.open("vulcan/work", "main", "Title", "", draft=False)
    state = git.refs.get("refs/vulcan/pulls/1")
    names = ("refs/vulcan/pulls/1", "refs/vulcan/by-head/vulcan%2Fwork")
    assert git.refs.update([(name, head, state) for name in names])
    with pytest.raises(VulcanError, match=r"pull\.json"):
        await forge.pull_requests.find("vulcan/work")


async def test_the_base_follows_the_user_only_forwards(git: GitRepository, forge: LocalForge) -> None:
    first = change(git, {"a": b"1"})
    second = change(git, {"a": b"2"}, first)
    other = change(git, {"a": b"3"}, first)
    assert await forge.sync_branch("main", first) is BranchSync.CREATED
    assert await forge.sync_branch("main", first) is BranchSync.UNCHANGED
    assert await forge.sync_branch("main", second) is BranchSync.FORWARDED
    assert await forge.sync_branch("main", first) is BranchSync.AHEAD
    assert await forge.sync_branch("main", other) is BranchSync.DIVERGED
    assert await forge.branches.head("main") == second


async def test_a_base_that_the_forge_never_had_starts_before_vulcans_commits(
    git: GitRepository, forge: LocalForge, tmp_path: Path
) -> None:
    user = UserRepository.make(tmp_path / "user")
    theirs = user.commit({"a": "1"})
    git.fetch(user.root, theirs)
    ours = git.commit(git.write_files({"a": b"2"}), theirs, "one")
    ours = git.commit(git.write_files({"a": b"3"}), ours, "two")
    await forge.branches.push("vulcan/x", ours)
    await forge.pull_requests.open("vulcan/x", "main", "t", "", draft=False)
    pull = await forge.pull_requests.merge(1, ours, "Merge")
    assert git.git.run("rev-parse", f"{pull.merge_commit}^1", f"{pull.merge_commit}^2").text.split() == [
        theirs,
        ours,
    ]


OPENER = """
import asyncio, sys
from pathlib import Path
from vulcan.domain.errors import EffectFailed
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.local_forge import LocalForge

async def main():
    forge = LocalForge(GitRepository(Path(sys.argv[1])), None)
    head = await forge.branches.head("main")
    for number in range(4):
        branch = f"vulcan/{sys.argv[2]}-{number}"
        await forge.branches.push(branch, head)
        print((await forge.pull_requests.open(branch, "main", branch, "", draft=False)).number)
    try:
        await forge.pull_requests.open("vulcan/shared", "main", "shared", "", draft=False)
        print("shared")
    except EffectFailed:
        pass

asyncio.run(main())
"""


def opened_by_processes(git_dir: Path, count: int) -> list[str]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(git_dir), f"p{number}"],
            env={**ENVIRONMENT, "PYTHONPATH": pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
        )
        for number in range(count)
    ]
    printed = " ".join(process.communicate(timeout=60)[0].decode() for process in running).split()
    assert all(process.returncode == 0 for process in running)
    return printed


async def test_processes_never_take_the_same_number(git: GitRepository, forge: LocalForge, head: str) -> None:
    await forge.branches.push("vulcan/shared", head)
    printed = opened_by_processes(git.git_dir, 3)
    assert printed.count("shared") == 1
    numbers = sorted(int(word) for word in printed if word != "shared")
    assert len(numbers) == len(set(numbers)) == 12
    assert len(git.refs.below("refs/vulcan/pulls")) == 13
