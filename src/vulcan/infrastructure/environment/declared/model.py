"""What is gathered while a project is read, and what comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from vulcan.infrastructure.environment.declared.requirement import clean, is_version, normal
from vulcan.infrastructure.environment.declared.tree import Tree

DEFAULT_BUILD = ("setuptools>=68", "wheel")
TEST_GROUPS = ("test", "tests", "testing", "dev", "develop", "development")
MAX_REQUIREMENTS = 5_000
MAX_COMMANDS = 20_000
MAX_LABEL = 100
MAX_FOLDERS = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_PLACE = re.compile(r"\.|(?!-)[\w.+-]{1,200}(?:/[\w.+-]{1,200})*", re.ASCII)
_TEST_WORDS = frozenset({"test", "tests", "testing", "unittest", "unittests"})
_QUIET = re.compile(
    r"(?:^|[-_.:/\s])(?:docs?|documentation|sphinx|mkdocs|lint\w*|style|format\w*|flake8|ruff|black|isort|mypy|pyright|"
    r"typ(?:e|es|ing|echeck)\w*|pre-?commit|release|publish|packag\w*|build|changelog|news|audit|security|bench\w*|"
    r"profil\w*|deploy|coverage-report|website|fuzz\w*|examples?|notebooks?|checkqa|apicheck|linkcheck)(?:$|[-_.:/\s])",
    re.IGNORECASE,
)
_SPECIAL = re.compile(
    r"min(?:imum|imal|ver\w*)?$|(?:^|[-_.\s])(?:min(?:imum|imal)?|oldest|lowest|pinned|pypy\w*|nightly|main|master|upstream"
    r"|downstream|devel?-?deps|windows|macos|mypyc|pre|pip-pre|vendored?|third-?party|conda|emscripten|wasm|pyodide|graalpy|dev-versions)(?:$|[-_.\s])",
    re.IGNORECASE,
)


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


@dataclass(slots=True)
class Draft:
    """What the readers have found so far: names that tests ask for, and requirements by where they stand.

    Attributes:
        extras: wanted extras of the project itself, normalized.
        wanted_groups: wanted dependency groups, normalized.
        files, constraint_files: requirements and constraints files that something names.
        environments: environments of tox, nox, hatch or pixi that CI runs tests in.
        pythons: versions that CI tests with.
        editable: folders of further projects with the extras that are wanted of them.
        hashed: pins of requirements files that carry hashes, by file: as good as a lock.
    """

    tree: Tree
    extras: set[str] = field(default_factory=set)
    wanted_groups: set[str] = field(default_factory=set)
    all_extras: bool = False
    all_groups: bool = False
    files: list[str] = field(default_factory=list)
    constraint_files: list[str] = field(default_factory=list)
    environments: set[str] = field(default_factory=set)
    pythons: list[str] = field(default_factory=list)
    editable: dict[str, set[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    hashed: dict[str, list[str]] = field(default_factory=dict)
    commands_left: int = MAX_COMMANDS
    _count: int = 0

    def add(self, group: str, lines: Iterable[str]) -> None:
        """Add requirements to a group; what can't be installed as data is left out with a note."""
        group = " ".join(group.split())[:MAX_LABEL]
        into = self.groups.setdefault(group, [])
        into += [line for line in self.cleaned(lines, group) if line not in into]

    def cleaned(self, lines: Iterable[str], where: str) -> list[str]:
        """Those of the lines that may be installed, each once."""
        found: dict[str, None] = {}
        for line in lines:
            self._count += 1
            if self._count > MAX_REQUIREMENTS:
                self.tree.note(f"more than {MAX_REQUIREMENTS} requirements; the rest was left out")
                break
            if (requirement := clean(self.tree, line, where)) is not None:
                found[requirement] = None
        return list(found)

    def want_file(self, path: str) -> None:
        """Ask for a requirements file that a command or a test environment names."""
        if path not in self.files:
            self.files.append(path)

    def want_editable(self, folder: str, extras: Iterable[str] = ()) -> None:
        """Ask for a project of the tree: the root's extras, or another folder in editable form."""
        names = [name for name in extras if _NAME.fullmatch(name)]
        if folder == ".":
            self.extras.update(map(normal, names))
        elif is_project(self.tree, folder) and (folder in self.editable or len(self.editable) < MAX_FOLDERS):
            self.editable.setdefault(folder, set()).update(names)

    def wants_extra(self, name: str) -> bool:
        """Whether an extra is for tests, by its name or because something that runs tests asks for it."""
        return self.all_extras or is_test_name(name) or normal(name) in self.extras

    def wants_group(self, name: str) -> bool:
        """Whether a dependency group is for tests, by its name or because something that runs tests asks for it."""
        named = normal(name) in self.wanted_groups and not is_special(name)
        return self.all_groups or is_test_name(name) or named

    def tested_with(self, version: str) -> None:
        """Remember a Python that CI tests with."""
        if re.fullmatch(r"3\.\d+(?:\.\d+)?", version) and is_version(version):
            self.pythons.append(version)


def is_project(tree: Tree, folder: str) -> bool:
    """Whether a folder holds something that can be built, and has a name that no tool takes for anything else."""
    return _PLACE.fullmatch(folder) is not None and any(
        tree.is_file(f"{folder}/{name}") for name in ("pyproject.toml", "setup.py", "setup.cfg")
    )


def is_test_name(name: str) -> bool:
    """Whether a group, an extra or an environment is for tests by its name."""
    low = name.lower()
    words = set(re.split(r"[-_.\s]", low))
    return low in TEST_GROUPS or bool(words & _TEST_WORDS and not is_quiet(low) and not is_special(low))


def is_quiet(name: str) -> bool:
    """Whether a name is that of documentation, linting, packaging and the like, where no test runs."""
    return bool(_QUIET.search(name))


def is_special(name: str) -> bool:
    """Whether a name is that of a run with versions or on a platform that are not the ordinary ones."""
    return bool(_SPECIAL.search(name))
