"""What every event log stores of an event: name, version, and JSON in place or, if large, as a blob."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from vulcan.application.ports import BlobStore
from vulcan.domain.codec import decode_event, encode_event
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import Event

LARGEST_IN_PLACE = 64 * 1024
"""Bytes of JSON above which the payload goes to the blob store and the row holds its digest."""

_dumps = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class Record(NamedTuple):
    """One of `payload` (JSON, ASCII only, so that any text survives any database) and `blob` is None."""

    name: str
    version: int
    payload: str | None
    blob: str | None

    @property
    def content(self) -> str:
        """SHA-256 of the payload, wherever it is."""
        return hashlib.sha256((self.payload or "").encode()).hexdigest() if self.blob is None else self.blob


def to_record(event: Event, blobs: BlobStore) -> Record:
    """Encode an event; a large payload is in the blob store when this returns."""
    name, version, data = encode_event(event)
    try:
        payload = _dumps(data)
    except (TypeError, ValueError) as error:
        raise VulcanError(f"event {name} can't be stored as JSON: {error}") from error
    if len(payload) > LARGEST_IN_PLACE:
        return Record(name, version, None, blobs.put(payload.encode()))
    return Record(name, version, payload, None)


def from_record(record: Record, blobs: BlobStore) -> Event:
    """Decode an event."""
    text = blobs.get(record.blob or "") if record.payload is None else record.payload
    try:
        data = json.loads(text)
    except ValueError as error:
        raise VulcanError(
            f"a stored {record.name} is not JSON: {error}",
            hint="The event log is damaged; restore it from a backup.",
        ) from error
    return decode_event(record.name, record.version, data)
