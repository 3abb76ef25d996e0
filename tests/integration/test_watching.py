"""The commands that look at what jobs did, on a real state folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Cli
from fakes.whole_job import COSTS, whole_job
from vulcan.infrastructure.store import FileBlobStore, SqliteEventStore


@pytest.fixture
def state(home: Path) -> Path:
    """A state folder with one whole job in it."""
    job = whole_job()
    blobs = FileBlobStore(home / "blobs")
    for content in job.blobs.contents.values():
        blobs.put(content)
    times = iter([entry.at for entry in job.log])
    with SqliteEventStore(home / "events.sqlite3", blobs, now=times.__next__) as store:
        for entry in job.log:
            store.append(job.id, entry.seq - 1, [entry.event])
    return home


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
