"""Runs pytest in a single-use box; the report is a file of the host that only this box can write."""

from __future__ import annotations

import json
import shutil
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
from vulcan.infrastructure.leftovers import owned
from vulcan.infrastructure.testing.inspector import empty
from vulcan.infrastructure.testing.results import parse_report
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

REPORT_TARGET = "/report"
REPORT_FILE = "report.jsonl"
MAX_REPORT = 64 * 1024**2
USAGE_ERROR = 4
OUTPUT_SHOWN = 3_000
TOO_LONG = "the test run took longer than"
WITHOUT_OPTIONS = ("-o", "addopts=")
"""The project's own `addopts` may ask for plug-ins that are not there, or write where nothing may be written."""
ELSEWHERE = {"COVERAGE_FILE": "/tmp/.coverage", "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/.hypothesis"}  # noqa: S108
"""What tools write into the working folder goes to the box's own temporary one: the checkout is read-only."""
PROGRAM = "vulcan_pytest.py"
FLAGS = ("-q", "--tb=short", "--color=no", "-p", "no:cacheprovider", "--no-header")
EVERY_TEST = ("--continue-on-collection-errors", "--maxfail=0")
"""Whatever the project's options say, one broken file or failing test must not hide the others."""


class PytestRunner:
    """The `TestRunner` for projects that pytest can collect (unittest suites included)."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._sandbox, self._toolbox, self._limits = sandbox, toolbox, limits

    async def run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest
    ) -> TestRunResult:
        """Run the requested tests on a checkout; what they write to it is gone with the box."""
        result = await self._once(checkout, environment, request, ())
        if result.run.note and not result.run.note.startswith(TOO_LONG):
            plain = await self._once(checkout, environment, request, WITHOUT_OPTIONS)
            return result if plain.run.note else plain
        return result

    async def _once(
        self,
        checkout: Path,
        environment: PreparedEnvironment,
        request: TestRequest,
        more: tuple[str, ...],
    ) -> TestRunResult:
        folder = Path(mkdtemp(prefix=f".{owned('report')}", dir=checkout.parent))
        try:
            folder.chmod(0o755)
            self._sandbox.hand_over(folder)
            async with self._sandbox.open(self._spec(checkout, environment, folder)) as box:
                if request.empty_bodies:
                    await empty(box, request.empty_bodies)
                result = await box.run(
                    self._argv(box, environment, request, more),
                    timeout=request.timeout,
                    output_limit=OUTPUT_SHOWN,
                    environment={
                        **{name: box.inside(path) for name, path in ELSEWHERE.items()},
                        "VULCAN_SETTINGS": _settings(box, environment, request),
                        "PYTHONPATH": "",
                    },
                )
            return read_report(folder / REPORT_FILE, request, result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _spec(self, checkout: Path, environment: PreparedEnvironment, folder: Path) -> BoxSpec:
        mounts = (*environment.mounts, self._toolbox.mount(), Mount(folder, REPORT_TARGET, writable=True))
        variables = dict(environment.environment)
        return BoxSpec(checkout, True, mounts, variables, self._limits, overlay=True)

    def _argv(
        self, box: Box, environment: PreparedEnvironment, request: TestRequest, more: tuple[str, ...]
    ) -> list[str]:
        files = [] if request.beside_all else sorted({test.split("::", 1)[0] for test in request.ids})
        program = f"{box.inside(TARGET)}/{PROGRAM}"
        return [
            box.inside(environment.python), program, *FLAGS, *EVERY_TEST, *request.arguments, *more, *files
        ]  # fmt: skip


def _settings(box: Box, environment: PreparedEnvironment, request: TestRequest) -> str:
    return json.dumps(
        {
            "report": f"{box.inside(REPORT_TARGET)}/{REPORT_FILE}",
            "root": box.workspace_path,
            "python_path": ":".join(
                box.inside(path) for path in environment.environment.get("PYTHONPATH", "").split(":")
            ),
            "ids": list(request.ids),
            "test_timeout": request.test_timeout,
            "measure": {path: list(lines) for path, lines in request.measure.items()},
            "stub_absent": request.stub_absent,
        }
    )


def read_report(report: Path, request: TestRequest, result: CommandResult) -> TestRunResult:
    """What a run left, judged with how its command ended."""
    text = ""
    if report.is_file() and not report.is_symlink():
        if report.stat().st_size > MAX_REPORT:
            return _too_much(result)
        text = report.read_text("utf-8", errors="replace")
    note = ""
    if result.timed_out:
        note = f"{TOO_LONG} {request.timeout:.0f} s"
    elif result.note:
        note = result.note
    elif not text:
        note = f"pytest could not start (exit code {result.exit_code}):\n{result.output.strip()}"
    elif result.exit_code == USAGE_ERROR:
        note = f"pytest refused to run:\n{result.output.strip()}"
    return parse_report(text, request.ids, result.exit_code, result.duration, note)


def _too_much(result: CommandResult) -> TestRunResult:
    """A report that is cut would hide whatever comes after the cut."""
    note = f"the tests' report is longer than {MAX_REPORT // 1024**2} MiB"
    return TestRunResult(TestRun((), result.exit_code, round(result.duration, 3), note))
