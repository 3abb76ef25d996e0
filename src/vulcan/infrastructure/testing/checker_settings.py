"""What a project says of how its checkers are run, read from its files without running anything of it."""

from __future__ import annotations

import configparser
import os
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

LARGEST_FILE = 1024**2
FAULTS = ("E9", "F63", "F7", "F82")
"""Rules whose findings are faults in any project: syntax, undefined names, comparisons that can't mean what they say."""
CLASSIC = ("E4", "E7", "E9", "F")
"""What ruff selects by default, in most of its versions; newer ones select far more."""
RUFF_FILES = (".ruff.toml", "ruff.toml")
MYPY_FILES = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")
FLAKE8_FILES = (".flake8", "setup.cfg", "tox.ini")

Table = Mapping[str, Any]


def ruff_table(checkout: Path, path: str) -> Table | None:
    """The settings of ruff that hold for a file, those of the nearest folder; None where there are none."""
    for folder in PurePosixPath(path).parents:
        for name in RUFF_FILES:
            if (table := _toml(checkout / folder / name)) is not None:
                return table
        own = _tool(_toml(checkout / folder / "pyproject.toml") or {}, "ruff")
        if own is not None:
            return own
    return None


def ruff_rules(table: Table) -> tuple[str, ...]:
    """Rules to name for a project whose own ruff is not there; empty where its settings name them.

    Without a selection the defaults of the version that it uses would hold, and those are not known.
    """
    lint = _section(table, "lint") or {}
    if "extend" in table or "select" in lint or "select" in table:
        return ()
    extended = [*_texts(table.get("extend-select")), *_texts(lint.get("extend-select"))]
    return (*CLASSIC, *extended) if extended else FAULTS


def mypy_table(checkout: Path) -> Table | None:
    """The settings of mypy; None where the project has none, which is to say that it does not run it."""
    for name in MYPY_FILES:
        file = checkout / name
        found = _tool(_toml(file) or {}, "mypy") if name.endswith(".toml") else _ini(file, "mypy")
        if found is not None:
            return found
    return None


def has_flake8(checkout: Path) -> bool:
    """Whether the project says how flake8 is to check it."""
    return any(_ini(checkout / name, "flake8") is not None for name in FLAKE8_FILES)


def names_files(table: Table) -> bool:
    """Whether settings of mypy say what is checked."""
    return any(table.get(key) for key in ("files", "packages", "modules"))


def excluded(table: Table) -> tuple[str, ...]:
    """The expressions of files that mypy leaves out where it finds them itself."""
    return _texts(table.get("exclude"))


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(map(str, value)) if isinstance(value, Sequence) else ()


def _tool(project: Table, name: str) -> Table | None:
    return _section(_section(project, "tool") or {}, name)


def _section(table: Table, name: str) -> Table | None:
    found = table.get(name)
    return found if isinstance(found, Mapping) else None


def _toml(path: Path) -> Table | None:
    text = _plain(path)
    if text is None:
        return None
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):  # the checker itself will say so
        return {}


def _ini(path: Path, section: str) -> Table | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_plain(path) or "")
    except configparser.Error:
        return None
    return dict(parser[section]) if parser.has_section(section) else None


def _plain(path: Path) -> str | None:
    """What a regular file begins with; None where there is none, or a link, which may lead to a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return file.read(LARGEST_FILE).decode(errors="replace") if regular else None
