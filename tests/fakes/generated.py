"""Hypothesis strategies for values of the domain, made from their type annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from enum import Enum
from functools import cache
from typing import Any

from hypothesis import strategies as st

from vulcan.domain.events import EVENT_TYPES, Event

_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(min_value=-5, max_value=2**40),
    float: st.floats(allow_nan=False, allow_infinity=False),
    # Any text at all, lone surrogates included, which a file name that is no UTF-8 brings.
    str: st.text(max_size=12) | st.text(st.characters(), max_size=3),
    type(None): st.none(),
}


@cache
def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Any value of an annotated type."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if typing.get_origin(annotation) is tuple:
        return st.lists(values(typing.get_args(annotation)[0]), max_size=2).map(tuple)
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        return st.one_of(*(values(each) for each in typing.get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    assert dataclasses.is_dataclass(annotation), f"no strategy for {annotation!r}"
    hints = typing.get_type_hints(annotation)
    return st.builds(annotation, **{f.name: values(hints[f.name]) for f in dataclasses.fields(annotation)})


def events() -> st.SearchStrategy[Event]:
    """Any event of any type."""
    return st.sampled_from(sorted(EVENT_TYPES)).flatmap(lambda name: values(EVENT_TYPES[name]))
