"""The command as a new user meets it: a terminal, a closed pipe, no git on the path, a full disk, a lost folder."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conftest import ANALYSIS, FIX, GOOD_JOB, Cli, reply
from vulcan.domain.errors import NO_ROOM_HINT

pytestmark = pytest.mark.sandbox
Recording = Callable[[Sequence[str]], str]
VULCAN = (sys.executable, "-m", "vulcan")


def start(home: Path, *arguments: str, cwd: Path | None = None, **more: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "VULCAN_HOME": str(home), "COLUMNS": "40", "TERM": "xterm"}
    return subprocess.Popen([*VULCAN, *arguments], env=environment, cwd=cwd, text=True, **more)  # type: ignore[call-overload]


def read_all(terminal: int) -> str:
    found = b""
    with contextlib.suppress(OSError):  # the kernel's word for: the other end is closed
        while part := os.read(terminal, 4096):
            found += part
    return found.decode()


def test_a_job_runs_in_a_terminal(home: Path, project: Path, recording: Recording) -> None:
    terminal, inside = pty.openpty()
    model = recording(GOOD_JOB)
    with start(home, "run", "x", "--repo", str(project), "--model", model, stdout=inside) as process:
        os.close(inside)
        out = read_all(terminal)
    os.close(terminal)
    assert process.returncode == 0, out
    assert "verdict: PROVEN" in out
    assert "model calls" in out


def test_a_closed_pipe_pauses_the_job(home: Path, project: Path, recording: Recording, cli: Cli) -> None:
    model = recording((ANALYSIS, reply("generate/1/coder/0", ("shell", {"command": "sleep 60"})), *FIX))
    with start(home, "run", "x", "--repo", str(project), "--model", model, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        process.wait(timeout=50)
    events = cli("show", "--events")
    assert "paused" in events
    assert "bug" not in events


def test_a_full_disk_is_said_and_is_no_bug(
    cli: Cli, project: Path, recording: Recording, home: Path, tmp_path: Path
) -> None:
    if os.geteuid():
        pytest.skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=711", "none", disk], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "tools").mkdir()
        (home / "tools").symlink_to(disk / "tools")
        model = recording(GOOD_JOB)
        environment = {**os.environ, "VULCAN_HOME": str(home)}
        argv = [*VULCAN, "run", "x", "--repo", str(project), "--model", model]
        done = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert done.returncode == 1
    assert NO_ROOM_HINT in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


def test_the_demo_needs_no_git_on_the_path(home: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": str(tmp_path), "VULCAN_HOME": str(home)}
    done = subprocess.run([*VULCAN, "demo"], env=environment, check=False, capture_output=True, text=True)
    assert "verdict: PROVEN" in done.stdout, done.stderr


def test_a_folder_that_is_gone_is_said(home: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir '{gone}'; exec '{sys.executable}' -m vulcan run x --model recorded:demo"
    environment = {**os.environ, "VULCAN_HOME": str(home)}
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=gone, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "the current folder does not exist any more" in done.stderr


@pytest.mark.parametrize("content", [b"not json\n", b"\xff\xfe\x00\n", b"[]\n"])
def test_a_recording_that_is_none_is_said(cli: Cli, project: Path, reachable: Path, content: bytes) -> None:
    path = reachable / "odd.jsonl"
    path.write_bytes(content)
    out = cli("run", "x", "--repo", str(project), "--model", f"recorded:{path}", code=1)
    assert "line 1 of the recording" in out
    assert "bug" not in out


def test_a_recording_may_hold_any_line_separator(cli: Cli, project: Path, recording: Recording) -> None:
    odd = [json.dumps(json.loads(line) | {"note": "\u2028\x85"}, ensure_ascii=False) for line in GOOD_JOB]
    cli("run", "x", "--repo", str(project), "--model", recording(odd))
