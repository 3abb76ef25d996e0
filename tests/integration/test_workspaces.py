"""A job's workspace over kills and losses."""

from __future__ import annotations

from pathlib import Path

import pytest

from vulcan.application.ports import BoxSpec, Limits
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.sandbox import BubblewrapSandbox, NoSandbox
from vulcan.infrastructure.workspace.directories import Directories


class NoEnvironments:
    """No command runs here."""


@pytest.mark.parametrize("lost", ["workspace", "workspace.key", ""])
async def test_a_workspace_that_was_lost_is_put_back_as_it_was(reachable: Path, lost: str) -> None:
    import shutil

    repository = GitRepository(reachable / "host.git")
    start = repository.commit(repository.write_files({"a.txt": b"old\n"}), "", "Start")
    root = reachable / "jobs"
    directories = Directories(root, repository, NoSandbox(), NoEnvironments(), Limits(), reachable / "trees")  # type: ignore[arg-type]
    async with directories.workspace("j", "generate/1", start, "") as opened:
        opened.files.write("a.txt", b"new\n")
        tree = opened.snapshot()
    if lost:
        path = root / "j" / lost
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    async with directories.workspace("j", "generate/1", start, tree) as opened:
        assert opened.files.read("a.txt") == b"new\n"
        assert opened.snapshot() == tree


async def test_who_only_reads_shares_the_tree_and_can_change_nothing(reachable: Path) -> None:
    repository = GitRepository(reachable / "host.git")
    start = repository.commit(repository.write_files({"a.txt": b"old\n", "b/c.txt": b"old\n"}), "", "Start")
    trees, sandbox = reachable / "trees", BubblewrapSandbox()
    directories = Directories(
        reachable / "jobs", repository, sandbox, NoEnvironments(), Limits(), trees  # type: ignore[arg-type]
    )  # fmt: skip
    async with directories.reading(start) as one, directories.reading(start) as other:
        found = await one.run("grep -rn old . | sort; echo new > a.txt; rm -rf b", 60)
        assert found.output.startswith("./a.txt:1:old\n./b/c.txt:1:old\n")
        with pytest.raises(ToolError):
            one.write("a.txt", b"new\n")
        assert (one.read("a.txt"), other.read("b/c.txt")) == (b"old\n", b"old\n")
    assert [path.name for path in trees.iterdir()] == [repository.overlay(start, start, ())]
    assert not (reachable / "jobs").exists()


async def test_trees_share_the_files_that_are_the_same_and_no_box_can_write_to_them(reachable: Path) -> None:
    repository = GitRepository(reachable / "host.git")
    old = repository.commit(repository.write_files({"a.txt": b"old\n", "b/c.txt": b"same\n"}), "", "Start")
    new = repository.commit(repository.write_files({"a.txt": b"new\n", "b/c.txt": b"same\n"}), old, "More")
    sandbox = BubblewrapSandbox()
    directories = Directories(
        reachable / "jobs", repository, sandbox, NoEnvironments(), Limits(), reachable / "trees"  # type: ignore[arg-type]
    )  # fmt: skip
    async with directories.reading(old), directories.reading(new):
        trees = {path.name: path for path in (reachable / "trees").iterdir()}
        one, other = (trees[repository.overlay(commit, commit, ())] for commit in (old, new))
        assert (one / "b/c.txt").samefile(other / "b/c.txt")
        assert ((one / "a.txt").read_text(), (other / "a.txt").read_text()) == ("old\n", "new\n")
        async with sandbox.open(BoxSpec(other, overlay=True)) as box:
            result = await box.run(
                ["/bin/sh", "-c", "echo x >> b/c.txt; chmod 600 b/c.txt; cat b/c.txt"], timeout=60
            )
        assert result.output == "same\nx\n"
        assert (one / "b/c.txt").read_text() == (other / "b/c.txt").read_text() == "same\n"
        assert (one / "b/c.txt").stat().st_mode & 0o777 == 0o644
