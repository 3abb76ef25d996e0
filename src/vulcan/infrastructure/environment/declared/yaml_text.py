"""YAML as texts, lists and mappings. Built from events: PyYAML's own builders recurse, and the one in C overflows its stack."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAX_DEPTH = 60
_NO_KEY = object()


def load_yaml(text: str) -> Any:
    """The first document of a text; every scalar is a text.

    Raises:
        ValueError: it is no YAML, or nested too deeply.
    """
    import yaml  # noqa: PLC0415 - only projects with workflows need it

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    building = _Building()
    try:
        for kind, event in _events(yaml.parse(text, Loader=loader)):
            building.take(kind, event)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    return building.document


def _events(events: Iterator[Any]) -> Iterator[tuple[str, Any]]:
    """Events of the first document with their kinds."""
    for event in events:
        kind = type(event).__name__
        if kind == "DocumentEndEvent":
            return
        yield kind, event


class _Building:
    """A document on its way from events to values."""

    def __init__(self) -> None:
        self.document: Any = None
        self._open: list[Any] = []
        self._keys: list[Any] = []
        self._named: dict[str, Any] = {}

    def take(self, kind: str, event: Any) -> None:
        """Go on with the next event."""
        if kind in ("SequenceStartEvent", "MappingStartEvent"):
            container: Any = [] if kind == "SequenceStartEvent" else {}
            self._add(container, event)
            self._open.append(container)
            self._keys.append(_NO_KEY)
            if len(self._open) > MAX_DEPTH:
                raise ValueError("nested too deeply")
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            self._open.pop()
            self._keys.pop()
        elif kind == "ScalarEvent":
            self._add(event.value, event)
        elif kind == "AliasEvent":
            self._add(self._named.get(event.anchor), None)

    def _add(self, value: Any, event: Any) -> None:
        if event is not None and event.anchor:
            self._named[event.anchor] = value
        if not self._open:
            self.document = value
        elif isinstance(self._open[-1], list):
            self._open[-1].append(value)
        elif self._keys[-1] is _NO_KEY:
            self._keys[-1] = value
        else:
            if isinstance(self._keys[-1], str):
                self._open[-1][self._keys[-1]] = value
            self._keys[-1] = _NO_KEY
