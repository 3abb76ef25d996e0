"""Store: the event log in SQLite, large payloads as content-addressed files."""

from vulcan.infrastructure.store.blobs import FileBlobStore
from vulcan.infrastructure.store.sqlite_events import SqliteEventStore

__all__ = ["FileBlobStore", "SqliteEventStore"]
