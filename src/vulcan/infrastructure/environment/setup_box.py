"""The setup box: where an environment is resolved, installed and built. Nothing of it ever runs on the host."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vulcan.application.ports import Box, BoxSpec, CommandResult, Egress, Limits, Mount, Sandbox
from vulcan.infrastructure.environment.index import Index
from vulcan.infrastructure.environment.interpreters import Interpreter

VENV = "/venv"
CACHE = "/cache"
_DAMAGED_CACHE = re.compile(r"/uv/(?:archive|wheels|simple|sdists|builds)-v\d+/.*(?:No such file|os error)")
"""What uv says where files of its cache are gone, which it does not mend by itself."""
TOOLS = "/opt/vulcan"
INSTALL_TIMEOUT = 900.0
BUILD_TIMEOUT = 1_800.0
OUTPUT = 20_000
WITHOUT_NETWORK = frozenset({"landlock"})
"""Sandboxes whose boxes can't be kept to the indexes once foreign code runs in them: builds get no network there."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the boxes of one build share.

    Attributes:
        folder: holds the environment; made by the host.
        cache: of downloaded wheels, shared by all environments; only boxes that run no foreign code see it.
        refused: collects what boxes asked for in vain.
    """

    sandbox: Sandbox
    tools: Mount
    index: Index
    interpreter: Interpreter
    limits: Limits
    folder: Path
    cache: Path
    refused: list[str]

    @property
    def venv(self) -> Path:
        """The environment on the host."""
        return self.folder / "venv"


class SetupBox:
    """A box with uv, a Python and the environment that is being made."""

    def __init__(self, box: Box, ground: Ground) -> None:
        self._box, self._ground = box, ground

    @property
    def workspace(self) -> str:
        """The workspace as commands see it."""
        return self._box.workspace_path

    @property
    def python(self) -> str:
        """The environment's interpreter."""
        return f"{self._box.inside(VENV)}/bin/python"

    def inside(self, target: str) -> str:
        """Where a mount's target is for commands."""
        return self._box.inside(target)

    async def uv(self, *arguments: str, timeout: float = INSTALL_TIMEOUT) -> str:
        """Run uv; returns what went wrong, empty if nothing. A cache that is damaged is emptied, and uv run once more."""
        trouble = await self._uv(arguments, timeout)
        if _DAMAGED_CACHE.search(trouble) and not await self._uv(("cache", "clean"), timeout):
            trouble = await self._uv(arguments, timeout)
        return trouble

    async def _uv(self, arguments: Sequence[str], timeout: float) -> str:
        return problem(await self.run((f"{self._box.inside(TOOLS)}/uv", *arguments), timeout))

    async def make_venv(self) -> str:
        """An empty environment with the chosen Python."""
        python = self._box.inside(str(self._ground.interpreter.path))
        venv = self._box.inside(VENV)
        return await self.uv(
            "venv", "--relocatable", "--no-project", "--allow-existing", "--python", python, venv
        )

    @property
    def base_python(self) -> str:
        """The interpreter that the environment is made from: no package that is installed can act in it."""
        return self._box.inside(str(self._ground.interpreter.path))

    async def run(self, argv: Sequence[str], timeout: float) -> CommandResult:
        """Run a command with the variables that package tools read."""
        variables = _variables(self._ground.index, self._box)
        return await self._box.run(argv, timeout=timeout, output_limit=OUTPUT, environment=variables)


def problem(result: CommandResult) -> str:
    """What a failed command said, empty if it succeeded."""
    if result.exit_code == 0:
        return ""
    said = result.output.strip()[-1500:] or f"exit code {result.exit_code}"
    return f"{said} ({result.note})" if result.note else said


def _variables(index: Index, box: Box) -> Mapping[str, str]:
    cache, venv = box.inside(CACHE), box.inside(VENV)
    return {
        **{name: box.inside(value) for name, value in index.variables.items()},
        "UV_CACHE_DIR": f"{cache}/uv",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_SYSTEM_CERTS": "1",
        "UV_LINK_MODE": "copy",
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_CACHE_DIR": f"{cache}/pip",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "npm_config_cache": f"{cache}/npm",
        "npm_config_update_notifier": "false",
        "GOCACHE": f"{cache}/go-build",
        "GOMODCACHE": f"{cache}/go-mod",
        "GOFLAGS": "-modcacherw",
        "SETUPTOOLS_SCM_PRETEND_VERSION": "0.0.0",
        "PDM_BUILD_SCM_VERSION": "0.0.0",
        "VIRTUAL_ENV": venv,
        "PATH": f"{venv}/bin:{box.inside(TOOLS)}:/usr/local/bin:/usr/bin:/bin",
        "NO_COLOR": "1",
    }


@asynccontextmanager
async def install_box(ground: Ground, workspace: Path) -> AsyncIterator[SetupBox]:
    """A box that runs uv and nothing of any package; it sees the shared cache and reaches the indexes."""
    async with _open(ground, workspace, ground.cache, network=True) as box:
        yield box


@asynccontextmanager
async def build_box(ground: Ground, source: Path) -> AsyncIterator[SetupBox]:
    """A box that may run what the project and its packages bring: with a cache of its own, thrown away after it."""
    cache = ground.folder / "cache"
    cache.mkdir(mode=0o755, exist_ok=True)
    network = ground.sandbox.name not in WITHOUT_NETWORK
    ground.sandbox.hand_over(cache)
    async with _open(ground, source, cache, network=network) as box:
        yield box


@asynccontextmanager
async def _open(ground: Ground, workspace: Path, cache: Path, *, network: bool) -> AsyncIterator[SetupBox]:
    for folder in (workspace, ground.venv):
        ground.sandbox.hand_over(folder)
    mounts = (
        Mount(ground.venv, VENV, writable=True),
        Mount(cache, CACHE, writable=True),
        ground.tools,
        *ground.interpreter.mounts,
        *ground.index.mounts,
    )
    egress = _egress(ground.index, ground.refused.append) if network else None
    spec = BoxSpec(workspace, True, mounts, {}, setup_limits(ground.limits), egress)
    async with ground.sandbox.open(spec) as box:
        yield SetupBox(box, ground)


def _egress(index: Index, on_refused: Callable[[str], None]) -> Egress:
    return Egress(index.origins, on_refused, index.upstream)


def setup_limits(limits: Limits) -> Limits:
    """Installing and compiling takes more than a test does: half of the machine's memory, and room on its disk."""
    gibibyte = 1024**3
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return replace(
        limits,
        memory=max(limits.memory, memory),
        processes=max(limits.processes, 1024),
        file_size=max(limits.file_size, 4 * gibibyte),
        disk=max(limits.disk, 20 * gibibyte),
        cpu_seconds=max(limits.cpu_seconds, 3_600),
        open_files=max(limits.open_files, 4096),
    )
