"""What a Python project declares to need, read as data: nothing of the project is run here."""

from __future__ import annotations

import configparser
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

TEST_GROUPS = ("test", "tests", "testing", "dev", "develop", "development")
NAMING_FILES = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "uv.lock",
    "poetry.lock",
    "tox.ini",
)
REQUIREMENT_FILES = re.compile(
    r"^requirements/(?:base|main|common|dev|tests?|testing)\.txt$|^(?:requirements?/)?(?:(?:dev|tests?|testing)[-_])?requirements?(?:[-_](?:dev|tests?|testing))?\.txt$"
)
_AFTER = re.compile(r"\s+#|\s+--|\s*\\$")
"""What may follow a requirement: a comment, its options (hashes), or their continuation."""
DEFAULT_BUILD = ("setuptools>=68", "wheel")
MAX_FILE = 2 * 1024**2


@dataclass(frozen=True, slots=True)
class Declared:
    """Requirements by group: `required` must install, each of `groups` may fail with a note.

    Attributes:
        constraints: versions that a lock file pins, as `name==version` with an optional marker.
        editable: further projects of the tree that are installed in editable form, as `folder` or `folder[extra]`.
        installable: whether the project itself can be installed.
        extras: of the project itself, whose requirements only its build knows.
        python: what `.python-version` asks for.
        lock: the lock file that pins versions; empty: none does, so versions are dated by the base commit.
    """

    required: tuple[str, ...] = ()
    build: tuple[str, ...] = DEFAULT_BUILD
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    constraints: tuple[str, ...] = ()
    editable: tuple[str, ...] = ()
    installable: bool = False
    extras: tuple[str, ...] = ()
    requires_python: str = ""
    python: str = ""
    lock: str = ""
    notes: tuple[str, ...] = ()


def naming_digest(checkout: Path, salt: str) -> str:
    """Digest of all files that name dependencies, and of `salt` (interpreter, format)."""
    digest = hashlib.sha256(salt.encode())
    names = [name for name in NAMING_FILES if _is_plain(checkout / name)]
    names += sorted(_requirement_files(checkout))
    for name in names:
        content = (checkout / name).read_bytes()[:MAX_FILE]
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def read_declared(checkout: Path) -> Declared:
    """Requirements from pyproject.toml, setup.cfg and requirements files."""
    notes: list[str] = []
    pyproject = _toml(checkout / "pyproject.toml", notes)
    project = _table(pyproject, "project")
    groups: dict[str, tuple[str, ...]] = {}
    for name, items in _table(project, "optional-dependencies").items():
        if name.lower() in TEST_GROUPS:
            groups[f"extra {name}"] = _strings(items)
    dependency_groups = _table(pyproject, "dependency-groups")
    for name in dependency_groups:
        if name.lower() in TEST_GROUPS:
            groups[f"group {name}"] = _group(dependency_groups, name, set())
    required = _strings(project.get("dependencies"))
    required += _setup_cfg(checkout / "setup.cfg", groups, notes)
    for name in _requirement_files(checkout):
        groups[name] = tuple(_requirement_lines((checkout / name).read_text(errors="replace")))
    build = _strings(_table(pyproject, "build-system").get("requires")) or DEFAULT_BUILD
    installable = bool(project) or any(_is_plain(checkout / n) for n in ("setup.py", "setup.cfg"))
    if "poetry" in _table(pyproject, "tool"):
        installable = True
    requires_python = str(project.get("requires-python", ""))
    return Declared(
        required=required,
        build=build,
        groups=groups,
        installable=installable,
        requires_python=requires_python,
        notes=tuple(notes),
    )


def fits(requires_python: str, version: str) -> bool:
    """Whether a Python version satisfies a project's `requires-python`."""
    try:
        return SpecifierSet(requires_python).contains(version, prereleases=True)
    except InvalidSpecifier:
        return True


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _toml(path: Path, notes: list[str]) -> dict[str, Any]:
    if not _is_plain(path):
        return {}
    try:
        return tomllib.loads(path.read_bytes()[:MAX_FILE].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        notes.append(f"{path.name} can't be read: {error}")
        return {}


def _table(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _group(groups: Mapping[str, Any], name: str, seen: set[str]) -> tuple[str, ...]:
    """A PEP 735 group with the groups that it includes."""
    if name in seen:
        return ()
    seen.add(name)
    found: list[str] = []
    items = groups.get(name)
    for item in items if isinstance(items, list) else ():
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict) and isinstance(item.get("include-group"), str):
            found += _group(groups, item["include-group"], seen)
    return tuple(found)


def _setup_cfg(path: Path, groups: dict[str, tuple[str, ...]], notes: list[str]) -> tuple[str, ...]:
    if not _is_plain(path):
        return ()
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_bytes()[:MAX_FILE].decode(errors="replace"))
    except configparser.Error as error:
        notes.append(f"setup.cfg can't be read: {error}")
        return ()
    if parser.has_section("options.extras_require"):
        for name, text in parser.items("options.extras_require"):
            if name in TEST_GROUPS:
                groups[f"extra {name}"] = tuple(_requirement_lines(text))
    return tuple(_requirement_lines(parser.get("options", "install_requires", fallback="")))


def _requirement_files(checkout: Path) -> list[str]:
    folders = [checkout, checkout / "requirements"]
    names = [
        str(path.relative_to(checkout))
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
        for path in sorted(folder.iterdir())
        if _is_plain(path)
    ]
    return [name for name in names if REQUIREMENT_FILES.match(name)]


def _requirement_lines(text: str) -> Iterable[str]:
    """Plain requirements only: options, URLs, paths and nested files are left out."""
    for line in text.splitlines():
        requirement = _AFTER.split(line.strip(), maxsplit=1)[0]
        if requirement[:1].isalnum() and "/" not in requirement and not requirement.startswith("file:"):
            yield requirement
