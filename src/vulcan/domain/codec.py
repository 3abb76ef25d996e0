"""Events to JSON and back, with schema versions.

Frozen dataclasses, tuples, enums, None and scalars are all that events are made of, so their type annotations
are the whole schema. Decoders are built once a type: 10,000 events are read in a fraction of a second.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache
from typing import Any

from vulcan.domain.errors import VulcanError
from vulcan.domain.events import EVENT_TYPES, Event

Payload = dict[str, Any]

Upcasters = Mapping[tuple[str, int], Callable[[Payload], Payload]]
"""(event name, old version) -> function from that version's payload to the next version's."""


def _renamed(old: str, new: str) -> Callable[[Payload], Payload]:
    return lambda payload: {new if name == old else name: value for name, value in payload.items()}


UPCASTERS: Upcasters = {
    ("RequirementsAnalyzed", 1): _renamed("heard", "steering_seen"),
    ("ModelReplied", 1): _renamed("heard", "steering_seen"),
    ("CodeGenerated", 1): _renamed("heard", "steering_seen"),
}

UNKNOWN_EVENT_HINT = "The log was written by a newer Vulcan; upgrade with: pip install -U vulcan-agent"
DAMAGED_EVENT_HINT = (
    "The log was written by a newer Vulcan or is damaged; upgrade, or restore it from a backup."
)

_SCALARS = frozenset({str, int, float, bool, type(None)})


def encode(value: Any) -> Any:
    """Plain JSON data of a value; fields that have their default are left out."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {
            name: encode(item)
            for name, default in _defaults(typing.cast("Hashable", type(value)))
            if (item := getattr(value, name)) != default
        }
    return value


@cache
def _defaults(cls: Hashable) -> tuple[tuple[str, Any], ...]:
    return tuple((field.name, field.default) for field in dataclasses.fields(typing.cast("Any", cls)))


def encode_event(event: Event) -> tuple[str, int, Payload]:
    """Name, version and payload of an event."""
    return type(event).__name__, event.VERSION, encode(event)


def decode_event(
    name: str,
    version: int,
    payload: Payload,
    *,
    known: Mapping[str, type[Event]] = EVENT_TYPES,
    upcasters: Upcasters = UPCASTERS,
) -> Event:
    """The event of a stored name, version and payload; old versions are lifted step by step."""
    cls = known.get(name)
    if cls is None or version > cls.VERSION:
        raise VulcanError(f"unknown event {name} version {version}", hint=UNKNOWN_EVENT_HINT)
    try:
        while version < cls.VERSION:
            payload = upcasters[name, version](payload)
            version += 1
        event: Event = decoder(typing.cast("Hashable", cls))(payload)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"{name} version {version} can't be read: {type(error).__name__}: {error}"
        raise VulcanError(what, hint=DAMAGED_EVENT_HINT) from error
    return event


def _same(value: Any) -> Any:
    return value


@cache
def decoder(annotation: Hashable) -> Callable[[Any], Any]:
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
        return _dataclass_decoder(typing.cast("type[Any]", annotation))
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
