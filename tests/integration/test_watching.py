"""The commands that look at what jobs did, on a real state folder."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from conftest import Cli
from fakes.whole_job import COSTS, SECRET
from vulcan.domain.events import JobCancelled
from vulcan.infrastructure.store import SqliteEventStore
from vulcan.infrastructure.store.migrations import MIGRATIONS, migrate


def test_stats_for_people_machines_and_prometheus(state: Path, cli: Cli) -> None:
    page = cli("stats")
    assert "proven: 1 of 1 judged, 0 in the first round" in page
    assert "coverage of changed lines: 75 %" in page
    assert "shell" in page
    figures = json.loads(cli("stats", "job1", "--json"))
    assert figures["total"]["cost"] == sum(COSTS)
    assert figures["by_tool"]["shell"]["seconds"] == 4
    assert figures["coverage"] == 75
    assert 'vulcan_jobs{state="done"} 1' in cli("stats", "--prometheus")


def test_stats_of_an_unknown_job_or_of_none(home: Path, cli: Cli) -> None:
    assert "there is no job nope" in cli("stats", "nope", code=2)
    assert "jobs: 0 (none)" in cli("stats")


TAMPERING = {
    "edited": "UPDATE events SET payload = '{\"reason\":\"nothing\"}' WHERE name = 'JobPaused'",
    "dated back": "UPDATE events SET at = at - 1 WHERE id = 3",
    "removed": "DELETE FROM events WHERE name = 'ApprovalGranted'",
    "last removed": "DELETE FROM events WHERE id = (SELECT max(id) FROM events)",
    "all removed": "DELETE FROM events",
    "moved": "UPDATE events SET seq = 1000 - seq WHERE id IN (4, 5)",
    "added": "INSERT INTO events (job, seq, at, name, version, payload) VALUES ('job2', 1, 0, 'JobCancelled', 1, '{}')",
}


@pytest.mark.parametrize("how", TAMPERING)
def test_audit_finds_what_was_done_behind_its_back(state: Path, cli: Cli, how: str) -> None:
    assert "the log is whole" in cli("audit", "verify")
    with closing(sqlite3.connect(state / "events.sqlite3", isolation_level=None)) as other:
        if how != "added":
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(TAMPERING[how])
            other.execute("DROP TRIGGER no_event_is_edited")
            other.execute("DROP TRIGGER no_event_is_removed")
        other.execute(TAMPERING[how])
    assert "breaches" in cli("audit", "verify", code=1)


def test_an_export_is_checked_by_itself_and_against_the_log(state: Path, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "acts.jsonl"
    cli("audit", "export", "-o", str(file))
    assert SECRET not in file.read_text()
    assert '"authority": "approval of grace"' in file.read_text()
    assert "the log is whole" in cli("audit", "verify", str(file))
    file.write_text(file.read_text().replace("grace", "mallory"))
    assert "it was edited or moved" in cli("audit", "verify", str(file), code=1)


def test_a_log_from_before_the_chain_goes_on_with_one(home: Path, cli: Cli) -> None:
    with closing(sqlite3.connect(home / "events.sqlite3", isolation_level=None)) as old:
        migrate(old, MIGRATIONS[:1])
        row = "INSERT INTO events (job, seq, at, name, version, payload) VALUES ('old', 1, 0, 'JobCancelled', 1, '{}')"
        old.execute(row)
    assert "1 older ones" in cli("audit", "verify")
    with SqliteEventStore(home / "events.sqlite3") as store:
        store.append("old", 1, [JobCancelled("ada")])
    assert "1 events" in cli("audit", "verify")
