"""A single-use box for one test run: the checkout under a throw-away layer, and a folder for the report."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from vulcan.application.ports import (
    Box,
    BoxSpec,
    CommandResult,
    Limits,
    Mount,
    PreparedEnvironment,
    Sandbox,
    TestRequest,
    TestRunResult,
)
from vulcan.domain.testing import TestRun
from vulcan.infrastructure.host.leftovers import owned
from vulcan.infrastructure.testing.toolbox import Toolbox

REPORT_TARGET = "/report"
MAX_REPORT = 64 * 1024**2
OUTPUT_SHOWN = 3_000
TOO_LONG = "the test run took longer than"
TEMPORARY = "/tmp"  # noqa: S108 - the box's own


@contextmanager
def report_folder(checkout: Path, sandbox: Sandbox) -> Iterator[Path]:
    """A folder of the host that only one box can write to."""
    folder = Path(mkdtemp(prefix=f".{owned('report')}", dir=checkout.parent))
    try:
        folder.chmod(0o755)
        sandbox.hand_over(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def test_box(
    sandbox: Sandbox,
    toolbox: Toolbox,
    limits: Limits,
    checkout: Path,
    environment: PreparedEnvironment,
    folder: Path,
) -> AsyncIterator[Box]:
    """A box on a checkout; what is written to the checkout is gone with it."""
    mounts = (*environment.mounts, toolbox.mount(), Mount(folder, REPORT_TARGET, writable=True))
    spec = BoxSpec(checkout, True, mounts, dict(environment.environment), limits, overlay=True)
    async with sandbox.open(spec) as box:
        yield box


def how_it_ended(request: TestRequest, result: CommandResult) -> str:
    """Why a run as a whole says nothing, as far as its command tells; empty if nothing speaks against it."""
    if result.timed_out:
        return f"{TOO_LONG} {request.timeout:.0f} s"
    return result.note


def read_report_file(path: Path) -> str | None:
    """The text of a report; empty where there is none, None where it is too long. A link is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return ""
        content = file.read(MAX_REPORT + 1)
    return None if len(content) > MAX_REPORT else content.decode("utf-8", "replace")


def too_much(result: CommandResult) -> TestRunResult:
    """A report that is cut would hide whatever comes after the cut."""
    return unusable(result, f"the tests' report is longer than {MAX_REPORT // 1024**2} MiB")


def unusable(result: CommandResult, note: str) -> TestRunResult:
    """A run that shows no test."""
    return TestRunResult(TestRun((), result.exit_code, round(result.duration, 3), note))
