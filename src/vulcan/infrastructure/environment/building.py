"""Builds what only exists as source: packages without wheels, the project itself, and what its recipe asks for."""

from __future__ import annotations

from collections.abc import Mapping

from vulcan.application.ports import Sandbox
from vulcan.domain.environment import Recipe
from vulcan.infrastructure.environment.declared import Declared
from vulcan.infrastructure.environment.setup_box import (
    BUILD_TIMEOUT,
    VENV,
    WITHOUT_NETWORK,
    SetupBox,
    problem,
)

SHELL = "/bin/bash"
SHOWN = 600
EDITABLE, AS_WHEEL = "editable", "wheel"


class ProjectBuilder:
    """Runs foreign code in a build box; every failure is a note, since tests may do without."""

    def __init__(self, box: SetupBox, sandbox: Sandbox, pins: str) -> None:
        self._box, self._pins = box, pins
        self._offline = ("--offline",) if sandbox.name in WITHOUT_NETWORK else ()
        self.notes: list[str] = []
        self.installed = ""

    async def build_packages(self, requirements: Mapping[str, str]) -> None:
        """Install what has no wheel, each on its own; as the lock says if that can be."""
        for line, group in requirements.items():
            trouble = await self._install(line)
            if trouble and (trouble := await self._install(line, pinned=False)):
                self.notes.append(f"{line} ({group}) could not be installed: {trouble[-SHOWN:]}")

    async def install_project(self, declared: Declared) -> None:
        """Install the project and its members in editable form; where that can't be, as a wheel of this very tree."""
        if declared.installable:
            extras = f"[{','.join(declared.extras)}]" if declared.extras else ""
            self.installed = await self._install_tree(f".{extras}")
        for member in declared.editable:
            await self._install_tree(f"./{member}")

    async def _install_tree(self, place: str) -> str:
        """Quickly with the build tools that are there, else with tools of its own, else as a wheel."""
        attempts = (
            (EDITABLE, ("--no-build-isolation", "--editable", place)),
            (EDITABLE, ("--editable", place)),
            (AS_WHEEL, (place,)),
            (EDITABLE, ("--no-build-isolation", "--no-deps", "--editable", place)),
        )
        first = ""
        for form, arguments in attempts:
            trouble = await self._install(*arguments)
            if not trouble:
                return form
            first = first or trouble
        self.notes.append(f"{place} could not be installed: {first[-SHOWN:]}")
        return ""

    async def run_setup(self, recipe: Recipe) -> None:
        """The recipe's own commands; the first that fails ends them."""
        for command in recipe.setup:
            argv = (SHELL, "-c", f"cd {_quoted(recipe.path)} && {command}")
            if trouble := problem(await self._box.run(argv, BUILD_TIMEOUT)):
                self.notes.append(f"setup: {command}: {trouble[-SHOWN:]}")
                return

    async def compile_all(self) -> None:
        """Byte code for all that is installed: boxes see the environment read-only and would compile each time."""
        await self._box.run(
            (self._box.python, "-m", "compileall", "-q", "-j", "2", self._box.inside(f"{VENV}/lib")),
            BUILD_TIMEOUT,
        )

    async def _install(self, *what: str, pinned: bool = True) -> str:
        pins = ("--constraint", self._pins) if pinned else ()
        return await self._box.uv(
            "pip", "install", "--quiet", "--python", self._box.python, *self._offline, *pins, *what,
            timeout=BUILD_TIMEOUT,
        )  # fmt: skip


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
