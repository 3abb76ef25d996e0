"""`vulcan doctor`: does this machine have what Vulcan needs, shown by trying it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from vulcan import __version__
from vulcan.apps.cli.common import open_vulcan
from vulcan.apps.cli.demo import SYSTEM_FOLDERS
from vulcan.apps.cli.rows import CheckRow, emit
from vulcan.apps.cli.safe import safe
from vulcan.domain.errors import UserError, VulcanError

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan

GIT_MINIMUM = (2, 38)
FREE_BYTES = 1024**3
NO_MODEL = "none configured; set one with `vulcan init`; `vulcan demo` needs none"


@click.command()
@click.option("--offline", is_flag=True, help="Ask neither the model nor services.")
@click.option("--json", "as_json", is_flag=True, help="One check a line, for machines.")
def doctor(*, offline: bool, as_json: bool) -> None:
    """Check this machine, its sandbox, the model and the services.

    Canaries try to break out of the sandbox; the model and each service that is configured are asked.
    """
    try:
        vulcan = open_vulcan()
    except UserError as error:  # settings that can't be read are one more thing to be told of
        _say_unreadable(error, as_json=as_json)
        sys.exit(1)
    failed = False
    for check in _checks(vulcan, offline=offline):
        failed = failed or (check.needed and not check.passed)
        if as_json:
            emit(check)
            continue
        mark = click.style("ok  ", fg="green") if check.passed else click.style("FAIL", fg="red")
        if not check.passed and not check.needed:
            mark = click.style("note", fg="yellow")
        click.echo(f"{mark} {check.name}: {safe(check.detail)}")
    sys.exit(1 if failed else 0)


def _say_unreadable(error: UserError, *, as_json: bool) -> None:
    check = CheckRow("settings", passed=False, detail=f"{error.message}. {error.hint}")
    if as_json:
        emit(check)
    else:
        click.echo(f"FAIL settings: {safe(check.detail)}")


def _checks(vulcan: Vulcan, *, offline: bool) -> Iterator[CheckRow]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield CheckRow("vulcan", passed=True, detail=f"{__version__} on Python {version}")
    yield _git()
    yield _state(vulcan)
    for name in ("ruff", "uv"):
        yield _tried(name, partial(_program, vulcan, name))
    yield from _sandbox(vulcan)
    yield _model(vulcan, offline=offline)
    for name, probe in () if offline else vulcan.installation.services():
        yield replace(_tried(name, probe), needed=False)


def _model(vulcan: Vulcan, *, offline: bool) -> CheckRow:
    """The model, asked whether it is there; without one Vulcan still does what needs none."""
    name = vulcan.settings.model.name
    if not name:
        return CheckRow("model", passed=False, detail=NO_MODEL, needed=False)

    def probe() -> str:
        vulcan.models.check()
        if offline or name.startswith("recorded:"):
            return f"{name} (not asked)"
        return f"{name} answers as {asyncio.run(vulcan.models.ask())}"

    return _tried("model", probe)


def _tried(name: str, probe: Callable[[], str]) -> CheckRow:
    try:
        return CheckRow(name, passed=True, detail=probe())
    except VulcanError as error:
        return CheckRow(name, passed=False, detail=f"{error.message}. {error.hint}")


def _git() -> CheckRow:
    git = shutil.which("git", path=SYSTEM_FOLDERS)  # where Vulcan looks too
    if git is None:
        return CheckRow("git", passed=False, detail="not found; install it with: apt-get install git")
    out = subprocess.run([git, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = tuple(int(part) for part in out.split()[2].split(".")[:2] if part.isdigit())
    return CheckRow("git", passed=numbers >= GIT_MINIMUM, detail=f"{out} (2.38 or newer is needed)")


def _state(vulcan: Vulcan) -> CheckRow:
    folder = vulcan.settings.state_dir

    def probe() -> str:
        vulcan.jobs.queries.ids()
        free = shutil.disk_usage(folder).free
        if free < FREE_BYTES:
            raise VulcanError(f"{folder} has only {free // 1024**2} MB free")
        return f"{folder}, {free // 1024**3} GB free"

    return _tried("state folder", probe)


def _program(vulcan: Vulcan, name: str) -> str:
    path = vulcan.installation.program(name)
    if not os.access(path, os.X_OK):
        raise VulcanError(f"{path} can't be run")
    return str(path)


def _sandbox(vulcan: Vulcan) -> Iterator[CheckRow]:
    try:
        sandbox = vulcan.installation.sandbox_name()
    except VulcanError as error:
        yield CheckRow("sandbox", passed=False, detail=f"{error.message}. {error.hint}")
        return
    yield CheckRow("sandbox", passed=sandbox != "none", detail=sandbox)
    for result in asyncio.run(vulcan.installation.canary()):
        yield CheckRow(f"  canary: {result.name}", result.passed, result.detail)
