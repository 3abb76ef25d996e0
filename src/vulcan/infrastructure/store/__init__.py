"""Store: the event log in SQLite, large payloads as content-addressed files."""

from vulcan.infrastructure.store.blobs import FileBlobStore
from vulcan.infrastructure.store.sqlite_events import CopiedEventStore, SqliteEventStore

__all__ = ["CopiedEventStore", "FileBlobStore", "SqliteEventStore"]
