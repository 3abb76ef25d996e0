"""A job's workspace over kills and losses."""

from __future__ import annotations

from pathlib import Path

import pytest

from vulcan.application.ports import Limits
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.sandbox import NoSandbox
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
