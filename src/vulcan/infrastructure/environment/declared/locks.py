"""Lock files as constraints: uv, poetry, pdm, pylock (PEP 751), pipenv."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vulcan.infrastructure.environment.declared.requirement import is_version, normal, parse
from vulcan.infrastructure.environment.declared.tree import MAX_LOCK, Tree, at, inside, table, text_of, texts

MAX_PINS = 20_000
_FILES = re.compile(r"^(?:\s+\{ ?(?:url|file|path) = .*|sdist = .*)\n", re.MULTILINE)
"""Lines that name a package's files: nine tenths of a lock, and nothing that is needed here."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One package of a lock; `other` names where it comes from if that is no index, `folder` one of the tree."""

    name: str
    version: str
    marker: str = ""
    other: str = ""
    folder: str = ""
    virtual: bool = False


@dataclass(slots=True)
class Lock:
    """What the lock of a project pins.

    Attributes:
        members: projects of the tree by name.
        virtual: those of them that are not installed themselves.
    """

    name: str = ""
    constraints: list[str] = field(default_factory=list)
    members: dict[str, str] = field(default_factory=dict)
    virtual: set[str] = field(default_factory=set)
    requires_python: str = ""


def read_lock(tree: Tree, hashed: dict[str, list[str]]) -> Lock:
    """The first lock that there is; requirements files with hashes count as the last."""
    for path, reader in _found(tree):
        data = tree.json(path, MAX_LOCK) if path == "Pipfile.lock" else _lock_toml(tree, path)
        pins = list(reader(data))[:MAX_PINS]
        if pins:
            return _lock(tree, path, pins, text_of(data.get("requires-python")))
    for path, lines in hashed.items():
        return _lock(tree, path, [pin for line in lines if (pin := _pin_of(line))], "")
    return Lock()


def _found(tree: Tree) -> Iterator[tuple[str, Callable[[dict[str, Any]], Iterator[Pin]]]]:
    readers = {"uv.lock": _uv, "poetry.lock": _poetry, "pdm.lock": _pdm, "pylock.toml": _pylock}
    names = tree.names(".")
    for name, reader in readers.items():
        if name in names:
            yield name, reader
    for name in names:
        if re.fullmatch(r"pylock\.[\w-]+\.toml", name):
            yield name, _pylock
    if "Pipfile.lock" in names:
        yield "Pipfile.lock", _pipenv


def _lock_toml(tree: Tree, path: str) -> dict[str, Any]:
    text = tree.text(path, MAX_LOCK)
    if text is None:
        return {}
    try:
        return tomllib.loads(_FILES.sub("", text))
    except (ValueError, RecursionError) as error:
        tree.note(f"{path} can't be read: {error}")
        return {}


def _lock(tree: Tree, path: str, pins: list[Pin], requires_python: str) -> Lock:
    lock = Lock(path, requires_python=requires_python)
    by_name: dict[str, list[Pin]] = {}
    for pin in pins:
        by_name.setdefault(normal(pin.name), []).append(pin)
    for name, same in by_name.items():
        if folder := next((pin.folder for pin in same if pin.folder), ""):
            lock.members[name] = folder
            if all(pin.virtual for pin in same):
                lock.virtual.add(name)
        elif other := next((pin.other for pin in same if pin.other), ""):
            tree.note(f"{path}: {name} comes from {other}; the index's newest version is taken")
        else:
            lock.constraints += _constraints(tree, path, same)
    return lock


def _constraints(tree: Tree, path: str, same: list[Pin]) -> list[str]:
    """The pins of one package: one version, or several that their markers tell apart."""
    pins = {(pin.version, pin.marker): pin for pin in same if is_version(pin.version)}
    several = len({pin.version for pin in pins.values()}) > 1
    if several and any(not pin.marker for pin in pins.values()):
        tree.note(f"{path}: {same[0].name} has several versions without markers, and is not pinned")
        return []
    lines = []
    for pin in pins.values():
        marker = pin.marker if several else ""
        requirement = parse(
            f"{pin.name}=={pin.version}; {marker}" if marker else f"{pin.name}=={pin.version}"
        )
        if requirement is not None and "extra" not in str(requirement.marker or ""):
            lines.append(str(requirement))
    return list(dict.fromkeys(lines))


def _packages(data: dict[str, Any], key: str = "package") -> Iterator[dict[str, Any]]:
    packages = data.get(key)
    for package in packages if isinstance(packages, list) else []:
        if isinstance(package, dict) and text_of(package.get("name")):
            yield package


def _uv(data: dict[str, Any]) -> Iterator[Pin]:
    for package in _packages(data):
        source = at(package, "source")
        markers = [f"({marker})" for marker in texts(package.get("resolution-markers"))]
        local = next(
            (text_of(source[key]) for key in ("editable", "virtual", "directory") if key in source), ""
        )
        other = next((key for key in ("git", "url", "path") if key in source), "")
        yield Pin(
            name=text_of(package["name"]),
            version=text_of(package.get("version")),
            marker=" or ".join(markers),
            other=f"{other} {text_of(source.get(other))}".strip() if other else "",
            folder=inside(".", local) or "" if local else "",
            virtual="virtual" in source,
        )


def _poetry(data: dict[str, Any]) -> Iterator[Pin]:
    for package in _packages(data):
        source = at(package, "source")
        kind = text_of(source.get("type"))
        markers = package.get("markers")
        marker = " or ".join(f"({m})" for m in table(markers).values() if isinstance(m, str)) or text_of(
            markers
        )
        folder = inside(".", text_of(source.get("url"))) or "" if kind == "directory" else ""
        other = f"{kind} {text_of(source.get('url'))}" if kind in ("git", "url", "file", "directory") else ""
        yield Pin(text_of(package["name"]), text_of(package.get("version")), marker, other, folder)


def _pdm(data: dict[str, Any]) -> Iterator[Pin]:
    for package in _packages(data):
        other = next((f"{key} {text_of(package[key])}" for key in ("git", "url") if key in package), "")
        folder = inside(".", text_of(package.get("path"))) or ""
        name, version = text_of(package["name"]), text_of(package.get("version"))
        yield Pin(name, version, text_of(package.get("marker")), other, folder)


def _pylock(data: dict[str, Any]) -> Iterator[Pin]:
    for package in _packages(data, "packages"):
        vcs, directory = at(package, "vcs"), at(package, "directory")
        other = f"git {text_of(vcs.get('url'))}" if vcs else "an archive" if "archive" in package else ""
        folder = inside(".", text_of(directory.get("path"))) or "" if directory else ""
        name, version = text_of(package["name"]), text_of(package.get("version"))
        yield Pin(name, version, text_of(package.get("marker")), other, folder)


def _pipenv(data: dict[str, Any]) -> Iterator[Pin]:
    for section in ("default", "develop"):
        for name, value in at(data, section).items():
            entry = table(value)
            other = next((f"{key} {text_of(entry[key])}" for key in ("git", "file") if key in entry), "")
            folder = inside(".", text_of(entry.get("path"))) or ""
            version = text_of(entry.get("version")).removeprefix("==")
            yield Pin(name, version, text_of(entry.get("markers")), other, folder)


def _pin_of(line: str) -> Pin | None:
    requirement = parse(line)
    if requirement is None or len(requirement.specifier) != 1:
        return None
    version = str(requirement.specifier).lstrip("=")
    return Pin(requirement.name, version, str(requirement.marker or ""))
