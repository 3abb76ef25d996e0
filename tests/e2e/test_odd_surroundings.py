"""The command as a new user meets it: a terminal, a closed pipe, no git on the path, a full disk, a lost folder."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
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


def test_a_home_that_can_not_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for arguments in (("demo",), ("jobs",), ("run", "x", "--model", "recorded:demo")):
        environment = {**os.environ, "VULCAN_HOME": str(tmp_path / "file" / "state")}
        done = subprocess.run(
            [*VULCAN, *arguments], env=environment, check=False, capture_output=True, text=True
        )
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert "VULCAN_HOME" in done.stderr


def test_a_damaged_log_is_said_instead_of_jobs_that_are_missing(
    home: Path, project: Path, recording: Recording
) -> None:
    environment = {**os.environ, "VULCAN_HOME": str(home)}

    def vulcan(*arguments: str, code: int = 0) -> str:
        argv = [*VULCAN, *arguments]
        done = subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    vulcan("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    job = json.loads(vulcan("jobs", "--json"))["job"]
    log = home / "events.sqlite3"
    content = log.read_bytes()
    assert not log.with_name("events.sqlite3-wal").exists()
    log.write_bytes(content[: len(content) // 4096 // 2 * 4096])
    out = vulcan("show", "nosuch1", code=1)
    assert f"event log {log}" in out
    assert ".recover" in out

    log.write_bytes(b"")
    for path in home.glob("events.sqlite3-*"):
        path.unlink()
    for arguments, code in ((("show",), 2), (("resume", job), 2), (("jobs",), 0)):
        out = vulcan(*arguments, code=code)
        assert f"does not know jobs whose folders are in {home / 'jobs'} ({job})" in out
        assert "backup" in out


def test_what_a_killed_run_left_is_swept(cli: Cli, home: Path, project: Path, recording: Recording) -> None:
    dead = subprocess.run(
        [
            sys.executable,
            "-c",
            "from vulcan.infrastructure.host.leftovers import owned; print(owned('tree'))",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    folder = home / "trees" / f".{dead.stdout.strip()}abcd"
    folder.mkdir(parents=True)
    (home / "jobs" / "t0000000").mkdir(parents=True)
    (home / "jobs" / "t0000000" / "workspace.key").write_text("generate/1 0")
    out = cli("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    assert "does not know jobs" in out
    tidying = [thread for thread in threading.enumerate() if thread.name == "tidy-up"]
    for thread in tidying:
        thread.join()
    assert not folder.exists()


def read_only(folder: Path) -> Sequence[str]:
    """What to put before a command so that it can't write into a folder."""
    if os.geteuid():
        folder.chmod(0o555)
        return ()
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, str(folder))


def test_a_read_only_state_folder_can_be_read(
    cli: Cli, home: Path, project: Path, recording: Recording
) -> None:
    cli("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    environment = {**os.environ, "VULCAN_HOME": str(home)}
    before = read_only(home)

    def vulcan(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [*before, *VULCAN, *arguments]
        return subprocess.run(argv, env=environment, check=False, capture_output=True, text=True)

    try:
        for arguments in (("jobs",), ("show",), ("show", "--events"), ("stats",)):
            done = vulcan(*arguments)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert done.stdout
        for arguments in (
            ("resume",),
            ("run", "x", "--repo", str(project), "--model", "recorded:demo"),
            ("demo",),
        ):
            done = vulcan(*arguments)
            assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
            assert "VULCAN_HOME" in done.stderr
    finally:
        home.chmod(0o755)


@pytest.mark.parametrize("content", [b"not json\n", b"\xff\xfe\x00\n", b"[]\n"])
def test_a_recording_that_is_none_is_said(cli: Cli, project: Path, reachable: Path, content: bytes) -> None:
    path = reachable / "odd.jsonl"
    path.write_bytes(content)
    out = cli("run", "x", "--repo", str(project), "--model", f"recorded:{path}", code=2)
    assert "line 1 of the recording" in out
    assert "bug" not in out
    assert cli("jobs") == ""


def test_a_recording_may_hold_any_line_separator(cli: Cli, project: Path, recording: Recording) -> None:
    odd = [json.dumps(json.loads(line) | {"note": "\u2028\x85"}, ensure_ascii=False) for line in GOOD_JOB]
    cli("run", "x", "--repo", str(project), "--model", recording(odd))
