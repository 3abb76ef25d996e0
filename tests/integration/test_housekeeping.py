"""What `vulcan gc` takes and what it leaves, on a state folder as jobs leave it."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import pytest

from conftest import Cli
from fakes.whole_job import whole_job
from vulcan.infrastructure.housekeeping import InUse, tidy

DAY = 86_400.0
NOW = 100 * DAY
MEGABYTE = b"x" * 1024**2


def make(path: Path, days_ago: float, content: bytes = MEGABYTE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for each in (path, path.parent):
        os.utime(each, (NOW - days_ago * DAY,) * 2)
    return path


def environment(state: Path, digest: str, days_ago: float) -> Path:
    folder = state / "environments" / digest[:24]
    make(folder / "venv/lib", days_ago)
    make(folder / "ready.json", days_ago, b"{}")
    return folder


def in_use(state: Path, *environments: str, ended: tuple[str, ...] = (), living: bool = False) -> InUse:
    return InUse(frozenset(environments), frozenset(ended), state / "tools/now", living)


def names(freed) -> list[str]:
    return [item.path.name for item in freed.items]


def test_the_least_recently_used_goes_first_until_the_rest_fits(tmp_path: Path) -> None:
    old, older = environment(tmp_path, "a" * 64, 5), environment(tmp_path, "b" * 64, 9)
    tree = make(tmp_path / "trees/t1/file", 7).parent
    wheel = make(tmp_path / "environments/wheels/w/one.whl", 1)
    python = make(tmp_path / "environments/pythons/3.12/python", 99)
    unfinished = make(tmp_path / "environments" / f"{'c' * 24}.4711/venv", 99)

    would = tidy(tmp_path, in_use(tmp_path), int(2.5 * 1024**2), NOW, dry_run=True)
    assert names(would) == ["b" * 24, "t1"]
    assert old.is_dir()
    assert older.is_dir()
    assert tree.is_dir()

    freed = tidy(tmp_path, in_use(tmp_path), int(2.5 * 1024**2), NOW)
    assert (names(freed), freed.size, freed.kept) == (names(would), would.size, would.kept)
    assert not older.exists()
    assert not tree.exists()
    assert old.is_dir()
    assert wheel.is_file()
    assert python.is_file()
    assert unfinished.is_file()
    assert 2 * 1024**2 <= freed.size < 2.1 * 1024**2

    assert names(tidy(tmp_path, in_use(tmp_path), 0, NOW)) == ["a" * 24, "w"]


def test_nothing_that_a_living_job_uses_goes(tmp_path: Path) -> None:
    used, lately, other = (environment(tmp_path, c * 64, d) for c, d in (("a", 9), ("b", 0.01), ("c", 9)))
    wheel = make(tmp_path / "environments/wheels/uv/one.whl", 9)
    tools = make(tmp_path / "tools/before/uv", 9)
    tree = make(tmp_path / "trees/held/file", 9).parent
    descriptor = os.open(tree, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        freed = tidy(tmp_path, in_use(tmp_path, "a" * 64, living=True), 0, NOW)
    finally:
        os.close(descriptor)
    assert names(freed) == ["c" * 24]
    assert used.is_dir()
    assert lately.is_dir()
    assert not other.exists()
    assert wheel.is_file()
    assert tools.is_file()
    assert tree.is_dir()


def test_a_tools_cache_goes_as_a_whole(tmp_path: Path) -> None:
    """Without some of its files it is damaged, and whatever is installed from it fails."""
    for name in ("archive-v0/x/a.py", "archive-v0/x/b.py", "wheels-v5/a.msgpack"):
        make(tmp_path / "environments/wheels/uv" / name, 9)
    make(tmp_path / "environments/wheels/npm/_cacache/c", 1)
    freed = tidy(tmp_path, in_use(tmp_path), int(1.5 * 1024**2), NOW)
    assert names(freed) == ["uv"]
    assert not (tmp_path / "environments/wheels/uv").exists()
    assert (tmp_path / "environments/wheels/npm/_cacache/c").is_file()


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside/file", 9)
    folder = environment(tmp_path / "state", "a" * 64, 9)
    (folder / "venv/out").symlink_to(outside.parent)
    (tmp_path / "state/trees").mkdir()
    (tmp_path / "state/trees/link").symlink_to(outside.parent)
    tidy(tmp_path / "state", in_use(tmp_path / "state"), 0, NOW)
    assert not folder.exists()
    assert outside.is_file()


def test_only_folders_of_ended_jobs_go(state: Path, cli: Cli) -> None:
    job = whole_job().id
    for name in (job, "unknown1"):
        make(state / "jobs" / name / "workspace/file", 0)
    would = json.loads(cli("gc", "--dry-run", "--json"))
    ended = json.loads(cli("jobs", "--json"))["state"] == "done"
    assert would["removed"].get("ended job's folder", {}).get("count", 0) == int(ended)
    assert "freed" in cli("gc", "--keep", "1M")
    assert (state / "jobs" / job).is_dir() is not ended
    assert (state / "jobs/unknown1").is_dir()
    assert cli("show", job)


@pytest.mark.parametrize(("given", "code"), [("5G", 0), ("1.5 GiB", 0), ("0", 0), ("much", 2)])
def test_sizes_are_read(cli: Cli, given: str, code: int) -> None:
    cli("gc", "--dry-run", "--keep", given, code=code)
