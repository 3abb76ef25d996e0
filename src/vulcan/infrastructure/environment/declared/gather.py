"""Puts together what the files of a project declare."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from vulcan.infrastructure.environment.declared.agree import agreeing
from vulcan.infrastructure.environment.declared.hatch import read_hatch
from vulcan.infrastructure.environment.declared.locks import Lock, read_lock
from vulcan.infrastructure.environment.declared.members import workspace_members
from vulcan.infrastructure.environment.declared.model import (
    TEST_GROUPS,
    Declared,
    Draft,
    is_quiet,
)
from vulcan.infrastructure.environment.declared.nox import read_nox
from vulcan.infrastructure.environment.declared.other_tools import (
    asked_python,
    read_conda,
    read_pipenv,
    read_pixi,
)
from vulcan.infrastructure.environment.declared.project import Project, read_project
from vulcan.infrastructure.environment.declared.requirement import (
    fits,
    name_of,
    normal,
    parse,
    valid_specifier,
)
from vulcan.infrastructure.environment.declared.requirements import (
    include,
    read_member_requirements,
    read_requirements,
)
from vulcan.infrastructure.environment.declared.tox import read_tox
from vulcan.infrastructure.environment.declared.tree import Tree
from vulcan.infrastructure.environment.declared.workflows import read_workflows

IF_NOT_BUILT = "members that need a compiler"
"""The group of those projects of the tree whose wheel an index may have, should the tree's own not build."""
BY_ADDRESS = "dependencies by address"
"""The group of the project's own requirements that name an address: an index may not have them."""


def gather(tree: Tree) -> Declared:
    """Everything that is declared below a root."""
    draft = Draft(tree)
    pyproject = tree.toml("pyproject.toml")
    read_workflows(draft)
    read_tox(draft, pyproject)
    read_nox(draft)
    read_hatch(draft, pyproject)
    read_pixi(draft, pyproject)
    read_conda(draft)
    pipenv_python = read_pipenv(draft)
    read_requirements(draft)
    root = read_project(tree, ".")
    lock = read_lock(tree, draft.hashed)
    projects = _Projects(draft, root, lock, workspace_members(tree, pyproject))
    projects.take()
    return _declared(draft, projects, lock, asked_python(tree) or pipenv_python)


class _Projects:
    """The root project and the other ones of its tree, by their names."""

    def __init__(self, draft: Draft, root: Project, lock: Lock, members: Iterable[str]) -> None:
        self._draft, self._root = draft, root
        self._known: dict[str, Project] = {normal(root.name): root} if root.name else {}
        self._by_folder: dict[str, Project] = {}
        self._if_not_built: dict[str, None] = {}
        self._virtual = {folder for name, folder in lock.members.items() if name in lock.virtual}
        self.root = root
        for folder in members:
            self._meet(folder)
        for name, folder in {**root.folders, **lock.members}.items():
            self._meet(folder, name)
        for folder in list(draft.editable):
            self._meet(folder)

    @property
    def installable(self) -> bool:
        """Whether the root itself can be installed."""
        return self._root.installable and "." not in self._virtual

    def take(self) -> None:
        """Add the requirements of the root and of all members to the draft, and put members where they are meant."""
        self._take(self._root, "")
        taken: set[str] = set()
        while left := [each for folder, each in self._by_folder.items() if folder not in taken]:
            taken |= {project.folder for project in left}
            for project in left:
                read_member_requirements(self._draft, project.folder)
                self._take(project, f"{project.folder}: ")
            for folder in list(self._draft.editable):
                self._meet(folder)
        self._draft.required = self._expand(self._draft.required)
        own = {name_of(line) for line in self._draft.required}
        for name, lines in self._draft.groups.items():
            lines[:] = self._expand(lines)
            if name.startswith("CI job"):  # other versions there are for one run of many
                lines[:] = [line for line in lines if name_of(line) not in own]
        if self._if_not_built:
            self._draft.groups[IF_NOT_BUILT] = list(self._if_not_built)
        self._draft.constraints = [c for c in self._draft.constraints if name_of(c) not in self._known]

    def others(self) -> list[str]:
        """Editable projects with those extras that only their build knows."""
        found = []
        for folder, extras in sorted(self._draft.editable.items()):
            if folder not in self._virtual:
                found.append(f"{folder}[{','.join(sorted(extras))}]" if extras else folder)
        return found

    def requires_python(self) -> str:
        """The root's word, or else all members' together."""
        others = {project.requires_python for project in self._known.values() if project.requires_python}
        return self._root.requires_python or valid_specifier(",".join(sorted(others)))

    def unknown_extras(self) -> list[str]:
        """Extras of the root that are wanted and whose requirements only the build knows."""
        if self._root.extras_known or not self._root.installable:
            return []
        text = self._draft.tree.text("setup.py") or ""
        usual = [name for name in TEST_GROUPS if f'"{name}"' in text or f"'{name}'" in text]
        wanted = sorted({*self._draft.extras, *usual})
        return [name for name in wanted if not self._root.lines_of(name)]

    def _meet(self, folder: str, name: str = "") -> None:
        """Get to know a project of the tree by its own name and others' for it, with those that it depends on."""
        queue = [(folder, name)]
        while queue:
            folder, name = queue.pop(0)
            self._draft.want_editable(folder)
            if folder not in self._draft.editable:
                continue
            project = self._by_folder.get(folder)
            if project is None:
                project = self._by_folder[folder] = read_project(self._draft.tree, folder)
                queue += [(other, called) for called, other in project.folders.items()]
            for each in filter(None, (project.name, name)):
                self._known.setdefault(normal(each), project)

    def _take(self, project: Project, prefix: str) -> None:
        draft = self._draft
        if prefix:
            draft.add(f"{prefix}dependencies", project.required)
        else:
            self._require(project.required)
        for extra, paths in project.included.items():
            lines = [line for path in paths for line in include(draft, path)]
            if extra:
                project.extras.setdefault(extra, []).extend(lines)
            elif prefix:
                draft.add(f"{prefix}dependencies", lines)
            else:
                self._require(lines)
        asked = set() if not prefix else draft.editable.get(project.folder, set())
        for name, lines in project.extras.items():
            if (draft.wants_extra(name) and (not prefix or not draft.all_extras)) or name in asked:
                draft.add(f"{prefix}extra {name}", lines)
                asked.discard(name)
        for name, lines in project.groups.items():
            if draft.wants_group(name) or self._is_default(project, name):
                draft.add(f"{prefix}group {name}", lines)

    def _is_default(self, project: Project, name: str) -> bool:
        return name in project.defaults and not is_quiet(name)

    def _require(self, lines: list[str]) -> None:
        """The root's own requirements; those with an address may fail, since an index need not have them."""
        by_address = [line for line in lines if (parsed := parse(line)) is not None and parsed.url]
        kept = [line for line in lines if line not in by_address]
        self._draft.required += self._draft.cleaned(kept, "dependencies")
        local = [line for line in by_address if name_of(line) in self._known]
        if rest := [line for line in by_address if line not in local]:
            self._draft.add(BY_ADDRESS, rest)

    def _expand(self, lines: list[str]) -> list[str]:
        """Lines without projects of the tree, whose extras stand for their requirements."""
        found: dict[str, None] = {}
        queue, seen = list(lines), set()
        while queue:
            line = queue.pop(0)
            project = self._known.get(name_of(line))
            if project is None:
                found[line] = None
                continue
            if project.needs_compiler and project.folder != ".":
                self._if_not_built[line] = None
            parsed = parse(line)
            for extra in sorted(parsed.extras) if parsed else []:
                if (project.folder, extra) not in seen:
                    seen.add((project.folder, extra))
                    queue[:0] = self._extra(project, extra)
        return list(found)

    def _extra(self, project: Project, extra: str) -> list[str]:
        if lines := project.lines_of(extra):
            return self._draft.cleaned(lines, f"extra {extra}")
        if not project.extras_known:
            self._draft.want_editable(project.folder, [extra])
        return []


def _declared(draft: Draft, projects: _Projects, lock: Lock, python: str) -> Declared:
    requires = projects.requires_python() or valid_specifier(lock.requires_python) or _tested(draft, python)
    if python and not fits(requires, python):
        draft.tree.note(f"Python {python} is asked for, but the project requires {requires}")
        python = ""
    known = {name_of(line) for line in lock.constraints}
    limits = [line for line in draft.constraints if name_of(line) not in known]
    groups, limits, changed = agreeing(draft.groups, lock.constraints, limits)
    if changed:
        draft.tree.note(f"pinned differently in several places, so not by each of them: {', '.join(changed)}")
    return Declared(
        required=tuple(draft.required),
        build=tuple(draft.cleaned(projects.root.build, "build-system")) if projects.root.build else (),
        groups={name: tuple(lines) for name, lines in groups.items() if lines},
        constraints=tuple(dict.fromkeys([*lock.constraints, *limits])),
        editable=tuple(projects.others()),
        installable=projects.installable,
        extras=tuple(projects.unknown_extras()),
        requires_python=requires,
        python=python,
        lock=lock.name if lock.constraints else "",
        notes=tuple(draft.tree.notes),
    )


def _tested(draft: Draft, python: str) -> str:
    """The oldest Python that CI tests with, where nothing else says what fits."""
    return f">={min(draft.pythons, key=Version)}" if draft.pythons and not python else ""
