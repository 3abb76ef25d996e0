"""The agents' file access: never outside of the folder, never over a link, always an error that the model can use."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vulcan.domain.errors import ToolError
from vulcan.infrastructure.host.files import MAX_READ, read_file, write_file

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project beside a file that is none of the agent's business."""
    (tmp_path / "secret").write_text("outside")
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "a.py").write_text("a = 1\n")
    return project


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(root: Path) -> None:
    write_file(root, "new/deep/b.py", b"\x00\xff\r\n")

    assert read_file(root, "new/deep/b.py") == b"\x00\xff\r\n"
    assert read_file(root, "/workspace/src/a.py") == read_file(root, "./src//a.py") == b"a = 1\n"
    assert names(root / "new" / "deep") == ["b.py"]


@pytest.mark.parametrize(
    "path",
    ["../secret", "src/../../secret", "/etc/passwd", "/workspace/../secret", "..", "src/..", "//etc/passwd"],
)
def test_nothing_outside_is_reached(root: Path, path: str) -> None:
    for access in (lambda: read_file(root, path), lambda: write_file(root, path, b"x")):
        with pytest.raises(ToolError, match="outside of the project"):
            access()
    assert (root.parent / "secret").read_text() == "outside"


@pytest.mark.parametrize("path", ["", " ", ".", "./", "a\0b"])
def test_a_path_that_names_no_file(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match="names no file"):
        read_file(root, path)


@pytest.mark.parametrize("path", [".git/config", "sub/.git/hooks/x", ".GIT/config"])
def test_the_git_folder_is_closed(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match=r"\.git folder"):
        write_file(root, path, b"x")


def test_no_link_is_followed(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent)
    (root / "dangling").symlink_to(root.parent / "made")
    for path in ("link", "folder/secret"):
        with pytest.raises(ToolError, match="symbolic link"):
            read_file(root, path)
    for path in ("link", "dangling"):
        with pytest.raises(ToolError, match="only regular files"):
            write_file(root, path, b"x")
    with pytest.raises(ToolError, match="symbolic link"):
        write_file(root, "folder/made", b"x")
    assert (root.parent / "secret").read_text() == "outside"
    assert not (root.parent / "made").exists()


def test_a_folder_tells_what_is_in_it(root: Path) -> None:
    (root / "bare").mkdir()
    with pytest.raises(ToolError, match=r"src is a folder: a\.py"):
        read_file(root, "src")
    with pytest.raises(ToolError, match="bare is a folder: empty"):
        read_file(root, "bare")
    with pytest.raises(ToolError, match="only regular files"):
        write_file(root, "src", b"x")


def test_what_is_no_file_is_said(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))
        for path, words in (
            ("pipe", "not a regular file"),
            ("socket", "can't be opened"),
            ("none.py", "no file none.py"),
            ("no/folder.py", "no file no/folder.py"),
            ("src/a.py/b", "through a file"),
        ):
            with pytest.raises(ToolError, match=words):
                read_file(root, path)


@pytest.mark.parametrize("path", ["n" * 300, f"{'n' * 300}/a.py", f"src/{'n' * 300}/a.py"])
def test_a_name_that_is_too_long(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match="too long"):
        write_file(root, path, b"x")


def test_the_longest_name_can_be_written(root: Path) -> None:
    write_file(root, "n" * 255, b"x")
    assert names(root / "src") == ["a.py"]
    assert (root / ("n" * 255)).read_bytes() == b"x"


def test_a_failed_write_leaves_nothing_behind(root: Path) -> None:
    with pytest.raises(ToolError, match="through a file"):
        write_file(root, "src/a.py/b.py", b"x")
    assert (root / "src" / "a.py").read_text() == "a = 1\n"
    assert names(root) == ["src"]


def test_the_executable_bit_stays_and_new_files_are_readable(root: Path) -> None:
    (root / "run").write_text("#!/bin/sh\n")
    (root / "run").chmod(0o755)
    write_file(root, "run", b"#!/bin/bash\n")
    write_file(root, "plain", b"")

    modes = [stat.S_IMODE((root / name).stat().st_mode) for name in ("run", "plain")]
    assert modes == [0o755, 0o644]


def test_a_reader_never_sees_half_a_file(root: Path) -> None:
    with (root / "src" / "a.py").open("rb") as before:
        write_file(root, "src/a.py", b"a = 2\n")
        assert before.read() == b"a = 1\n"


@AS_ROOT
def test_what_root_writes_belongs_to_the_owner_of_the_project(root: Path) -> None:
    os.chown(root, 12345, 12346)
    write_file(root, "fresh/folder/c.py", b"c")

    for path in ("fresh", "fresh/folder", "fresh/folder/c.py"):
        info = (root / path).stat()
        assert (info.st_uid, info.st_gid) == (12345, 12346)


def test_reading_is_bounded(root: Path) -> None:
    with (root / "large").open("wb") as file:
        file.truncate(MAX_READ + 10)
    assert len(read_file(root, "large")) == MAX_READ


@given(
    st.lists(st.sampled_from(["..", ".", "src", "a.py", "secret", "", "/", "/workspace"]), max_size=6).map(
        "/".join
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leaves_the_project(root: Path, path: str) -> None:
    with suppress(ToolError):
        assert read_file(root, path) == b"a = 1\n"
    with suppress(ToolError):
        write_file(root, path, b"a = 1\n")
    assert (root.parent / "secret").read_text() == "outside"
    assert names(root.parent) == ["project", "secret"]
