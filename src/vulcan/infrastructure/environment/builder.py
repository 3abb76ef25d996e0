"""Builds environments with uv: wheels on the host (no code of anybody runs), the project itself in a box."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.ports import BoxSpec, Limits, Mount, PreparedEnvironment, Sandbox
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.environment.declared import Declared, naming_digest, read_declared

FORMAT = "2"
TARGET = "/venv"
TOOLS_TARGET = "/opt/vulcan"
WORKSPACE = "/workspace"
INSTALL_TIMEOUT = 900.0
BUILD_TIMEOUT = 300.0
MAX_GENERATED = 1024**2
ALWAYS = (
    "pytest>=7",
    "editables>=0.5",
)  # hatchling asks for the second one when it installs in editable form
PASSED_ON = re.compile(r"^(?:UV_\w+|SSL_CERT_\w+|(?:HTTPS?|NO|ALL)_PROXY|(?:https?|no|all)_proxy|HOME|PATH)$")
_MINIMUM = re.compile(r">=\s*3\.(\d+)")


@dataclass(frozen=True, slots=True)
class Tools:
    """What a build needs from elsewhere: uv on the host, and the mount that shows it in boxes."""

    uv: Path
    mount: Mount


class UvEnvironments:
    """The `EnvironmentBuilder`.

    Args:
        root: folder of environments, one a digest; must be reachable for the boxes' user.
        extra: further requirements, from the settings.
        environ: the host's environment; only what package downloads need is passed on, to uv alone.
    """

    def __init__(
        self,
        root: Path,
        sandbox: Sandbox,
        tools: Tools,
        limits: Limits,
        environ: Mapping[str, str],
        extra: Sequence[str] = (),
    ) -> None:
        self._root, self._sandbox, self._tools, self._limits = root, sandbox, tools, limits
        self._extra = tuple(extra)
        self._environ = {k: v for k, v in environ.items() if PASSED_ON.match(k)}
        if "PIP_INDEX_URL" in environ:
            self._environ.setdefault("UV_DEFAULT_INDEX", environ["PIP_INDEX_URL"])

    async def prepare(self, checkout: Path) -> PreparedEnvironment:
        """The environment for a checkout.

        Raises:
            VulcanError: the project's own requirements can't be installed.
        """
        declared = read_declared(checkout)
        python = find_python(declared.requires_python)
        salt = "\0".join((FORMAT, str(python), self._sandbox.name, *self._extra))
        digest = naming_digest(checkout, salt)
        folder = self._root / digest[:24]
        if not (folder / "ready.json").is_file():
            await self._build(folder, checkout, declared, python)
        return _prepared(folder, digest)

    async def _build(self, folder: Path, checkout: Path, declared: Declared, python: Path) -> None:
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o755)
        try:
            venv = partial / "venv"
            await self._uv("venv", "--relocatable", "--no-project", "--python", str(python), str(venv))
            notes = [*declared.notes, *await self._install_all(venv, declared)]
            if declared.installable:
                notes += await self._install_project(partial, venv, checkout)
            (partial / "ready.json").write_text(json.dumps({"notes": notes}))
            _settle(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    async def _install_all(self, venv: Path, declared: Declared) -> list[str]:
        notes: list[str] = []
        base = (*ALWAYS, *declared.build, *self._extra)
        together = [*base, *declared.required, *(r for group in declared.groups.values() for r in group)]
        if not await self._try(venv, together):
            return notes
        problem = await self._try(venv, [*base, *declared.required])
        if problem:
            raise VulcanError(
                f"the project's dependencies can't be installed: {problem}",
                hint="Dependencies are installed from wheels only. Check the package index (UV_DEFAULT_INDEX), or "
                "name working versions under [tool.vulcan.tests] dependencies.",
            )
        for name, requirements in declared.groups.items():
            problem = await self._try(venv, requirements)
            if problem:
                notes.append(f"{name} could not be installed: {problem}")
        return notes

    async def _try(self, venv: Path, requirements: Sequence[str]) -> str:
        """Install from wheels; returns what went wrong."""
        if not requirements:
            return ""
        try:
            await self._uv(
                "pip", "install", "--python", str(venv / "bin" / "python"), "--only-binary", ":all:",
                "--link-mode", "copy", "--compile-bytecode", "--", *requirements,
            )  # fmt: skip
        except VulcanError as error:
            return error.message
        return ""

    async def _uv(self, *arguments: str) -> None:
        """Run uv on the host. Config files of user and project play no part."""
        environ = {**self._environ, "UV_CACHE_DIR": str(self._root / "cache"), "UV_NO_CONFIG": "1"}
        process = await asyncio.create_subprocess_exec(
            str(self._tools.uv), *arguments, env=environ, cwd=self._root, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            output, _ = await asyncio.wait_for(process.communicate(), INSTALL_TIMEOUT)
        except (TimeoutError, asyncio.CancelledError):
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise VulcanError(output.decode(errors="replace").strip()[-1500:])

    async def _install_project(self, partial: Path, venv: Path, checkout: Path) -> list[str]:
        """Install the project in editable form, in a box without network; then what its metadata asks for."""
        source = partial / "source"
        shutil.copytree(checkout, source, symlinks=True)
        before = _listing(source)
        self._sandbox.hand_over(source)
        self._sandbox.hand_over(venv)
        mounts = (Mount(venv, TARGET, writable=True), self._tools.mount)
        environment = {"SETUPTOOLS_SCM_PRETEND_VERSION": "0.0.0", "UV_CACHE_DIR": "/tmp/uv"}  # noqa: S108 - the box's
        async with self._sandbox.open(BoxSpec(source, True, mounts, environment, self._limits)) as box:
            result = await box.run(
                [
                    f"{box.inside(TOOLS_TARGET)}/uv", "pip", "install", "--python", f"{box.inside(TARGET)}/bin/python",
                    "--offline", "--no-deps", "--no-build-isolation", "--no-config", "-e", box.workspace_path,
                ],
                timeout=BUILD_TIMEOUT,
                output_limit=2000,
            )  # fmt: skip
        notes = []
        if result.exit_code:
            notes.append(
                f"the project could not be installed in editable form: {result.output.strip()[-600:]}"
            )
        _keep_generated(source, before, partial / "generated")
        shutil.rmtree(source, ignore_errors=True)
        problem = await self._try(venv, _metadata_requirements(venv))
        if problem:
            notes.append(f"requirements named by the project's metadata could not be installed: {problem}")
        return notes


def find_python(requires: str) -> Path:
    """A system interpreter that satisfies a lower bound; boxes show /usr, so it must live there."""
    minimum = int(match[1]) if (match := _MINIMUM.search(requires)) else 0
    names = ["python3", *(f"python3.{minor}" for minor in range(15, 8, -1))]
    candidates = [Path(folder) / name for name in names for folder in ("/usr/bin", "/usr/local/bin")]
    found = [path for path in candidates if path.exists()]
    fitting = [path for path in found if _minor(path) >= minimum]
    if fitting:
        return fitting[0]
    raise VulcanError(
        f"no system Python fits the project's requires-python {requires!r}",
        hint=f"Install one, such as: apt-get install python3.{minimum}",
    )


def _minor(path: Path) -> int:
    match = re.search(r"python3\.(\d+)$", str(path.resolve()))
    return int(match[1]) if match else 0


def _settle(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not (folder / "ready.json").is_file():
            raise


def _prepared(folder: Path, digest: str) -> PreparedEnvironment:
    notes = json.loads((folder / "ready.json").read_text())["notes"]
    environment = {
        "PATH": f"{TARGET}/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": TARGET,
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
        "PYTEST_ADDOPTS": "--color=no",
        "PYTHONPATH": f"{WORKSPACE}/src:{WORKSPACE}",
    }
    generated = folder / "generated"
    return PreparedEnvironment(
        digest=digest,
        mounts=(Mount(folder / "venv", TARGET),),
        environment=environment,
        python=f"{TARGET}/bin/python",
        generated=generated if generated.is_dir() else None,
        notes=tuple(notes),
    )


def _listing(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def _keep_generated(source: Path, before: set[str], target: Path) -> None:
    """Keep small new source files, such as a version module written by the build."""
    for path in source.rglob("*.py"):
        name = str(path.relative_to(source))
        if (
            name not in before
            and path.is_file()
            and not path.is_symlink()
            and path.stat().st_size < MAX_GENERATED
        ):
            kept = target / name
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, kept)


def _metadata_requirements(venv: Path) -> list[str]:
    """Unconditional requirements of packages that were installed in editable form."""
    requirements = []
    for marker in venv.glob("lib/python*/site-packages/*.dist-info/direct_url.json"):
        metadata = marker.with_name("METADATA")
        if metadata.is_file() and not metadata.is_symlink():
            header = metadata.read_text(errors="replace").split("\n\n", 1)[0]
            lines = re.findall(r"^Requires-Dist: (.+)$", header, flags=re.MULTILINE)
            requirements += [line for line in lines if "extra ==" not in line and "@" not in line]
    return requirements
