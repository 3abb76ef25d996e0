"""Kept runs: the same as was kept, or none; and what makes two runs the same."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.cases import result, run
from fakes.generated import values
from vulcan.application.ports import Checkout, Limits, PreparedEnvironment
from vulcan.application.settings import TestSettings
from vulcan.application.suite import suite_key, suite_of
from vulcan.domain.environment import Recipe
from vulcan.domain.testing import TestRun
from vulcan.infrastructure.store.runs import FileKeptRuns

KEYS = [f"{n:064x}" for n in range(5)]
RUN = run(result("tests/test_a.py::test_a"))


@given(values(TestRun), st.sampled_from(KEYS))
def test_what_is_kept_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, kept: TestRun, key: str
) -> None:
    runs = FileKeptRuns(tmp_path_factory.mktemp("state") / "runs")
    assert runs.find(key) is None
    runs.keep(key, kept)
    assert runs.find(key) == kept
    assert FileKeptRuns(runs._folder).find(key) == kept


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"passed", b"failed")),
        lambda path: path.write_bytes(b"\xff\n{}"),
        lambda path: path.write_bytes(b"0" * 64 + b"\n" + b"[" * 100_000),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_run_is_as_if_never_kept_and_is_replaced(tmp_path: Path, damage: Any) -> None:
    runs = FileKeptRuns(tmp_path)
    runs.keep(KEYS[0], RUN)
    damage(tmp_path / KEYS[0])
    assert runs.find(KEYS[0]) is None
    runs.keep(KEYS[0], RUN)
    assert runs.find(KEYS[0]) in (RUN, None)
    assert not list(tmp_path.glob(".new-*"))


def test_the_run_that_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    size = _size(tmp_path / "one")
    runs = FileKeptRuns(tmp_path / "runs", room=3 * size)
    for age, key in enumerate(KEYS[:3]):
        runs.keep(key, RUN)
        os.utime(tmp_path / "runs" / key, (1000 + age, 1000 + age))
    assert runs.find(KEYS[0]) == RUN, "used now"
    runs.keep(KEYS[3], RUN)
    assert [runs.find(key) is not None for key in KEYS[:4]] == [True, False, True, True]


def _size(folder: Path) -> int:
    FileKeptRuns(folder).keep(KEYS[0], RUN)
    return (folder / KEYS[0]).stat().st_size


def test_what_can_not_be_written_is_no_fault_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way")
    runs = FileKeptRuns(tmp_path / "runs")
    runs.keep(KEYS[0], RUN)
    assert runs.find(KEYS[0]) is None


@pytest.mark.parametrize("key", ["", "../x", "A" * 64, "0" * 63])
def test_a_key_is_never_a_path(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        FileKeptRuns(tmp_path).find(key)


# ------------------------------------------------------------------------------------ what makes runs the same


class Runner:
    """Counts its runs."""

    def __init__(self, answer: TestRun) -> None:
        self.answer, self.count = answer, 0

    async def run(self, *_: object) -> Any:
        self.count += 1
        return SimpleNamespace(run=self.answer)


ENVIRONMENT = PreparedEnvironment("e" * 64, (), {"PATH": "/bin"}, "/usr/bin/python3")


def services(folder: Path, answer: TestRun = RUN, **changes: Any) -> Any:
    """What `suite_of` takes of the services."""
    given = {
        "runs": FileKeptRuns(folder),
        "runner": Runner(answer),
        "repository": SimpleNamespace(overlay=lambda base, other, paths: f"tree of {base}"),
        "sandbox": SimpleNamespace(name="bubblewrap"),
        "tests": TestSettings(),
        "limits": Limits(),
    }
    return SimpleNamespace(**given | changes)


OTHERS: list[tuple[dict[str, Any], PreparedEnvironment]] = [
    ({"sandbox": SimpleNamespace(name="landlock")}, ENVIRONMENT),
    ({"tests": TestSettings(arguments=("-k", "fast"))}, ENVIRONMENT),
    ({"tests": TestSettings(test_timeout=1.0)}, ENVIRONMENT),
    ({"limits": Limits(memory=1)}, ENVIRONMENT),
    ({}, replace(ENVIRONMENT, digest="f" * 64)),
    ({}, replace(ENVIRONMENT, environment={"PATH": "/usr/bin"})),
    ({}, replace(ENVIRONMENT, python="/opt/python/bin/python")),
    ({}, replace(ENVIRONMENT, recipe=Recipe(command="make test"))),
]


@pytest.mark.parametrize(("changes", "environment"), OTHERS)
def test_a_run_counts_only_for_all_that_went_into_it(
    tmp_path: Path, changes: dict[str, Any], environment: PreparedEnvironment
) -> None:
    here = Checkout(tmp_path, ENVIRONMENT)
    same = suite_key(services(tmp_path), here, "commit")
    assert suite_key(services(tmp_path), here, "commit") == same
    assert suite_key(services(tmp_path), here, "other") != same
    assert suite_key(services(tmp_path, **changes), Checkout(tmp_path, environment), "commit") != same


async def test_a_whole_run_is_run_once_and_says_when_it_is_used_again(tmp_path: Path) -> None:
    given, checkout = services(tmp_path), Checkout(tmp_path, ENVIRONMENT)
    first, second = [await suite_of(given, checkout, "commit") for _ in range(2)]
    assert (first, second) == (RUN, replace(RUN, reused=True))
    assert given.runner.count == 1


async def test_a_run_with_a_note_is_not_kept(tmp_path: Path) -> None:
    given, checkout = (
        services(tmp_path, replace(RUN, note="it took too long")),
        Checkout(tmp_path, ENVIRONMENT),
    )
    for _ in range(2):
        await suite_of(given, checkout, "commit")
    assert given.runner.count == 2
