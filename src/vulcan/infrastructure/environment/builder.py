"""Builds environments in setup boxes and keeps them by all that went into them. The host runs nothing of them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.ports import Limits, Mount, PreparedEnvironment, Sandbox
from vulcan.domain.environment import Recipe
from vulcan.domain.errors import EnvironmentUnavailable
from vulcan.infrastructure.environment.added import FILES, FOLDERS, Added, listing, take_added
from vulcan.infrastructure.environment.building import ProjectBuilder
from vulcan.infrastructure.environment.declared import Declared, fits, read
from vulcan.infrastructure.environment.index import Index, read_index
from vulcan.infrastructure.environment.interpreters import Interpreter, choose, installed, named, reachable
from vulcan.infrastructure.environment.recipes import recipes
from vulcan.infrastructure.environment.resolving import PINS, RESOLVED, Resolution, Resolver, write_pins
from vulcan.infrastructure.environment.setup_box import (
    CACHE,
    VENV,
    Ground,
    build_box,
    install_box,
)

FORMAT = "4"
WORKSPACE = "/workspace"
ALWAYS = (
    "pytest>=7",
    "editables>=0.5",
)  # hatchling asks for the second one when it installs in editable form
READY = "ready.json"
NOTHING_ADDED = Added()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one environment is made of, and where it is kept.

    Attributes:
        packages: folder of the environment with all packages but the project: keyed by what names them.
        folder: folder of what is built from the project's own tree on top of that, keyed by the tree too.
        naming: digest of the files that name dependencies.
        builds: whether there is anything to build from the tree.
    """

    packages: Path
    folder: Path
    digest: str
    declared: Declared
    recipe: Recipe
    interpreter: Interpreter
    newer_than: str
    naming: str
    builds: bool


class UvEnvironments:
    """The `EnvironmentBuilder`.

    Args:
        root: folder of environments, one a digest; must be reachable for the boxes' user.
        tools: shows uv in boxes.
        environ: the host's environment; says where packages come from.
        extra: further requirements, from the settings.
        allowed_hosts: servers beside the package indexes that the user allows setup to reach.
        recipes: what the user's settings say of the project's environments.
        packages: folder of environments that hold packages only; by default `root`.
        shared: folder of what all environments share, downloaded wheels and interpreters; by default `root`.
    """

    def __init__(
        self,
        root: Path,
        sandbox: Sandbox,
        tools: Mount,
        limits: Limits,
        environ: Mapping[str, str],
        extra: Sequence[str] = (),
        allowed_hosts: Iterable[str] = (),
        recipes: Sequence[Recipe] = (),
        packages: Path | None = None,
        shared: Path | None = None,
    ) -> None:
        self._packages, self._shared = packages or root, shared or root
        self._root, self._sandbox, self._tools, self._limits = root, sandbox, tools, limits
        self._environ, self._extra, self._recipes = environ, tuple(extra), tuple(recipes)
        self._index: Index = read_index(environ, allowed_hosts)

    async def prepare(self, checkout: Path, tree: str, newer_than: str) -> PreparedEnvironment:
        """The environment for a checkout; see the port."""
        plan = self._plan(checkout, tree, newer_than)
        if not (plan.packages / READY).is_file():
            await _in_partial(plan.packages, lambda partial: self._install_packages(partial, plan))
        if plan.builds and not (plan.folder / READY).is_file():
            await _in_partial(plan.folder, lambda partial: self._build_project(partial, plan, checkout))
        return _prepared(plan)

    def reads(self, path: str) -> bool:
        """Whether building may read a file; see the port."""
        return not is_plain_source(path)

    def _plan(self, checkout: Path, tree: str, newer_than: str) -> Plan:
        reading = read(checkout)
        declared = reading.declared
        recipe = self._recipe(checkout)
        interpreter = self._interpreter(declared, recipe)
        builds = bool(declared.installable or declared.editable or recipe.setup)
        salt = (
            FORMAT, str(interpreter.path), interpreter.version, self._sandbox.name, *self._extra,
            "" if declared.lock else newer_than, repr(self._index.origins),
        )  # fmt: skip
        packages = reading.digest("\0".join(salt))
        digest = (
            hashlib.sha256(f"{packages}\0{recipe!r}\0{tree}".encode()).hexdigest() if builds else packages
        )
        return Plan(
            packages=self._packages / packages[:24],
            folder=(self._root if builds else self._packages) / digest[:24],
            digest=digest,
            declared=declared,
            recipe=recipe,
            interpreter=interpreter,
            newer_than=newer_than,
            naming=reading.files_digest,
            builds=builds,
        )

    def _recipe(self, checkout: Path) -> Recipe:
        """The root's recipe, or the first that settings name where they name none for the root."""
        found = recipes(checkout, self._recipes)
        named = [recipe.path for recipe in self._recipes]
        if not named or "." in named:
            return found[0]
        return next(recipe for recipe in found if recipe.path == named[0])

    def _interpreter(self, declared: Declared, recipe: Recipe) -> Interpreter:
        own = self._shared / "pythons"
        if recipe.python.startswith("/"):
            return reachable(named(Path(recipe.python)), own)
        found = installed(self._environ, own)
        chosen = choose(found, recipe.python or declared.python, lambda v: fits(declared.requires_python, v))
        if chosen is None:
            raise EnvironmentUnavailable(
                f"no Python on this machine fits the project's requires-python {declared.requires_python!r} "
                f"(there are {', '.join(sorted({each.version for each in found}))})",
                hint="Install one, such as: uv python install "
                f"{declared.python or '3.13'} (or apt-get install python3.13)",
            )
        return reachable(chosen, own)

    async def _install_packages(self, partial: Path, plan: Plan) -> None:
        """What the project asks for; nothing of its own tree is seen by a box."""
        ground = self._ground(partial, plan.interpreter)
        resolution = await self._install_wheels(ground, plan)
        shutil.copyfile(partial / "work" / PINS, partial / PINS)
        builder = await self._build_sources(ground, partial / "work", resolution)
        _finish(ground, [*self._unused(), *plan.declared.notes, *resolution.notes, *builder.notes])

    def _unused(self) -> list[str]:
        paths = dict.fromkeys(recipe.path for recipe in self._recipes)
        if len(paths) < 2:  # noqa: PLR2004 - one is used
            return []
        return [
            f"of the environments {', '.join(paths)} one is used in a job; a change to another part is not seen"
        ]

    async def _install_wheels(self, ground: Ground, plan: Plan) -> Resolution:
        """Resolve and install what has wheels, in a box that runs no code of any package."""
        work = ground.folder / "work"
        write_pins(work, plan.declared.constraints)
        async with install_box(ground, work) as box:
            _must(await box.make_venv(), "an environment can't be made")
            resolver = Resolver(box, work, plan.declared, plan.newer_than)
            resolution = await resolver.resolve((*ALWAYS, *self._extra))
            # In one go: uv asks the environment's interpreter about itself first, while nothing is installed yet.
            trouble = await box.uv(
                "pip", "install", "--quiet", "--python", box.python, "--only-binary", ":all:", "--no-deps",
                "--requirements", RESOLVED,
            )  # fmt: skip
            _must(trouble, "the project's dependencies can't be installed")
        return resolution

    async def _build_sources(self, ground: Ground, work: Path, resolution: Resolution) -> ProjectBuilder:
        async with self._builder(ground, work, ground.folder / PINS) as builder:
            await builder.build_packages(resolution.unbuilt)
            await builder.compile_all()
        return builder

    async def _build_project(self, partial: Path, plan: Plan, checkout: Path) -> None:
        """The project itself, and what its recipe sets up, on a copy of its packages and its tree."""
        ground = self._ground(partial, plan.interpreter)
        shutil.copytree(plan.packages / "venv", ground.venv, symlinks=True, dirs_exist_ok=True)
        source = partial / "source"
        shutil.copytree(checkout, source, symlinks=True)
        before = listing(source)
        async with self._builder(ground, source, plan.packages / PINS) as builder:
            await builder.install_project(plan.declared)
            await builder.run_setup(plan.recipe)
            await builder.compile_all()
        added = take_added(source, before, partial / "added")
        _finish(ground, [*builder.notes, *filter(None, [added.note])], added)

    def _ground(self, partial: Path, interpreter: Interpreter) -> Ground:
        for name in ("venv", "work", "cache"):
            (partial / name).mkdir(mode=0o755)
        shared = self._shared / "wheels"
        if not shared.is_dir():
            shared.mkdir(mode=0o755, exist_ok=True, parents=True)
            self._sandbox.hand_over(shared)
        return Ground(
            self._sandbox, self._tools, self._index, interpreter, self._limits, partial, shared, refused=[]
        )

    @asynccontextmanager
    async def _builder(self, ground: Ground, source: Path, pins: Path) -> AsyncIterator[ProjectBuilder]:
        """A builder in a box of its own; the lock's versions lie beside its cache, not in the project's tree."""
        shutil.copyfile(pins, ground.folder / "cache" / PINS)
        async with build_box(ground, source) as box:
            yield ProjectBuilder(box, self._sandbox, box.inside(f"{CACHE}/{PINS}"))


async def _in_partial(folder: Path, make: Callable[[Path], Awaitable[None]]) -> None:
    """Make a folder whole or not at all; another process may be faster."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True, mode=0o755)
    try:
        await make(partial)
        _settle(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _finish(ground: Ground, notes: list[str], added: Added = NOTHING_ADDED) -> None:
    """Remove what only the building needed, and record what came out."""
    for name in ("source", "cache", "work"):
        shutil.rmtree(ground.folder / name, ignore_errors=True)
    notes += [f"setup asked for {what}, which is not allowed" for what in dict.fromkeys(ground.refused)]
    record = {"notes": notes, "folders": list(added.folders)}
    (ground.folder / READY).write_text(json.dumps(record))


_SOURCE = (".py", ".pyi", ".md", ".rst", ".js", ".mjs", ".ts", ".go")
_BUILD_NAMES = re.compile(
    r"(?:^|/)(?:setup|build|hatch_build|pdm_build|versioneer|noxfile|tasks|_?custom_build|_{0,2}version_{0,2}|_{0,2}about_{0,2})"
    r"\.py$"
)
"""Python files that builds are known to run or read."""


def is_plain_source(path: str) -> bool:
    """Whether a file is source or text that an installed project shows as it lies, without a new build."""
    if path.startswith(".github/"):
        return False
    return path.endswith(_SOURCE) and not _BUILD_NAMES.search(path)


def _must(trouble: str, what: str) -> None:
    if trouble:
        raise EnvironmentUnavailable(
            f"{what}: {trouble[-1000:]}",
            hint="Check that the package index can be reached (UV_DEFAULT_INDEX, HTTPS_PROXY), or name working "
            "versions under [tool.vulcan.tests] dependencies.",
        )


def _settle(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not (folder / READY).is_file():
            raise


def _prepared(plan: Plan) -> PreparedEnvironment:
    record = json.loads((plan.folder / READY).read_text())
    earlier = json.loads((plan.packages / READY).read_text())["notes"] if plan.builds else []
    added, files = plan.folder / "added" / FOLDERS, plan.folder / "added" / FILES
    environment = {
        "PATH": f"{VENV}/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": VENV,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "--color=no",
        "PYTHONPATH": f"{WORKSPACE}/src:{WORKSPACE}",
    }
    folders = tuple(Mount(added / path, f"{WORKSPACE}/{path}") for path in record["folders"])
    return PreparedEnvironment(
        digest=plan.digest,
        mounts=(Mount(plan.folder / "venv", VENV), *plan.interpreter.mounts, *folders),
        environment=environment,
        python=f"{VENV}/bin/python",
        generated=files if files.is_dir() else None,
        notes=(*earlier, *record["notes"]),
        recipe=plan.recipe,
        naming=plan.naming,
    )
