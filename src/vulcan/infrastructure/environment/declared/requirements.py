"""Requirements files of pip, with the files, constraints and projects that they name."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from vulcan.infrastructure.environment.declared.installers import local_project
from vulcan.infrastructure.environment.declared.model import Draft
from vulcan.infrastructure.environment.declared.requirement import MAX_LINE, name_of, parse
from vulcan.infrastructure.environment.declared.tree import inside

REQUIREMENT_FILES = re.compile(
    r"^requirements/(?:base|main|common|default|dev|development|tests?|testing)\.txt$"
    r"|^(?:requirements?/)?(?:(?:dev|tests?|testing)[-_.])?requirements?(?:[-_.](?:dev|development|tests?|testing))?\.txt$"
    r"|^tests?/(?:units?/)?requirements\.txt$|^tests?/requirements/[\w.-]+\.txt$"
)
FOLDERS = (
    ".",
    "requirements",
    "requirement",
    "tests",
    "test",
    "tests/requirements",
    "test/requirements",
    "tests/unit",
    "test/units",
)
MAX_FILES = 200
MAX_INCLUDED = 60
_OPTION = re.compile(r"^(-[rce]|--(?:requirement|constraint|editable))(?:\s+|=|(?=[^\s=-]))(.+)$")
_INDEX = re.compile(r"^(?:-i|-f|--(?:extra-)?index-url|--find-links)\b")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")
_PIN = re.compile(r"^\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*[\w.!+-]+\s*(?:;.*)?$")


@dataclass(slots=True)
class _Lines:
    """What a file and all that it includes hold: requirements in order, and whether they carry hashes."""

    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    hashed: bool = False


def read_requirements(draft: Draft) -> None:
    """Add the groups of the usual files and of those that something names."""
    named = [path for path in draft.files if path.endswith((".txt", ".in", ".pip", ".requirements"))]
    _add(draft, [*_usual(draft, ".", FOLDERS), *named])
    for path in draft.constraint_files[:MAX_FILES]:
        if lines := _read(draft, path, _Lines(), constraint=True):
            _constrain(draft, path, lines)


def read_member_requirements(draft: Draft, folder: str) -> None:
    """Add the groups of the usual files in the folder of a further project of the tree."""
    _add(draft, _usual(draft, folder, (".", "requirements", "tests")))


def _add(draft: Draft, paths: list[str]) -> None:
    for path in list(dict.fromkeys(paths))[:MAX_FILES]:
        lines = _read(draft, path, _Lines(), constraint=False)
        if lines is not None:
            draft.add(path, lines.requirements)
            _constrain(draft, path, lines)


def include(draft: Draft, path: str) -> list[str]:
    """The requirements of one file, for a table that names files."""
    lines = _read(draft, path, _Lines(), constraint=False)
    if lines is None:
        draft.tree.note(f"there is no requirements file {path}")
        return []
    _constrain(draft, path, lines)
    return lines.requirements


def _constrain(draft: Draft, path: str, lines: _Lines) -> None:
    draft.constraints += draft.cleaned(lines.constraints, f"constraints of {path}")
    if lines.hashed:
        draft.hashed.setdefault(path, []).extend(line for line in lines.requirements if _PIN.match(line))


def _usual(draft: Draft, root: str, folders: Iterable[str]) -> list[str]:
    """Files below a folder whose names say that they are for development or tests."""
    return [
        posixpath.normpath(f"{root}/{folder}/{name}")
        for folder in folders
        for name in draft.tree.names(posixpath.normpath(f"{root}/{folder}"))
        if REQUIREMENT_FILES.match(posixpath.normpath(f"{folder}/{name}"))
    ]


def _read(draft: Draft, path: str, into: _Lines, *, constraint: bool) -> _Lines | None:
    if path in into.seen or len(into.seen) > MAX_INCLUDED:
        return into
    into.seen.add(path)
    text = draft.tree.text(path)
    if text is None:
        return None
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").splitlines():
        _line(draft, line.strip(), path, into, constraint=constraint)
    return into


def _line(draft: Draft, line: str, path: str, into: _Lines, *, constraint: bool) -> None:
    into.hashed |= "--hash" in line
    line = line.split(" --hash", 1)[0]
    if len(line) > MAX_LINE:
        draft.tree.note(f"{path} has a line of more than {MAX_LINE} characters, which was left out")
        return
    line = _COMMENT.sub("", line)
    option = _OPTION.match(line)
    if option is None:
        if _INDEX.match(line):
            draft.tree.note(f"{path} names an index of its own; only the indexes of your settings are asked")
        elif line and not line.startswith("-"):
            _requirement(draft, line, path, into, constraint=constraint)
        return
    kind, value = option[1].lstrip("-")[0], option[2].strip().strip("\"'")
    if kind == "e":
        _editable(draft, value, path, into)
        return
    file = inside(posixpath.dirname(path), value.replace("{toxinidir}/", ""))
    if file is None or _read(draft, file, into, constraint=constraint or kind == "c") is None:
        draft.tree.note(f"{path} names {value!r}, which is no file of the project")


def _requirement(draft: Draft, line: str, path: str, into: _Lines, *, constraint: bool) -> None:
    bare = re.split(r"\s+--|\s+;", line, maxsplit=1)[0]
    if local_project(bare, posixpath.dirname(path)) is not None and parse(line) is None:
        _editable(draft, bare, path, into)
    elif constraint:
        into.constraints.append(re.split(r"\s+--", line, maxsplit=1)[0])
    else:
        into.requirements.append(re.split(r"\s+--", line, maxsplit=1)[0])


def _editable(draft: Draft, value: str, path: str, into: _Lines) -> None:
    """A project of the tree; pip takes the path from where it is started, people sometimes from the file."""
    for folder in (".", posixpath.dirname(path)):
        local = local_project(value if "/" in value or value.startswith(".") else f"./{value}", folder)
        if local is not None and (local[0] == "." or draft.tree.is_folder(local[0])):
            draft.want_editable(*local)
            return
    if "://" in value and name_of(value.rsplit("egg=", 1)[-1]) and "egg=" in value:
        into.requirements.append(value)
    else:
        draft.tree.note(f"{path}: {value[:120]!r} is no project of this tree, and was left out")
