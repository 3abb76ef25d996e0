"""The Workspace port's suite: real git and a real box, and the fake that agents are tested with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from fakes.agents import MemoryWorkspace
from vulcan.application.ports import Limits, Workspace
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.git import GitRepository
from vulcan.infrastructure.sandbox import NoSandbox
from vulcan.infrastructure.workspace.directories import Directories

FILES = {"calc.py": b"x = 1\n", "src/deep/a.py": b"caf\xe9\n"}
Open = Callable[[Path], AbstractAsyncContextManager[Workspace]]


class NoEnvironments:
    """No command runs here."""


@asynccontextmanager
async def directory(folder: Path) -> AsyncIterator[Workspace]:
    repository = GitRepository(folder / "host.git")
    start = repository.commit(repository.write_files(FILES), "", "Start")
    directories = Directories(
        folder / "jobs", repository, NoSandbox(), NoEnvironments(), Limits(), folder / "trees"  # type: ignore[arg-type]
    )  # fmt: skip
    async with directories.workspace("j", "generate/1", start, "") as opened:
        yield opened.files


@asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Workspace]:
    del folder
    yield MemoryWorkspace(dict(FILES))


@pytest.fixture(params=[directory, memory], ids=lambda adapter: adapter.__name__)
async def workspace(request: pytest.FixtureRequest, reachable: Path) -> AsyncIterator[Workspace]:
    opened: Open = request.param
    async with opened(reachable) as files:
        yield files


async def test_files_are_the_bytes_that_they_are(workspace: Workspace) -> None:
    assert workspace.read("calc.py") == b"x = 1\n"
    assert workspace.read("src/deep/a.py") == b"caf\xe9\n"
    workspace.write("calc.py", b"\x00\xff")
    assert workspace.read("calc.py") == b"\x00\xff"


async def test_a_new_file_brings_its_folders_along(workspace: Workspace) -> None:
    workspace.write("new/folder/b.txt", b"b")
    assert workspace.read("new/folder/b.txt") == b"b"


@pytest.mark.parametrize("path", ["absent.py", "src/absent/a.py"])
async def test_a_file_that_is_not_there_is_told(workspace: Workspace, path: str) -> None:
    with pytest.raises(ToolError, match=f"There is no file {path}"):
        workspace.read(path)


@pytest.mark.parametrize("path", ["../out.txt", "/etc/passwd", "src/../../out.txt", ".git/config", ""])
async def test_what_is_outside_or_git_s_own_is_refused(workspace: Workspace, path: str) -> None:
    with pytest.raises(ToolError):
        workspace.read(path)
    with pytest.raises(ToolError):
        workspace.write(path, b"x")


async def test_a_folder_is_no_file(workspace: Workspace) -> None:
    with pytest.raises(ToolError, match="src is a folder: deep"):
        workspace.read("src")
    with pytest.raises(ToolError):
        workspace.write("src", b"x")
