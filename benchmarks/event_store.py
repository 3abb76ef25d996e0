"""The event log's cost beside its floor, in one run: `PYTHONPATH=src python benchmarks/event_store.py`.

Floor of append: a plain insert of the same bytes into the same kind of database, one transaction each.
Floor of reading: `json.loads` of the same lines. Exit code 1 where a bar is missed.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from vulcan.domain.budget import Budget, Usage
from vulcan.domain.codec import encode_event
from vulcan.domain.events import (
    CodeGenerated,
    CodeValidated,
    EffectDone,
    EffectIntended,
    Event,
    JobRequested,
    ModelReplied,
    Stage,
    StageStarted,
    ToolCalled,
    WorkspaceSnapshotted,
)
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.domain.generation import ChangeKind, CodeArtifact, CodeGeneration, CodeMetadata
from vulcan.domain.job import fold
from vulcan.domain.policy import ReviewPolicy
from vulcan.domain.requirements import AcceptanceCriterion, Requirement
from vulcan.infrastructure.store import SqliteEventStore

EVENTS = 10_000
APPEND_BAR_MS = 0.5
FOLD_BAR_S = 0.2
REPEATS = 5


def mixed_events(count: int) -> list[Event]:
    """A long job: mostly replies and tool calls, and now and then what stages yield."""
    digest = "0123456789abcdef" * 4
    requirement = Requirement(
        "Add it", tuple(AcceptanceCriterion(f"AC-{n}", "does so " * 10) for n in range(5))
    )
    artifacts = tuple(CodeArtifact(f"src/m{n}.py", ChangeKind.MODIFIED, n, n) for n in range(10))
    findings = tuple(
        Finding("lint", Owner.CODER, "unused " * 8, Severity.WARNING, "a.py", n) for n in range(8)
    )

    def event(n: int) -> Event:
        rare: dict[int, Event] = {
            3: StageStarted(Stage.GENERATE, n // 1000 + 1),
            11: WorkspaceSnapshotted(digest[:40]),
            23: CodeGenerated(
                CodeGeneration(requirement, artifacts, CodeMetadata("b" * 40, "c" * 40, 1, "did it"))
            ),
            29: CodeValidated(findings, 1),
            31: EffectIntended(f"job/deliver/{n % 7}", "push the branch"),
            37: EffectDone(f"job/deliver/{n % 7}", "c" * 40),
        }
        key = f"generate/{n // 1000}/{n}"
        usual = (
            ModelReplied(key, "coder", "openai:gpt", Usage(1, 9000 + n, 8000, 300, 0.0123), digest),
            ToolCalled(
                key, "coder", "run_command", f"python -m pytest -q tests/test_{n}.py: 3 passed", digest
            ),
        )
        return rare.get(n % 40, usual[n % 2])

    request = JobRequested("Add it", "/project", "b" * 40, "main", "openai:gpt", Budget(), ReviewPolicy())
    return [request, *(event(n) for n in range(1, count))]


def milliseconds(acts: Iterable[Callable[[], object]]) -> tuple[float, float]:
    """p50 and p95 of the acts."""
    times = []
    for act in acts:
        start = time.perf_counter()
        act()
        times.append(1000 * (time.perf_counter() - start))
    return median(times), quantiles(times, n=20)[-1]


def seconds(act: Callable[[], object]) -> float:
    """Median over some repeats."""
    return milliseconds([act] * REPEATS)[0] / 1000


def plain_appends(path: Path, lines: list[str]) -> tuple[float, float]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE floor (id INTEGER PRIMARY KEY, line TEXT)")
        insert = "INSERT INTO floor (line) VALUES (?)"
        return milliseconds((lambda line=line: connection.execute(insert, (line,))) for line in lines)


def report(name: str, measured: float, floor: float, bar: float, unit: str) -> bool:
    """One line; whether the bar is kept."""
    kept = measured < bar
    verdict = f"x{measured / floor:5.1f}  bar {bar} {'kept' if kept else 'MISSED'}"
    print(f"{name:22} {measured:8.4f} {unit:2}  floor {floor:8.4f} {unit:2}  {verdict}")
    return kept


def main() -> int:
    events = mixed_events(EVENTS)
    lines = [json.dumps(encode_event(event)[2]) for event in events]
    with tempfile.TemporaryDirectory() as folder, SqliteEventStore(Path(folder) / "log.db") as store:
        floor_p50, floor_p95 = plain_appends(Path(folder) / "floor.db", lines)
        p50, p95 = milliseconds((lambda n=n, e=e: store.append("job", n, [e])) for n, e in enumerate(events))
        loads = seconds(lambda: [json.loads(line) for line in lines])
        read = seconds(lambda: store.read("job"))
        whole = seconds(lambda: fold((each.event, each.at) for each in store.read("job")))
    print(f"{EVENTS} mixed events, {sum(map(len, lines)) // EVENTS} bytes of JSON each on average")
    kept = [
        report("append p50", p50, floor_p50, APPEND_BAR_MS, "ms"),
        report("append p95", p95, floor_p95, 4 * APPEND_BAR_MS, "ms"),
        report("read + decode", read, loads, FOLD_BAR_S, "s"),
        report("read + decode + fold", whole, loads, FOLD_BAR_S, "s"),
    ]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
