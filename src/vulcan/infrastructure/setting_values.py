"""Values of settings: from text or TOML to the type that a setting has."""

from __future__ import annotations

import shlex
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any

from vulcan.application.settings import Amount

UNLIMITED = "unlimited"
"""How a limit is lifted where there is no null."""
DEFAULT = "default"
"""The same where leaving it open is no lack of a limit."""


def optional(kind: Any) -> Any:
    """The `T` of `T | None`, else None."""
    if isinstance(kind, types.UnionType):
        return next(each for each in typing.get_args(kind) if each is not types.NoneType)
    return None


def read_text(kind: Any, text: str) -> object:
    kind = optional(kind) or kind
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
            text.lower()
        )
    if kind in (int, float, Amount) and text not in (UNLIMITED, DEFAULT):
        return (float if kind is Amount else kind)(text)
    return shlex.split(text) if typing.get_origin(kind) is tuple else text


def fit(kind: Any, given: Any) -> Any:
    """The value as its kind wants it; TypeError or ValueError if it does not fit."""
    if (inner := optional(kind)) is not None:
        return None if given in (UNLIMITED, DEFAULT) else fit(inner, given)
    if typing.get_origin(kind) is tuple:
        return tuple(fit(str, item) for item in _of(given, list, tuple))
    if kind in (int, float, Amount):
        return _number(kind, given)
    if kind is Path:
        return _absolute(Path(_of(given, str, Path)))
    if issubclass(kind, StrEnum):
        return kind(given)
    return _of(given, kind)


def _of(given: Any, *kinds: type) -> Any:
    if not isinstance(given, kinds):
        raise TypeError(kinds)
    return given


_LARGEST_NUMBER = 2**63  # what the operating system's limits take


def _number(kind: type[float], given: Any) -> float:
    if kind is not Amount:
        return _positive(kind, given)
    return Amount(0.0 if given == 0 and not isinstance(given, bool) else _positive(float, given))


def _positive(kind: type[float], given: Any) -> float:
    number = _of(given, int) if kind is int else _of(given, int, float)
    if isinstance(number, bool) or not 0 < number < _LARGEST_NUMBER:
        raise ValueError(number)
    return kind(number)


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(path)
    return path


def allowed(kind: Any) -> str:
    if (inner := optional(kind)) is not None:
        return f'{allowed(inner)}, or "{UNLIMITED}" (or "{DEFAULT}")'
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return ", ".join(f'"{each.value}"' for each in kind)
    return _KINDS.get(kind, "a list of texts")


_KINDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number above 0",
    float: "a number above 0",
    Amount: "a number from 0 on",
    Path: "an absolute path",
}
