"""Builds environments in setup boxes and keeps them by all that went into them. The host runs nothing of them."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.ports import Limits, Mount, PreparedEnvironment, Sandbox
from vulcan.domain.environment import Recipe
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.environment.added import FILES, FOLDERS, Added, listing, take_added
from vulcan.infrastructure.environment.building import AS_WHEEL, ProjectBuilder, write_pins_beside
from vulcan.infrastructure.environment.declared import Declared, fits, naming_digest, read_declared
from vulcan.infrastructure.environment.index import Index, read_index
from vulcan.infrastructure.environment.interpreters import Interpreter, choose, installed, reachable
from vulcan.infrastructure.environment.resolving import PINS, RESOLVED, Resolution, Resolver, write_pins
from vulcan.infrastructure.environment.setup_box import (
    CACHE,
    VENV,
    Ground,
    build_box,
    install_box,
)

FORMAT = "3"
WORKSPACE = "/workspace"
ALWAYS = (
    "pytest>=7",
    "editables>=0.5",
)  # hatchling asks for the second one when it installs in editable form
READY = "ready.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one environment is made of, and where it is kept."""

    folder: Path
    digest: str
    declared: Declared
    recipe: Recipe
    interpreter: Interpreter
    newer_than: str


class UvEnvironments:
    """The `EnvironmentBuilder`.

    Args:
        root: folder of environments, one a digest; must be reachable for the boxes' user.
        tools: shows uv in boxes.
        environ: the host's environment; says where packages come from.
        extra: further requirements, from the settings.
        allowed_hosts: servers beside the package indexes that the user allows setup to reach.
        recipes: what the user's settings say of the project's environments.
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
    ) -> None:
        self._root, self._sandbox, self._tools, self._limits = root, sandbox, tools, limits
        self._environ, self._extra, self._recipes = environ, tuple(extra), tuple(recipes)
        self._index: Index = read_index(environ, allowed_hosts)

    async def prepare(self, checkout: Path, tree: str, newer_than: str) -> PreparedEnvironment:
        """The environment for a checkout; see the port."""
        plan = self._plan(checkout, tree, newer_than)
        if not (plan.folder / READY).is_file():
            await self._build(plan, checkout)
        return _prepared(plan)

    def reads(self, path: str) -> bool:
        """Whether building may read a file; see the port."""
        return not is_plain_source(path)

    def _plan(self, checkout: Path, tree: str, newer_than: str) -> Plan:
        declared = read_declared(checkout)
        recipe = (
            self._recipes[0] if self._recipes else Recipe(source=declared.lock or "what the project declares")
        )
        interpreter = self._interpreter(declared, recipe)
        built = declared.installable or declared.editable or recipe.setup
        salt = (
            FORMAT, interpreter.inside, interpreter.version, self._sandbox.name, *self._extra, repr(recipe),
            "" if declared.lock else newer_than, repr(self._index.origins), tree if built else "",
        )  # fmt: skip
        digest = naming_digest(checkout, "\0".join(salt))
        folder = self._root / digest[:24]
        return Plan(folder, digest, declared, recipe, interpreter, newer_than)

    def _interpreter(self, declared: Declared, recipe: Recipe) -> Interpreter:
        own = self._root / "pythons"
        found = installed(self._environ, own)
        chosen = choose(found, recipe.python or declared.python, lambda v: fits(declared.requires_python, v))
        if chosen is None:
            raise VulcanError(
                f"no Python on this machine fits the project's requires-python {declared.requires_python!r} "
                f"(there are {', '.join(sorted({each.version for each in found}))})",
                hint="Install one, such as: uv python install "
                f"{declared.python or '3.13'} (or apt-get install python3.13)",
            )
        return reachable(chosen, own)

    async def _build(self, plan: Plan, checkout: Path) -> None:
        partial = plan.folder.with_name(f"{plan.folder.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o755)
        try:
            await self._build_in(partial, plan, checkout)
            _settle(partial, plan.folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    async def _build_in(self, partial: Path, plan: Plan, checkout: Path) -> None:
        ground = self._ground(partial, plan.interpreter)
        resolution = await self._install_wheels(ground, plan)
        source = partial / "source"
        shutil.copytree(checkout, source, symlinks=True)
        before = listing(source)
        builder = await self._build_sources(ground, plan, source, resolution)
        added = take_added(source, before, partial / "added")
        notes = [*plan.declared.notes, *resolution.notes, *builder.notes, *filter(None, [added.note])]
        notes += [f"setup asked for {what}, which is not allowed" for what in dict.fromkeys(ground.refused)]
        for name in ("source", "cache", "work"):
            shutil.rmtree(partial / name, ignore_errors=True)
        (partial / READY).write_text(json.dumps(_record(notes, added, builder.installed)))

    def _ground(self, partial: Path, interpreter: Interpreter) -> Ground:
        for name in ("venv", "work", "cache"):
            (partial / name).mkdir(mode=0o755)
        shared = self._root / "wheels"
        shared.mkdir(mode=0o755, exist_ok=True)
        return Ground(
            self._sandbox, self._tools, self._index, interpreter, self._limits, partial, shared, refused=[]
        )

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

    async def _build_sources(
        self, ground: Ground, plan: Plan, source: Path, resolution: Resolution
    ) -> ProjectBuilder:
        write_pins_beside(ground.folder / "cache", ground.folder / "work" / PINS)
        async with build_box(ground, source) as box:
            builder = ProjectBuilder(box, self._sandbox, box.inside(f"{CACHE}/{PINS}"))
            await builder.build_packages(resolution.unbuilt)
            await builder.install_project(plan.declared)
            await builder.run_setup(plan.recipe)
            await builder.compile_all()
        return builder


_SOURCE = (".py", ".pyi", ".md", ".rst", ".js", ".mjs", ".ts", ".go")
_BUILD_NAMES = re.compile(
    r"(?:^|/)(?:setup|conftest|build|hatch_build|pdm_build|versioneer|noxfile|tasks|_?custom_build|__?version__?|_?about)"
    r"\.py$|^README|^CHANGE"
)
"""Python files that builds are known to run or read, and texts that become part of a package's description."""


def is_plain_source(path: str) -> bool:
    """Whether a file is source or text that an installed project shows as it lies, without a new build."""
    if path.startswith(".github/"):
        return False
    return path.endswith(_SOURCE) and not _BUILD_NAMES.search(path)


def _must(trouble: str, what: str) -> None:
    if trouble:
        raise VulcanError(
            f"{what}: {trouble[-1000:]}",
            hint="Check that the package index can be reached (UV_DEFAULT_INDEX, HTTPS_PROXY), or name working "
            "versions under [tool.vulcan.tests] dependencies.",
        )


def _record(notes: Sequence[str], added: Added, installed: str) -> dict[str, object]:
    return {"notes": list(notes), "folders": list(added.folders), "installed": installed}


def _settle(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not (folder / READY).is_file():
            raise


def _prepared(plan: Plan) -> PreparedEnvironment:
    record = json.loads((plan.folder / READY).read_text())
    added, files = plan.folder / "added" / FOLDERS, plan.folder / "added" / FILES
    environment = {
        "PATH": f"{VENV}/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": VENV,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "--color=no",
        # A wheel holds what was built; the tree beside it does not.
        "PYTHONPATH": "" if record["installed"] == AS_WHEEL else f"{WORKSPACE}/src:{WORKSPACE}",
    }
    folders = tuple(Mount(added / path, f"{WORKSPACE}/{path}") for path in record["folders"])
    return PreparedEnvironment(
        digest=plan.digest,
        mounts=(Mount(plan.folder / "venv", VENV), *plan.interpreter.mounts, *folders),
        environment=environment,
        python=f"{VENV}/bin/python",
        generated=files if files.is_dir() else None,
        notes=tuple(record["notes"]),
        recipe=plan.recipe,
    )
