"""Builds what only exists as source: packages without wheels, the project itself, and what its recipe asks for."""

from __future__ import annotations

import re
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
_REBUILDS = re.compile(r"(?:meson-python|scikit-build-core)\b")
"""Build backends whose editable form builds anew at each import, which a read-only environment can't."""

PLACE = """
import importlib.metadata, json, os, shutil, sys
root = sys.argv[1]
for found in importlib.metadata.distributions():
    if root not in (found.read_text("direct_url.json") or ""):
        continue
    for file in found.files or ():
        for base in (root, os.path.join(root, "src")):
            source, target = str(file.locate()), os.path.join(base, str(file))
            package = os.path.join(base, file.parts[0], "__init__.py")
            if len(file.parts) > 1 and os.path.isfile(package) and os.path.isfile(source) and not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                shutil.copyfile(source, target)
"""


class ProjectBuilder:
    """Runs foreign code in a build box; every failure is a note, since tests may do without."""

    def __init__(self, box: SetupBox, sandbox: Sandbox, pins: str) -> None:
        self._box, self._pins = box, pins
        self._offline = ("--offline",) if sandbox.name in WITHOUT_NETWORK else ()
        self.notes: list[str] = []
        self._wheel_first = False

    async def build_packages(self, requirements: Mapping[str, str]) -> None:
        """Install what has no wheel, each on its own; as the lock says if that can be."""
        for line, group in requirements.items():
            trouble = await self._install(line)
            if trouble and (trouble := await self._install(line, pinned=False)):
                self.notes.append(f"{line} ({group}) could not be installed: {trouble[-SHOWN:]}")

    async def install_project(self, declared: Declared) -> None:
        """Install the project and its members in editable form; where that can't be, as a wheel of this very tree."""
        self._wheel_first = any(map(_REBUILDS.match, declared.build))
        if declared.installable:
            extras = f"[{','.join(declared.extras)}]" if declared.extras else ""
            await self._install_tree(f".{extras}")
        for member in declared.editable:
            await self._install_tree(f"./{member}")

    async def _install_tree(self, place: str) -> None:
        """Quickly with the build tools that are there, else with tools of its own, else as a wheel."""
        quickly = ("--no-build-isolation", "--editable", place)
        attempts = [quickly, ("--editable", place), (place,), ("--no-deps", *quickly)]
        if self._wheel_first:
            attempts.insert(0, (place,))
        first = ""
        for arguments in attempts:
            trouble = await self._install(*arguments)
            if not trouble:
                await self._place_built_files()
                return
            first = first or trouble
        self.notes.append(f"{place} could not be installed: {first[-SHOWN:]}")

    async def _place_built_files(self) -> None:
        """Put what a build made of the project's packages where its tree lacks it: tests import from the tree."""
        await self._box.run((self._box.python, "-c", PLACE, self._box.workspace), BUILD_TIMEOUT)

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
