"""One project of a tree, as its own files declare it: pyproject.toml, setup.cfg, setup.py; PEP 621, poetry, pdm."""

from __future__ import annotations

import ast
import configparser
import re
from dataclasses import dataclass, field
from typing import Any

from vulcan.infrastructure.environment.declared import poetry
from vulcan.infrastructure.environment.declared.code import Values, called, parse_code
from vulcan.infrastructure.environment.declared.model import DEFAULT_BUILD
from vulcan.infrastructure.environment.declared.requirement import normal, valid_specifier
from vulcan.infrastructure.environment.declared.tree import Tree, at, inside, table, text_of, texts

MAX_DEPTH = 10
_COMPILES = re.compile(
    r"(?:maturin|setuptools[-_]rust|scikit[-_]build|meson|cython|cffi|pybind11|nanobind|cmake|numpy)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Project:
    """Requirements as they stand in the files, not yet checked.

    Attributes:
        defaults: groups that the project's tool installs unless told otherwise.
        included: requirements files that the build reads, by extra; "" are those of the project itself.
        folders: projects of the tree that it depends on, by the name that it gives them.
        extras_known: whether `extras` are all that there are; False: only the build knows.
    """

    folder: str
    name: str = ""
    requires_python: str = ""
    build: list[str] = field(default_factory=lambda: list(DEFAULT_BUILD))
    required: list[str] = field(default_factory=list)
    extras: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)
    included: dict[str, list[str]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    installable: bool = False
    extras_known: bool = False

    @property
    def needs_compiler(self) -> bool:
        """Whether its build compiles: Rust, C or C++, by the tools that it asks for."""
        return any(_COMPILES.match(line) for line in self.build)

    def lines_of(self, name: str) -> list[str]:
        """The requirements of an extra, whichever way its name is written."""
        return next((lines for each, lines in self.extras.items() if normal(each) == normal(name)), [])


def read_project(tree: Tree, folder: str) -> Project:
    """What a folder's files declare; an empty project if there are none."""
    project = Project(folder)
    pyproject = tree.toml(_in(folder, "pyproject.toml"))
    _standard(project, pyproject)
    _poetry(project, at(pyproject, "tool", "poetry"))
    _others(project, at(pyproject, "tool"))
    _setup_cfg(project, tree)
    _setup_py(project, tree)
    _sources(project, at(pyproject, "tool", "uv", "sources"))
    if requires := texts(at(pyproject, "build-system").get("requires")):
        project.build = requires
    if (
        at(pyproject, "tool", "uv").get("package") is False
        or at(pyproject, "tool", "poetry").get("package-mode") is False
    ):
        project.installable = False
    return project


def _in(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _standard(project: Project, pyproject: dict[str, Any]) -> None:
    metadata = at(pyproject, "project")
    project.name = text_of(metadata.get("name"))
    project.requires_python = valid_specifier(text_of(metadata.get("requires-python")))
    project.required = texts(metadata.get("dependencies"))
    optional = at(metadata, "optional-dependencies")
    project.extras = {name: texts(lines) for name, lines in optional.items()}
    project.installable = bool(metadata)
    project.extras_known = bool(metadata) and "optional-dependencies" not in texts(metadata.get("dynamic"))
    groups = at(pyproject, "dependency-groups")
    project.groups = {name: _group(groups, name, set()) for name in groups}
    _dynamic(project, at(pyproject, "tool"))


def _group(groups: dict[str, Any], name: str, seen: set[str]) -> list[str]:
    """A group of PEP 735 with the groups that it includes."""
    key = next((each for each in groups if normal(each) == normal(name)), "")
    if key in seen or len(seen) > MAX_DEPTH * 10:
        return []
    seen.add(key)
    found: list[str] = []
    items = groups.get(key)
    for item in items if isinstance(items, list) else []:
        if isinstance(item, str):
            found.append(item)
        elif included := text_of(table(item).get("include-group")):
            found += _group(groups, included, seen)
    return found


def _dynamic(project: Project, tool: dict[str, Any]) -> None:
    """Requirements files that setuptools or hatch read for the project's metadata."""
    dynamic = at(tool, "setuptools", "dynamic")
    _include(project, "", at(dynamic, "dependencies").get("file"))
    for name, value in at(dynamic, "optional-dependencies").items():
        _include(project, name, table(value).get("file"))
    hook = at(tool, "hatch", "metadata", "hooks", "requirements_txt")
    _include(project, "", hook.get("files") or hook.get("filename"))
    for name, files in at(hook, "optional-dependencies").items():
        _include(project, name, files)


def _include(project: Project, extra: str, given: Any) -> None:
    names = texts(given) if isinstance(given, list) else [text_of(given)]
    paths = [path for name in names if (path := inside(project.folder, name))]
    if paths:
        project.included.setdefault(extra, []).extend(paths)


def _poetry(project: Project, tool: dict[str, Any]) -> None:
    if not tool:
        return
    project.installable = True
    project.extras_known = True
    project.name = project.name or text_of(tool.get("name"))
    for name, value in at(tool, "dependencies").items():
        if normal(name) == "python":
            project.requires_python = project.requires_python or poetry.specifier(text_of(value)) or ""
        elif not table(value).get("optional"):
            project.required += _poetry_lines(project, name, value)
    project.extras |= poetry.extras(tool)
    for name, group in poetry.groups(tool).items():
        lines = [
            line
            for key, value in at(group, "dependencies").items()
            for line in _poetry_lines(project, key, value)
        ]
        project.groups.setdefault(name, []).extend(lines)
        if group.get("optional") is not True:
            project.defaults.add(name)


def _poetry_lines(project: Project, name: str, value: Any) -> list[str]:
    lines, folders = poetry.requirement_lines(name, value)
    for folder in folders:
        if path := inside(project.folder, folder):
            project.folders[name] = path
    return lines


def _others(project: Project, tool: dict[str, Any]) -> None:
    """Groups of pdm and uv's older ones, and which are installed by default."""
    for name, lines in at(tool, "pdm", "dev-dependencies").items():
        project.groups.setdefault(name, []).extend(texts(lines))
        project.defaults.add(name)
    if old := texts(at(tool, "uv").get("dev-dependencies")):
        project.groups.setdefault("dev", []).extend(old)
    project.defaults |= set(texts(at(tool, "uv").get("default-groups")))
    if at(tool, "flit", "metadata"):
        flit = at(tool, "flit", "metadata")
        project.installable = True
        project.required += texts(flit.get("requires"))
        project.extras |= {name: texts(lines) for name, lines in at(flit, "requires-extra").items()}


def _sources(project: Project, sources: dict[str, Any]) -> None:
    """Projects of the tree that uv installs instead of an index's; a workspace's are found by their names later."""
    for name, value in sources.items():
        for source in value if isinstance(value, list) else [value]:
            if path := inside(project.folder, text_of(table(source).get("path"))):
                project.folders[name] = path


def _setup_cfg(project: Project, tree: Tree) -> None:
    path = _in(project.folder, "setup.cfg")
    text = tree.text(path)
    if text is None:
        return
    project.installable = True
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError, RecursionError) as error:
        tree.note(f"{path} can't be read: {error}")
        return
    project.name = project.name or parser.get("metadata", "name", fallback="").strip()
    asked = parser.get("options", "python_requires", fallback="")
    project.requires_python = project.requires_python or valid_specifier(asked)
    project.required += _cfg_lines(project, "", parser.get("options", "install_requires", fallback=""))
    if parser.has_section("options.extras_require"):
        project.extras_known = True
        for name, lines in parser.items("options.extras_require"):
            project.extras[name] = _cfg_lines(project, name, lines)
    if tests := parser.get("options", "tests_require", fallback=""):
        project.groups["tests"] = _cfg_lines(project, "", tests)


def _cfg_lines(project: Project, extra: str, text: str) -> list[str]:
    if text.strip().startswith("file:"):
        _include(project, extra, re.split(r"[,\s]+", text.strip().removeprefix("file:").strip()))
        return []
    return [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]


def _setup_py(project: Project, tree: Tree) -> None:
    """The arguments of `setup()` that are literals; the build knows the others."""
    path = _in(project.folder, "setup.py")
    project.installable |= tree.is_file(path)
    module = parse_code(tree, path)
    if module is None:
        return
    values = Values(module)
    call = next((n for n in ast.walk(module) if isinstance(n, ast.Call) and called(n) == "setup"), None)
    arguments = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg} if call else {}
    project.name = project.name or next(iter(values.texts(arguments.get("name"))), "")
    asked = next(iter(values.texts(arguments.get("python_requires"))), "")
    project.requires_python = project.requires_python or valid_specifier(asked)
    project.required += values.texts(arguments.get("install_requires"))
    for name, lines in values.table(arguments.get("extras_require")).items():
        project.extras.setdefault(name.partition(":")[0], []).extend(lines)
    if tests := values.texts(arguments.get("tests_require")):
        project.groups.setdefault("tests", []).extend(tests)
