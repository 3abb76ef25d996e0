"""The commands that look at what jobs did, on a real state folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import Cli
from fakes.sample_events import replied, requested
from fakes.whole_job import COSTS, SECRET
from vulcan.bootstrap import application
from vulcan.domain.events import JobCancelled, Stage, StageStarted
from vulcan.infrastructure.monitoring.endpoint import MetricsEndpoint
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


@pytest.fixture
def served(state: Path) -> Iterator[tuple[MetricsEndpoint, Path]]:
    vulcan = application(None, {"VULCAN_HOME": str(state)}, {})
    with vulcan.observability.serve_metrics("0") as endpoint:
        thread = threading.Thread(target=endpoint.serve)
        thread.start()
        yield endpoint, state
        endpoint.stop()
        thread.join()
    vulcan.container.store.close()


def figures_at(url: str) -> dict[tuple[str, str], float]:
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = answer.read().decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_fetches_what_the_log_holds_at_that_moment(served: tuple[MetricsEndpoint, Path]) -> None:
    endpoint, state = served
    figures = figures_at(endpoint.url)
    assert figures["vulcan_jobs", "done"] == 1
    assert figures["vulcan_agent_cost_total", "coder"] == COSTS[1] + COSTS[2]
    assert figures["vulcan_gates", "red_green", "passed"] == 1
    with SqliteEventStore(state / "events.sqlite3") as store:
        store.append("job2", 0, [requested(), StageStarted(Stage.ANALYZE, 1), replied(cost=1.0)])
    later = figures_at(endpoint.url)
    assert (later["vulcan_jobs", "done"], later["vulcan_jobs", "running"]) == (1, 1)
    assert later["vulcan_agent_cost_total", "coder"] == COSTS[1] + COSTS[2] + 1.0
    with SqliteEventStore(state / "events.sqlite3") as store:
        store.append("job2", 3, [JobCancelled("ada")])
    assert figures_at(endpoint.url)["vulcan_jobs", "cancelled"] == 1


def test_the_endpoint_has_nothing_else_and_says_what_keeps_it(served: tuple[MetricsEndpoint, Path]) -> None:
    endpoint, state = served
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(endpoint.url.removesuffix("metrics"))
    with pytest.raises(urllib.error.HTTPError, match="501"):
        urllib.request.urlopen(endpoint.url, b"x")
    with closing(sqlite3.connect(state / "events.sqlite3")) as other:
        other.execute("DROP TABLE chain")
        other.execute("ALTER TABLE events RENAME TO gone")
    with pytest.raises(urllib.error.HTTPError, match="503") as raised:
        urllib.request.urlopen(endpoint.url)
    assert b"event log" in raised.value.read()


def test_serving_ends_with_ctrl_c(state: Path) -> None:
    command = [sys.executable, "-m", "vulcan", "stats", "--serve", "127.0.0.1:0"]
    environment = os.environ | {
        "VULCAN_HOME": str(state),
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as serving:
        assert serving.stdout is not None
        (url,) = [word for word in serving.stdout.readline().split() if word.startswith("http")]
        assert figures_at(url)["vulcan_jobs", "done"] == 1
        serving.send_signal(signal.SIGINT)
        assert serving.wait() == 0


@pytest.mark.parametrize("address", ["x", "127.0.0.1:", "70000", "-1"])
def test_an_address_that_is_none_is_said(state: Path, cli: Cli, address: str) -> None:
    assert "HOST:PORT" in cli("stats", f"--serve={address}", code=2)


def test_a_port_that_is_taken_is_said(state: Path, cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        out = cli("stats", "--serve", str(taken.getsockname()[1]), code=2)
    assert "can't be listened on" in out
    assert "for all jobs" in cli("stats", "job1", "--serve", "0", code=2)


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
