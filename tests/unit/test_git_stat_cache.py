"""A file's blob is remembered only if a later change of the file would show."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vulcan.infrastructure.git.folder import Node
from vulcan.infrastructure.git.stat_cache import StatCache

BLOB = "1234567890" * 4


def node(file: Path, path: bytes = b"a.py") -> Node:
    return Node(path, file.lstat())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "a.py"
    made.write_text("one\n")
    return made


def remembered(tmp_path: Path, file: Path, settled_after: float, fine: float = 60) -> str | None:
    cache = StatCache(tmp_path / "cache", tmp_path, settled_after, fine)
    cache.remember(node(file), BLOB)
    cache.save()
    return StatCache(tmp_path / "cache", tmp_path, settled_after).blob(node(file))


def test_a_settled_file_is_remembered(tmp_path: Path, file: Path) -> None:
    time.sleep(0.05)
    assert remembered(tmp_path, file, settled_after=0.01) == BLOB


def test_a_file_that_changed_just_now_is_not(tmp_path: Path, file: Path) -> None:
    assert remembered(tmp_path, file, settled_after=60) is None


def test_where_the_clock_shows_to_be_fine_a_file_settles_sooner(tmp_path: Path, file: Path) -> None:
    time.sleep(0.05)
    fine = bool(file.lstat().st_ctime_ns % 1_000_000)
    assert (remembered(tmp_path, file, settled_after=60, fine=0.01) == BLOB) is fine


def test_a_file_from_the_future_is_not(tmp_path: Path, file: Path) -> None:
    time.sleep(0.05)
    os.utime(file, (time.time() + 3600, time.time() + 3600))
    assert remembered(tmp_path, file, settled_after=0.01) is None


def test_a_changed_file_is_not_taken_for_the_old_one(tmp_path: Path, file: Path) -> None:
    time.sleep(0.05)
    assert remembered(tmp_path, file, settled_after=0.01) == BLOB
    file.chmod(0o755)
    assert StatCache(tmp_path / "cache", tmp_path, 0.01).blob(node(file)) is None
    assert StatCache(tmp_path / "cache", tmp_path / "other", 0.01).blob(node(file)) is None


def test_what_a_snapshot_did_not_see_is_forgotten(tmp_path: Path, file: Path) -> None:
    time.sleep(0.05)
    remembered(tmp_path, file, settled_after=0.01)
    StatCache(tmp_path / "cache", tmp_path, 0.01).save()
    assert StatCache(tmp_path / "cache", tmp_path, 0.01).blob(node(file)) is None
