"""The schema of the event log, as numbered steps that are never edited once released.

`PRAGMA user_version` holds the number of steps that a database has been through.
"""

from __future__ import annotations

import sqlite3

from vulcan.domain.errors import VulcanError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (  # 1: one row an event. `payload` is JSON, or NULL where `blob` holds the digest of a large one.
        """
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            job TEXT NOT NULL,
            seq INTEGER NOT NULL CHECK (seq > 0),
            at REAL NOT NULL,
            name TEXT NOT NULL,
            version INTEGER NOT NULL,
            payload TEXT,
            blob TEXT,
            UNIQUE (job, seq),
            CHECK ((payload IS NULL) <> (blob IS NULL))
        )
        """,
        "CREATE INDEX first_events ON events (id, job) WHERE seq = 1",
    ),
    (  # 2: each event is sealed together with the one before it. What is older than the chain stays unsealed.
        "ALTER TABLE events ADD COLUMN digest TEXT",
        """
        CREATE TABLE chain (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            first INTEGER NOT NULL,
            length INTEGER NOT NULL,
            head TEXT NOT NULL
        )
        """,
        "INSERT INTO chain SELECT 1, coalesce(max(id), 0) + 1, 0, '' FROM events",
        """
        CREATE TRIGGER no_event_is_edited BEFORE UPDATE ON events
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END
        """,
        """
        CREATE TRIGGER no_event_is_removed BEFORE DELETE ON events
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END
        """,
    ),
)
"""Statements of each step; step N brings a database from schema N - 1 to N."""


def migrate(connection: sqlite3.Connection, steps: tuple[tuple[str, ...], ...] = MIGRATIONS) -> None:
    """Bring the database to the newest schema; two processes that do so at once don't disturb each other."""
    if _version(connection) == len(steps):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _run(connection, steps)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _run(connection: sqlite3.Connection, steps: tuple[tuple[str, ...], ...]) -> None:
    version = _version(connection)
    if version > len(steps):
        raise VulcanError(
            f"the event log has schema {version}, this Vulcan knows {len(steps)}",
            hint="It was written by a newer Vulcan; upgrade with: pip install -U vulcan-agent",
        )
    for statement in (each for step in steps[version:] for each in step):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(steps)}")


def _version(connection: sqlite3.Connection) -> int:
    row: tuple[int] = connection.execute("PRAGMA user_version").fetchone()
    return row[0]
