"""Where things are inside a box, and what may be shown there."""

import os
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest

from vulcan.application.ports import BoxSpec, Mount
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import profile
from vulcan.infrastructure.sandbox.plan import (
    SYSTEM_PYTHON,
    Layout,
    checked,
    guest,
    program,
    reads_our_bytecode,
)
from vulcan.infrastructure.sandbox.user import User, require_reachable

STRANGER = User(54321, 54321)
MYSELF = User(os.geteuid(), os.getegid())


def test_targets_are_found_at_their_sources():
    layout = Layout(
        "/real", "/h", "/t", {"/workspace": "/real", "/venv": "/cache/venv", "/venv/bin": "/other"}
    )
    assert layout.inside("/venv") == "/cache/venv"
    assert layout.inside("/venv/lib/x") == "/cache/venv/lib/x"
    assert layout.inside("/venv/bin/python") == "/other/python"
    assert layout.inside("/venvs") == "/venvs"
    assert layout.inside("/usr/bin/git") == "/usr/bin/git"


def test_paths_in_a_spec_s_variables_are_where_they_are_inside():
    layout = Layout("/real", "/h", "/t", {"/workspace": "/real", "/venv": "/cache/venv", "/tmp": "/t"})
    variables = {
        "PATH": "/venv/bin:/usr/bin",
        "PYTHONPATH": "/workspace/src:/workspace",
        "X": "/tmp/x",
        "E": "",
    }
    assert layout.translated(
        {**variables, "OPTIONS": "--color=no", "OTHER": "/workspaces:http://a/venv"}
    ) == {
        "PATH": "/cache/venv/bin:/usr/bin",
        "PYTHONPATH": "/real/src:/real",
        "X": "/t/x",
        "E": "",
        "OPTIONS": "--color=no",
        "OTHER": "/workspaces:http://a/venv",
    }


def test_bubblewrap_shows_targets_where_they_were_asked_for():
    assert profile.LAYOUT.inside("/venv/bin") == "/venv/bin"


@pytest.fixture
def profile_arguments(tmp_path):
    spec = BoxSpec(
        tmp_path, writable=False, mounts=(Mount(Path("/m"), "/in"), Mount(Path("/w"), "/out", writable=True))
    )
    return profile.arguments(spec, b"server", b"filter", lambda _name, _content: 99)


def position(arguments, *words):
    return next(at for at in range(len(arguments)) if tuple(arguments[at : at + len(words)]) == words)


def test_bubblewrap_locks_the_root_after_everything_is_in_place(profile_arguments, tmp_path):
    locked = position(profile_arguments, "--remount-ro", "/")
    assert position(profile_arguments, "--ro-bind", str(tmp_path), "/workspace") < locked
    assert position(profile_arguments, "--ro-bind", "/m", "/in") < locked
    assert position(profile_arguments, "--bind", "/w", "/out") < locked
    assert position(profile_arguments, "--ro-bind", "/proc/sys", "/proc/sys") > position(
        profile_arguments, "--proc", "/proc"
    )


def test_bubblewrap_shows_nothing_of_homes_or_temporary_folders(profile_arguments):
    binds = [
        at for at, word in enumerate(profile_arguments) if word in {"--bind", "--ro-bind", "--ro-bind-try"}
    ]
    sources = {profile_arguments[at + 1] for at in binds}
    assert not {"/", "/home", "/root", "/tmp", "/run", "/etc", "/var", "/dev"} & sources


def test_a_folder_on_the_way_that_is_closed_is_named(tmp_path):
    closed = tmp_path / "closed"
    (closed / "inner").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(SandboxUnavailable, match="may not pass through") as caught:
        require_reachable(closed / "inner", STRANGER)
    assert "/var/lib/vulcan" in caught.value.hint
    assert require_reachable(closed / "inner", MYSELF) == (closed / "inner").resolve()


def test_a_closed_folder_itself_is_named():
    root_only = Path("/proc/1/task")  # readable for all: the control
    assert require_reachable(root_only, STRANGER) == root_only
    with pytest.raises(SandboxUnavailable, match="may not"):
        require_reachable(Path("/proc/1/fd"), STRANGER)


def test_links_are_followed_before_a_box_sees_them(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    spec = checked(BoxSpec(tmp_path / "link", mounts=(Mount(tmp_path / "link", "/x/"),)), MYSELF)
    real = (tmp_path / "real").resolve()
    assert (spec.workspace, spec.mounts) == (real, (Mount(real, "/x"),))


def test_a_workspace_is_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxUnavailable, match="not a folder"):
        checked(BoxSpec(tmp_path / "file"), MYSELF)


def test_bytecode_is_only_given_to_an_interpreter_of_our_minor_version():
    major, minor = sys.version_info[:2]
    assert reads_our_bytecode(Path(f"/usr/bin/python{major}.{minor}"))
    assert not reads_our_bytecode(Path(f"/usr/bin/python{major}.{minor + 1}"))
    assert not reads_our_bytecode(Path("/usr/bin/python3"))
    compiled = reads_our_bytecode(Path(SYSTEM_PYTHON).resolve())
    assert program("server").startswith(MAGIC_NUMBER if compiled else guest("server"))
