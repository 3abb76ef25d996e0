"""What a whole job costs over all of its processes: `python benchmarks/large.py [--quick] [--times N]`.

A scripted model, and all evidence: a one-line fix in a small library and in one of 5,000 files, eight jobs at once, and the
setup of a known project. CPU is user + system of the whole process tree (what `wait4` says of the job and all that was
waited for below it), memory is the resident sets of all living processes, added up every 50 ms; memory that processes
share counts in each of them. Each project is new content, so no result of an earlier one is used again; what is known is
its environment. Beside each stands, in the same rounds, a bare loop of the same replies and plain `pytest` on the project.
Bars stand beside the figures; the exit code is 1 where one is missed.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agent_loop import FIX, FLOOR, FLOOR_FIX, Server, missed, say, spawn, vulcan

PACKAGES, MODULES, TEST_FILES = 50, 98, 50
GIT = ["git", "-c", "user.name=b", "-c", "user.email=b@localhost", "-c", "gc.auto=0"]


@dataclass(frozen=True)
class Cost:
    """What one process and all below it used."""

    cpu: float
    wall: float
    megabytes: float = 0.0


def small(root: Path, stamp: str) -> Path:
    """The project of `agent_loop.py`, with content of its own."""
    (root / "tests").mkdir(parents=True)
    (root / "calc.py").write_text(f'"""Sums, {stamp}."""\n\n\ndef add(a, b):\n    return a - b\n')
    (root / "tests/test_calc.py").write_text(
        "from calc import add\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
    )
    return committed(root)


def large(root: Path, stamp: str) -> Path:
    """5,000 files: packages of modules, and a test file for each package."""
    small(root, stamp)
    for package in range(PACKAGES):
        folder = root / f"package_{package:03}"
        folder.mkdir()
        for module in range(MODULES):
            text = "".join(
                f"def function_{n}(value):\n    return value + {n * module}\n\n\n" for n in range(12)
            )
            (folder / f"module_{module:03}.py").write_text(text)
        (folder / "__init__.py").write_text("")
    for test in range(TEST_FILES):
        text = "".join(
            f"from package_{test:03}.module_{n:03} import function_1 as f{n}\n\n\n"
            f"def test_{n}():\n    assert f{n}(1) == {1 + n}\n\n\n"
            for n in range(4)
        )
        (root / f"tests/test_package_{test:03}.py").write_text(text)
    return committed(root)


def committed(root: Path) -> Path:
    commands = (["add", "-A"], ["commit", "-qm", "start"])
    for arguments in commands if (root / ".git").is_dir() else (["init", "-q"], *commands):
        subprocess.run([*GIT, *arguments], cwd=root, check=True)
    return root


class Watch:
    """Adds up the resident sets of this process's descendants, every 50 ms."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.05):
            self.peak = max(self.peak, sum(map(resident, descendants(os.getpid()))) / 1024**2)


def descendants(pid: int) -> list[int]:
    """All processes below one."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                text = (task / "children").read_text()
                found += [int(child) for child in text.split()]
        except OSError:
            continue
    return found[1:]


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


def waited(process: subprocess.Popen[bytes], started: float, log: Path) -> Cost:
    """The end of a process, and what its whole tree used."""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"ended with {process.returncode}:\n{log.read_text()[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall)


def job(root: Path, folder: Path, home: Path) -> tuple[subprocess.Popen[bytes], float, Path]:
    process, started = spawn(vulcan(Server(FIX), root), folder / "vulcan.json", home)
    return process, started, folder / "vulcan.log"


def proven(log: Path) -> None:
    if "verdict: PROVEN" not in log.read_text():
        raise SystemExit(f"not proven:\n{log.read_text()[-3000:]}")


def one(root: Path, folder: Path, home: Path) -> Cost:
    process, started, log = job(root, folder, home)
    cost = waited(process, started, log)
    proven(log)
    return cost


def bare(root: Path, folder: Path, home: Path) -> Cost:
    """The same replies in a loop of 20 lines: no sandbox, no evidence."""
    code = f"import os; os.chdir({str(root)!r})\n{FLOOR}"
    process, started = spawn([sys.executable, "-c", code, Server(FLOOR_FIX).url], folder / "floor.json", home)
    return waited(process, started, folder / "floor.log")


def pytest(root: Path, folder: Path, home: Path) -> Cost:
    code = f"import os, sys, pytest; os.chdir({str(root)!r}); sys.path.insert(0, '.'); sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider']))"
    process, started = spawn([sys.executable, "-c", code], folder / "pytest.json", home)
    return waited(process, started, folder / "pytest.log")


def rounds(
    name: str, make: Callable[[Path, str], Path], folder: Path, home: Path, times: int
) -> tuple[Cost, Cost, Cost]:
    """Medians of a job, of the bare loop and of plain pytest, taken in turn."""
    found: list[tuple[Cost, Cost, Cost]] = []
    setups = []
    for n in range(times + 1):
        where = folder / f"{make.__name__}{n}"
        where.mkdir()
        ours = one(make(where / "calc", f"{name} {n}"), where, home)
        setups.append(prepared(home))
        floor_root = make(where / "floor", f"{name} {n}")
        plain = pytest(floor_root, where, home)
        found.append((ours, bare(floor_root, where, home), plain))
    medians = [
        Cost(statistics.median(c.cpu for c in column), statistics.median(c.wall for c in column))
        for column in zip(*found[1:], strict=True)  # the first one makes what is kept between jobs
    ]
    say(f"{name}: setup of the known project", statistics.median(setups[1:]), 0.5, "s")
    return medians[0], medians[1], medians[2]


def report(name: str, measured: tuple[Cost, Cost, Cost], cpu: float | None, wall: float) -> None:
    ours, floor, plain = measured
    say(f"{name}: CPU of all processes", ours.cpu, cpu, "s", floor.cpu)
    say(f"{name}: wall", ours.wall, wall, "s", floor.wall)
    print(
        f"{'':<4}plain pytest {plain.cpu:.2f} CPU s, {plain.wall:.2f} s: x{ours.cpu / plain.cpu:.1f}, x{ours.wall / plain.wall:.1f}"
    )


def eight(folder: Path, home: Path) -> None:
    roots = [small(folder / f"eight{n}" / "calc", f"eight {n}") for n in range(8)]
    with Watch() as watch:
        started_all = time.perf_counter()
        jobs = [job(root, root.parent, home) for root in roots]
        costs = [waited(*each) for each in jobs]
        wall = time.perf_counter() - started_all
    for _, _, log in jobs:
        proven(log)
    say("eight jobs at once: wall", wall, 9, "s")
    say("eight jobs at once: memory of all processes", watch.peak, 900, "MB")
    say("eight jobs at once: CPU each", statistics.mean(c.cpu for c in costs), None, "s")
    with Watch() as watch:
        started_all = time.perf_counter()
        floors = [
            spawn(
                [sys.executable, "-c", f"import os; os.chdir({str(root)!r})\n{FLOOR}", Server(FLOOR_FIX).url],
                root.parent / "floor.json",
                home,
            )
            for root in roots
        ]
        for root, (process, started) in zip(roots, floors, strict=True):
            waited(process, started, root.parent / "floor.log")
    print(f"{'':<4}eight bare loops: {time.perf_counter() - started_all:.2f} s, {watch.peak:.0f} MB")


def prepared(home: Path) -> float:
    """Seconds from the start of a job's first stage to its environment, of the newest job."""
    with closing(sqlite3.connect(home / "events.sqlite3")) as database:
        (job,) = database.execute("SELECT job FROM events ORDER BY id DESC LIMIT 1").fetchone()
        at = dict(database.execute("SELECT name, at FROM events WHERE job = ? ORDER BY seq DESC", (job,)))
    return at["EnvironmentPrepared"] - at["StageStarted"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="the small library only")
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # installed packages are compiled
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; medians of {options.times}")
    with tempfile.TemporaryDirectory(prefix="vulcan-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        home = folder / "home"
        report("small library", rounds("small library", small, folder, home, options.times), 2.5, 2.5)
        if not options.quick:
            report("5,000 files", rounds("5,000 files", large, folder, home, options.times), None, 6)
            eight(folder, home)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
