"""The event log in one SQLite file, for any number of processes of one machine."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

from vulcan.application.observability.audit import seal_event
from vulcan.application.ports import BlobStore, Chain, Link, StoredEvent
from vulcan.domain.errors import ConcurrentAppend, VulcanError
from vulcan.domain.events import Event
from vulcan.infrastructure.host.leftovers import owned
from vulcan.infrastructure.store.blobs import FileBlobStore, make_private_folder
from vulcan.infrastructure.store.migrations import migrate
from vulcan.infrastructure.store.records import Record, from_record, to_record

_SELECT = """
    SELECT seq, at, name, version, payload, blob FROM events WHERE job = ? AND seq > ? ORDER BY seq
"""
_INSERT = """
    INSERT INTO events (job, seq, at, name, version, payload, blob, digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_LINKS = """
    SELECT id, job, seq, at, name, version, payload, blob, digest FROM events WHERE id >= ? ORDER BY id
"""
_CHANGED = """
    SELECT job, max(id) FROM events WHERE id > ? GROUP BY job ORDER BY min(id)
"""
_FILE_MODE = 0o600

_FOLDER_HINT = "Point VULCAN_HOME at a folder that you own and that can be written."
_HINTS = {
    sqlite3.SQLITE_FULL: "The disk is full; free some space and try again.",
    sqlite3.SQLITE_READONLY: _FOLDER_HINT,
    sqlite3.SQLITE_CANTOPEN: _FOLDER_HINT,
    sqlite3.SQLITE_PERM: _FOLDER_HINT,
    sqlite3.SQLITE_BUSY: "Another process holds the log for long; see which with: fuser -v {path}",
    sqlite3.SQLITE_CORRUPT: "Restore {path} from a backup, or save what can be read: sqlite3 {path} .recover",
    sqlite3.SQLITE_NOTADB: "{path} is not an event log of Vulcan; move it away or restore it from a backup.",
    sqlite3.SQLITE_IOERR: "Check the disk and its free space (df -h, dmesg).",
}


class SqliteEventStore:
    """Append-only logs, one a job.

    Acknowledged events survive a kill of the process; with `durable` also a power loss (one fsync an append).
    May be used from several threads.

    Args:
        path: the database; it and its folder are created for the owner alone.
        blobs: where payloads above 64 KB go; by default the folder `blobs` beside the database.
        durable: `synchronous=FULL` instead of `NORMAL`.
        busy_timeout: seconds to wait for another process's append.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        path: Path,
        blobs: BlobStore | None = None,
        *,
        durable: bool = False,
        busy_timeout: float = 10.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._blobs = blobs or FileBlobStore(path.parent / "blobs", durable=durable)
        self._synchronous = "FULL" if durable else "NORMAL"
        self._busy_timeout = busy_timeout
        self._now = now
        self._lock = threading.Lock()
        self._connection = self._connect()
        try:
            with self._translated():
                migrate(self._connection)
        except BaseException:
            self._connection.close()
            raise

    def append(self, job: str, expected_seq: int, events: Sequence[Event]) -> list[StoredEvent]:
        """Append after `expected_seq`, or raise `ConcurrentAppend`; durable against a kill on return."""
        records = [to_record(event, self._blobs) for event in events]
        at = self._now()
        with self._lock, self._translated(), self._transaction():
            self._insert(job, expected_seq, at, records)
        return [StoredEvent(job, seq, at, event) for seq, event in enumerate(events, expected_seq + 1)]

    def read(self, job: str, after: int = 0) -> list[StoredEvent]:
        """All events above `after`, oldest first."""
        with self._lock:
            return self._read(self._connection, job, after)

    def jobs(self) -> list[str]:
        """All job ids, oldest first."""
        with self._lock, self._translated():
            rows = self._connection.execute("SELECT job FROM events WHERE seq = 1 ORDER BY id").fetchall()
        return [job for (job,) in rows]

    def follow(self, job: str, after: int = 0) -> Iterator[StoredEvent | None]:
        """Events as they come, from any process; never blocks: yields None when there is nothing new."""
        # A connection of its own, because data_version tells of the commits of other connections only.
        with closing(self._connect()) as connection:
            seen = None
            while True:
                version = self._data_version(connection)
                news = self._read(connection, job, after) if version != seen else []
                seen = version  # taken before reading: a commit in between is looked for again, never missed
                for stored in news:
                    after = stored.seq
                    yield stored
                if not news:
                    yield None

    def changed(self, after: int) -> tuple[int, list[str]]:
        """The place of the newest event over all jobs, and the jobs with events above place `after`, oldest first."""
        with self._lock, self._translated():
            rows = self._connection.execute(_CHANGED, (after,)).fetchall()
        return max([after, *(newest for _, newest in rows)]), [job for job, _ in rows]

    def chain(self) -> Chain:
        """The chain over all jobs' events as it is now."""
        with self._lock, self._translated(), self._transaction():
            execute = self._connection.execute
            first, length, head = execute("SELECT first, length, head FROM chain").fetchone()
            (older,) = execute("SELECT count(*) FROM events WHERE id < ?", (first,)).fetchone()
            links = [_link(*row) for row in execute(_LINKS, (first,))]
        return Chain(links, first, older, length, head)

    def check(self) -> None:
        """Look the whole database over; raises `VulcanError` where it is damaged."""
        with self._lock, self._translated():
            found = [text for (text,) in self._connection.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise VulcanError(
                f"event log {self._path} is damaged: {' '.join('; '.join(found).split())[:300]}",
                hint=_HINTS[sqlite3.SQLITE_CORRUPT].format(path=self._path),
            )

    def close(self) -> None:
        """Let the database go."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            make_private_folder(self._path.parent)
            self._path.touch(_FILE_MODE)
            connection = sqlite3.connect(
                self._path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
            )
            try:
                _use_wal(connection, self._busy_timeout)
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            except BaseException:
                connection.close()
                raise
            return connection

    def _insert(self, job: str, expected_seq: int, at: float, records: list[Record]) -> None:
        execute = self._connection.execute
        (last,) = execute("SELECT coalesce(max(seq), 0) FROM events WHERE job = ?", (job,)).fetchone()
        if last != expected_seq:
            raise ConcurrentAppend(
                f"the log of job {job} ends at {last}, not at {expected_seq}",
                hint="Another process worked on the job; read its log again before you go on.",
            )
        length, head = execute("SELECT length, head FROM chain").fetchone()
        rows = []
        for seq, record in enumerate(records, expected_seq + 1):
            head = seal_event(head, job, seq, at, record.name, record.version, record.content)
            rows.append((job, seq, at, *record, head))
        self._connection.executemany(_INSERT, rows)
        execute("UPDATE chain SET length = ?, head = ?", (length + len(rows), head))

    def _read(self, connection: sqlite3.Connection, job: str, after: int) -> list[StoredEvent]:
        with self._translated():
            rows = connection.execute(_SELECT, (job, after)).fetchall()
        return [StoredEvent(job, seq, at, from_record(Record(*kept), self._blobs)) for seq, at, *kept in rows]

    def _data_version(self, connection: sqlite3.Connection) -> int:
        with self._translated():
            row: tuple[int] = connection.execute("PRAGMA data_version").fetchone()
        return row[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite has rolled back by itself where the disk is full
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = _HINTS.get(_kind(error), "").format(path=self._path)
            raise VulcanError(f"event log {self._path}: {error}", hint=hint) from error
        except OSError as error:
            message = f"event log {self._path}: {os.strerror(error.errno or 0)}"
            raise VulcanError(message, hint=_FOLDER_HINT) from error


class CopiedEventStore(SqliteEventStore):
    """A log in a folder that can't be written, for those who only read: SQLite needs one that can, so from a copy."""

    def __init__(self, path: Path, blobs: BlobStore) -> None:
        self._origin = path
        folder = Path(tempfile.mkdtemp(prefix=owned("log")))
        self._removal = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        try:
            for name in (path.name, f"{path.name}-wal"):
                if (path.parent / name).is_file():
                    shutil.copyfile(path.parent / name, folder / name)
        except OSError as error:
            raise VulcanError(f"event log {path}: {error.strerror}", hint=_FOLDER_HINT) from error
        super().__init__(folder / path.name, blobs)

    def append(self, job: str, expected_seq: int, events: Sequence[Event]) -> list[StoredEvent]:
        """Refused."""
        del job, expected_seq, events
        raise VulcanError(f"event log {self._origin}: its folder can't be written", hint=_FOLDER_HINT)

    def close(self) -> None:
        """Let the copy go."""
        super().close()
        self._removal()


def _link(
    id_: int,
    job: str,
    seq: int,
    at: float,
    name: str,
    version: int,
    payload: str | None,
    blob: str | None,
    digest: str,
) -> Link:
    content = Record(name, version, payload, blob).content
    return Link(id_, job, seq, at, name, version, content, digest or "")


def _kind(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF  # the rest is its detail


def _use_wal(connection: sqlite3.Connection, busy_timeout: float) -> None:
    # Unlike every other statement, the switch of a new database does not wait while another process makes it.
    deadline = time.monotonic() + busy_timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
