"""Events to JSON and back, with schema versions.

Frozen dataclasses, tuples, enums, None and scalars are all that events are made of, so their type annotations are
the whole schema. Decoders are built once a type: a log of 10,000 events is read in a fraction of a second.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable
from enum import Enum
from functools import cache
from typing import Any, cast

from vulcan.domain.errors import VulcanError
from vulcan.domain.events import EVENT_TYPES, Event

Payload = dict[str, Any]

UPCASTERS: dict[tuple[str, int], Callable[[Payload], Payload]] = {}
"""(event name, old version) -> function from that version's payload to the next version's."""

UNKNOWN_EVENT_HINT = "The log was written by a newer Vulcan; upgrade with: pip install -U vulcan-agent"


def encode(value: Any) -> Any:
    """Plain JSON data of a value; fields that have their default are left out."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {
            f.name: encode(item)
            for f in dataclasses.fields(value)
            if (item := getattr(value, f.name)) != f.default
        }
    return value


def encode_event(event: Event) -> tuple[str, int, Payload]:
    """Name, version and payload of an event."""
    return type(event).__name__, event.VERSION, encode(event)


def decode_event(name: str, version: int, payload: Payload) -> Event:
    """The event of a stored name, version and payload; old versions are lifted step by step."""
    cls = EVENT_TYPES.get(name)
    if cls is None or version > cls.VERSION:
        raise VulcanError(f"unknown event {name} version {version}", hint=UNKNOWN_EVENT_HINT)
    while version < cls.VERSION:
        payload = UPCASTERS[name, version](payload)
        version += 1
    event: Event = decoder(cast("Hashable", cls))(payload)
    return event


def _same(value: Any) -> Any:
    return value


@cache
def decoder(annotation: Any) -> Callable[[Any], Any]:
    """A function from JSON data to a value of the annotated type."""
    origin = typing.get_origin(annotation)
    if origin is tuple:
        item = decoder(typing.get_args(annotation)[0])
        return tuple if item is _same else lambda data: tuple(map(item, data))
    if origin in (types.UnionType, typing.Union):
        (inner,) = (a for a in typing.get_args(annotation) if a is not type(None))
        some = decoder(inner)
        return _same if some is _same else lambda data: None if data is None else some(data)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return {member.value: member for member in annotation}.__getitem__
    if dataclasses.is_dataclass(annotation):
        return _dataclass_decoder(cast("type[Any]", annotation))
    return _same


def _dataclass_decoder(cls: type[Any]) -> Callable[[Any], Any]:
    hints = typing.get_type_hints(cls)
    fields = {f.name: decoder(hints[f.name]) for f in dataclasses.fields(cls)}
    special = {name: read for name, read in fields.items() if read is not _same}

    def read_dataclass(data: Payload) -> Any:
        known = {key: value for key, value in data.items() if key in fields}
        for name, read in special.items():
            if name in known:
                known[name] = read(known[name])
        return cls(**known)

    return read_dataclass
