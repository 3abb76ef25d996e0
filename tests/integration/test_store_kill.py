"""Real processes on one log: kills lose nothing acknowledged, and no place in a log is given twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vulcan.domain.events import JobPaused, ToolCalled
from vulcan.infrastructure.store import SqliteEventStore

WRITER = """
import sys
from pathlib import Path
from vulcan.domain.errors import ConcurrentAppend
from vulcan.domain.events import JobPaused, ToolCalled
from vulcan.infrastructure.store import SqliteEventStore

path, name, limit = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store = SqliteEventStore(path)
seq = len(store.read("job"))
print("ready", flush=True)
sys.stdin.readline()
while seq < limit:
    try:
        event = ToolCalled("k", "coder", "run", "x" * 70_000, name) if seq % 50 == 49 else JobPaused(f"{name}/{seq}")
        seq = store.append("job", seq, [event])[-1].seq
        print(seq, flush=True)
    except ConcurrentAppend:
        seq = len(store.read("job"))
print("done", flush=True)
"""


def start_writer(path: Path, name: str, limit: int) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(limit)]
    return subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True, bufsize=1)


def let_go(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin
    writer.stdin.write("go\n")
    writer.stdin.flush()


def acknowledged(writer: subprocess.Popen[str]) -> list[int]:
    """What the writer has reported until its end."""
    assert writer.stdout
    with writer.stdout as lines:
        return [int(line) for line in lines if line.strip().isdigit() and line.endswith("\n")]


def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    last = 0
    for kill_after in (1, 49, 130):
        with start_writer(path, f"from {last}", 1_000_000) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == "ready\n"
            let_go(writer)
            for _ in range(kill_after):
                last = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            last = max([last, *acknowledged(writer)])
            assert writer.wait() == -signal.SIGKILL

        with SqliteEventStore(path) as store:
            log = store.read("job")
        # One append may have been committed and not yet reported.
        assert len(log) - last in (0, 1)
        assert [each.seq for each in log] == list(range(1, len(log) + 1))
        last = len(log)
    assert last >= 180


@pytest.mark.parametrize("writers", [2, 4])
def test_two_processes_never_share_a_place(tmp_path: Path, writers: int) -> None:
    path, places = tmp_path / "new" / "log.db", 150
    running = [start_writer(path, str(number), places) for number in range(writers)]
    for writer in running:
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
    for writer in running:
        let_go(writer)
    won = [acknowledged(writer) for writer in running]
    assert [writer.wait() for writer in running] == [0] * writers
    for writer in running:
        assert writer.stdin
        writer.stdin.close()

    assert sorted(seq for wins in won for seq in wins) == list(range(1, places + 1))
    with SqliteEventStore(path) as store:
        log = [each.event for each in store.read("job")]
    owner = {seq: str(number) for number, wins in enumerate(won) for seq in wins}
    for seq, event in enumerate(log, 1):
        if isinstance(event, JobPaused):
            assert event.reason == f"{owner[seq]}/{seq - 1}"
        else:
            assert event == ToolCalled("k", "coder", "run", "x" * 70_000, owner[seq])
