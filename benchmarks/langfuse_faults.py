"""What Langfuse costs a job when it is well and when it is not: `python benchmarks/langfuse_faults.py [RUNS]`.

Runs the demo, and a recorded job of 200 turns, without Langfuse and with a recording server in each state, one after the
other in turn, so that a busy machine is busy for all. `wall` is the whole command's, `own CPU` the process's own, both
medians with the ratio to the run without; `at once` is what the server had when the command ended, of `spans` in all
once `vulcan traces push` had run. Bar: no state
costs 0.5 s more of wall than none.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from conftest import ANALYSIS, CALC, FIX, REVIEW, TESTS, make_repository, reply  # noqa: E402
from fakes.langfuse_server import LangfuseServer  # noqa: E402
from vulcan.infrastructure.store import SqliteEventStore  # noqa: E402

TURNS = 200
BAR = 0.5
WRAPPER = """
import atexit, json, os, resource
def report():
    used = resource.getrusage(resource.RUSAGE_SELF)
    open(os.environ["REPORT"], "w").write(str(used.ru_utime + used.ru_stime))
atexit.register(report)
from vulcan.__main__ import main
main()
"""


def hang(server: LangfuseServer) -> None:
    server.fault, server.sick = "slow", True


def slow(seconds: float) -> Callable[[LangfuseServer], None]:
    def order(server: LangfuseServer) -> None:
        server.delay = seconds

    return order


def fails(fault: int | str) -> Callable[[LangfuseServer], None]:
    def order(server: LangfuseServer) -> None:
        server.fault, server.sick = fault, True

    return order


STATES: dict[str, Callable[[LangfuseServer], None] | None] = {
    "without": None,
    "ok": lambda _: None,
    "down": None,
    "hangs": hang,
    "slow, 1 s": slow(1),
    "slow, 10 s": slow(10),
    "401": fails(401),
    "429": fails(429),
    "503": fails(503),
    "cut": fails("cut"),
}


def long_recording(folder: Path) -> Path:
    turns = [
        reply(f"generate/1/coder/{turn}", ("shell", {"command": f"seq {turn} {turn + 2000}"}))
        for turn in range(TURNS)
    ]
    edit, done = (json.loads(line) for line in FIX)
    last = [
        json.dumps(line | {"key": f"generate/1/coder/{TURNS + n}"}) for n, line in enumerate((edit, done))
    ]
    path = folder / "long.jsonl"
    path.write_text("\n".join([ANALYSIS, *turns, *last, REVIEW, *TESTS]) + "\n")
    return path


def vulcan(arguments: list[str], home: Path, keys: dict[str, str]) -> tuple[float, float]:
    """Wall and own CPU seconds of a command."""
    report = home / "cpu"
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LANGFUSE", "OTEL", "PREFECT"))}
    environ |= {"VULCAN_HOME": str(home), "REPORT": str(report), **keys}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WRAPPER, *arguments], env=environ, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(
            f"{arguments} ended with {done.returncode}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}"
        )
    return wall, float(report.read_text())


def keys_for(url: str) -> dict[str, str]:
    return {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk", "LANGFUSE_BASE_URL": url}


def one_run(state: str, command: list[str], home: Path) -> tuple[float, float, int, int]:
    order = STATES[state]
    if order is None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        return *vulcan(command, home, keys_for(url) if state == "down" else {}), 0, 0
    with LangfuseServer() as server:
        order(server)
        used = vulcan(command, home, keys_for(server.url))
        server.fault, server.delay, server.sick = 0, 0.0, False
        at_once = len(server.spans)
        vulcan(["traces", "push", newest(home)], home, keys_for(server.url))
        return *used, at_once, len(server.spans)


def newest(home: Path) -> str:
    with SqliteEventStore(home / "events.sqlite3") as store:
        return store.jobs()[-1]


def measure(name: str, command: list[str], home: Path, runs: int) -> list[str]:
    found: dict[str, list[tuple[float, float, int, int]]] = defaultdict(list)
    vulcan(command, home, {})  # prepares the project's environment
    for _ in range(runs):
        for state in STATES:
            found[state].append(one_run(state, command, home))
    print(
        f"\n{name}, {runs} runs each\n{'state':<12}{'wall s':>8}{'x':>7}{'own CPU s':>11}{'x':>7}{'at once':>9}{'spans':>7}"
    )
    medians = {
        state: [statistics.median(each) for each in zip(*rows, strict=True)] for state, rows in found.items()
    }
    wall, cpu = medians["without"][:2]
    for state, (w, c, at_once, spans) in medians.items():
        print(
            f"{state:<12}{w:>8.2f}{w / wall:>7.2f}{c:>11.2f}{c / cpu:>7.2f}{at_once:>9.0f}{spans:>7.0f}",
            flush=True,
        )
    limit = wall + BAR
    return [f"{name}: {state}" for state, (w, *_) in medians.items() if w > limit]


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory(prefix="vulcan-bench-") as made:
        folder = Path(made)
        folder.chmod(0o711)
        home = folder / "home"
        home.mkdir(mode=0o711)
        missed = measure("the demo", ["demo"], home, runs)
        project = make_repository(folder / "calc", CALC)
        model = f"recorded:{long_recording(folder)}"
        order = [
            "run",
            "Make add add",
            "--repo",
            str(project),
            "--model",
            model,
            "--max-calls",
            "1000",
            "--max-tokens",
            "1000000000",
        ]
        missed += measure(f"a job of {TURNS} turns", order, home, runs)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
