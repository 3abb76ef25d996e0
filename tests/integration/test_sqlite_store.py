"""What is SQLite's own: files, modes, schema, and what goes wrong with a database."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest

from fakes.sample_events import called, requested, some_events
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import JobPaused
from vulcan.infrastructure.store import FileBlobStore, SqliteEventStore
from vulcan.infrastructure.store.migrations import MIGRATIONS, migrate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "log.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteEventStore]:
    with SqliteEventStore(path, busy_timeout=0.05) as opened:
        yield opened


def query(path: Path, statement: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchone()[0]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state" / "log.db"
    before = os.umask(0)
    try:
        with SqliteEventStore(path) as store:
            store.append("job", 0, [requested(), called(summary="x" * 100_000)])
            found = {each: mode(each) for each in (tmp_path / "deep").rglob("*")}
    finally:
        os.umask(before)

    assert mode(tmp_path / "deep") == 0o700
    assert {m for each, m in found.items() if each.is_dir()} == {0o700}
    assert {m for each, m in found.items() if each.is_file()} == {0o600}
    assert {"log.db", "log.db-wal", "log.db-shm"} <= {each.name for each in found}


def test_wal_and_the_promised_durability(path: Path, store: SqliteEventStore) -> None:
    assert query(path, "PRAGMA journal_mode") == "wal"
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (1,)
    with SqliteEventStore(path, durable=True) as durable:
        assert durable._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_changed_is_told_by_places_in_the_log_over_all_jobs(store: SqliteEventStore) -> None:
    assert store.changed(0) == (0, [])
    store.append("old", 0, [requested()])
    store.append("new", 0, [requested()])
    store.append("old", 1, [JobPaused("x"), JobPaused("y")])
    assert store.changed(0) == (4, ["old", "new"])
    assert store.changed(2) == (4, ["old"])
    assert store.changed(4) == (4, [])


def test_only_large_payloads_are_blobs(path: Path, store: SqliteEventStore) -> None:
    small, large = called(summary="x" * 60_000), called(summary="x" * 70_000)
    store.append("job", 0, [small, large])

    assert query(path, "SELECT count(*) FROM events WHERE payload IS NULL") == 1
    digest = str(query(path, "SELECT blob FROM events WHERE seq = 2"))
    assert b"x" * 70_000 in FileBlobStore(path.parent / "blobs").get(digest)
    assert [each.event for each in store.read("job")] == [small, large]


def test_a_leftover_of_a_killed_put_is_no_blob(tmp_path: Path) -> None:
    blobs = FileBlobStore(tmp_path)
    digest = blobs.put(b"content")

    assert [each.name for each in (tmp_path / digest[:2]).iterdir()] == [digest]


def test_many_may_create_the_same_log_at_once(tmp_path: Path) -> None:
    def create(number: int) -> list[int]:
        made = []
        for attempt in range(6):
            barrier.wait()
            with SqliteEventStore(tmp_path / str(attempt) / "log.db") as store:
                made += [each.seq for each in store.append(f"job-{number}", 0, [requested()])]
        return made

    barrier = Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(create, range(8))) == [[1] * 6] * 8


def test_the_schema_has_a_number(path: Path, store: SqliteEventStore) -> None:
    assert query(path, "PRAGMA user_version") == len(MIGRATIONS)


def test_a_migration_keeps_the_events(path: Path) -> None:
    with SqliteEventStore(path) as store:
        store.append("job", 0, some_events())
    later = (*MIGRATIONS, ("ALTER TABLE events ADD COLUMN note TEXT DEFAULT 'none'",))

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, later)
        migrate(connection, later)

    assert query(path, "PRAGMA user_version") == len(later)
    assert query(path, "SELECT count(*) FROM events WHERE note = 'none'") == len(some_events())


def test_a_failed_migration_leaves_the_old_schema(path: Path) -> None:
    SqliteEventStore(path).close()
    broken = (*MIGRATIONS, ("CREATE TABLE extra (id INTEGER)", "CREATE TABLE extra (id INTEGER)"))

    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, broken)
        assert not connection.in_transaction

    assert query(path, "PRAGMA user_version") == len(MIGRATIONS)
    assert query(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'") == 0


def test_a_newer_schema_is_left_alone(path: Path) -> None:
    SqliteEventStore(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")

    with pytest.raises(VulcanError, match="schema 99") as raised:
        SqliteEventStore(path)
    assert "upgrade" in raised.value.hint


def refusal(store: SqliteEventStore) -> VulcanError:
    with pytest.raises(VulcanError) as raised:
        store.append("job", 1, [called(summary="x" * 50_000)] * 40)
    return raised.value


def test_a_full_disk_says_so_and_writes_nothing(store: SqliteEventStore) -> None:
    store.append("job", 0, [requested()])
    store._connection.execute("PRAGMA max_page_count = 20")

    assert "disk is full" in refusal(store).hint
    assert [each.event for each in store.read("job")] == [requested()]
    store.append("job", 1, [JobPaused("small enough")])


def test_a_read_only_database_says_so(store: SqliteEventStore) -> None:
    store.append("job", 0, [requested()])
    store._connection.execute("PRAGMA query_only = ON")

    assert "VULCAN_HOME" in refusal(store).hint


def test_a_locked_database_says_who_to_look_for(path: Path, store: SqliteEventStore) -> None:
    store.append("job", 0, [requested()])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        error = refusal(store)
        assert "locked" in error.message
        assert f"fuser -v {path}" in error.hint
        assert len(store.read("job")) == 1  # readers go on
        other.execute("ROLLBACK")
    store.append("job", 1, [JobPaused("now it works")])


def test_a_damaged_database_says_so(path: Path) -> None:
    with SqliteEventStore(path) as store:
        store.append("job", 0, [called(summary="x" * 5_000)] * 50)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))

    with SqliteEventStore(path) as store, pytest.raises(VulcanError, match="malformed") as raised:
        store.read("job")
    assert ".recover" in raised.value.hint


def test_another_file_is_no_event_log(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"Dear diary, " * 1000)

    with pytest.raises(VulcanError, match="not a database") as raised:
        SqliteEventStore(path)
    assert "move it away" in raised.value.hint
    assert path.read_bytes().startswith(b"Dear diary")


def test_a_folder_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(VulcanError, match="event log") as raised:
        SqliteEventStore(tmp_path / "file" / "state" / "log.db")
    assert "VULCAN_HOME" in raised.value.hint
    with pytest.raises(VulcanError, match="can't store blob") as raised:
        FileBlobStore(tmp_path / "file" / "blobs").put(b"content")
    assert "VULCAN_HOME" in raised.value.hint


def test_a_lost_or_damaged_row_says_so(path: Path, store: SqliteEventStore) -> None:
    store.append("job", 0, [requested()])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("DROP TRIGGER no_event_is_edited")
        other.execute("UPDATE events SET payload = '{\"instruction\": '")
        with pytest.raises(VulcanError, match="JobRequested is not JSON"):
            store.read("job")
        other.execute("UPDATE events SET payload = '{}'")
        with pytest.raises(VulcanError, match="can't be read"):
            store.read("job")
        other.execute("UPDATE events SET payload = '{}', name = 'SomethingNew'")
        with pytest.raises(VulcanError, match="unknown event SomethingNew") as raised:
            store.read("job")
    assert "upgrade" in raised.value.hint
