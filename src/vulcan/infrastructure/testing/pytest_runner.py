"""Runs pytest in a single-use box; the report is a file of the host that only this box can write."""

from __future__ import annotations

import json
from pathlib import Path

from vulcan.application.ports import (
    Box,
    CommandResult,
    Limits,
    PreparedEnvironment,
    Sandbox,
    TestRequest,
    TestRunResult,
)
from vulcan.infrastructure.testing.canary import new_canary, without_canary
from vulcan.infrastructure.testing.inspector import empty
from vulcan.infrastructure.testing.results import parse_report
from vulcan.infrastructure.testing.single_use import (
    OUTPUT_SHOWN,
    REPORT_TARGET,
    TOO_LONG,
    how_it_ended,
    read_report_file,
    report_folder,
    test_box,
    too_much,
)
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

REPORT_FILE = "report.jsonl"
USAGE_ERROR = 4
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
        canary = new_canary(request)
        with report_folder(checkout, self._sandbox) as folder:
            async with test_box(
                self._sandbox, self._toolbox, self._limits, checkout, environment, folder
            ) as box:
                if request.empty_bodies:
                    await empty(box, request.empty_bodies, filled=request.filled_bodies)
                result = await box.run(
                    self._argv(box, environment, request, more),
                    timeout=request.timeout,
                    output_limit=OUTPUT_SHOWN,
                    environment=python_variables(box, environment, request, canary),
                )
            return without_canary(read_report(folder / REPORT_FILE, request, result), canary)

    def _argv(
        self, box: Box, environment: PreparedEnvironment, request: TestRequest, more: tuple[str, ...]
    ) -> list[str]:
        files = [] if request.beside_all else sorted({test.split("::", 1)[0] for test in request.ids})
        program = f"{box.inside(TARGET)}/{PROGRAM}"
        return [
            box.inside(environment.python), program, *FLAGS, *EVERY_TEST, *request.arguments, *more, *files
        ]  # fmt: skip


def python_variables(
    box: Box, environment: PreparedEnvironment, request: TestRequest, canary: str = ""
) -> dict[str, str]:
    """What our programs for Python's test runners are told; the import path is put back by them."""
    return {
        **{name: box.inside(path) for name, path in ELSEWHERE.items()},
        "VULCAN_SETTINGS": _settings(box, environment, request, canary),
        "PYTHONPATH": "",
        **request.variables,
    }


def _settings(box: Box, environment: PreparedEnvironment, request: TestRequest, canary: str) -> str:
    return json.dumps(
        {
            "report": f"{box.inside(REPORT_TARGET)}/{REPORT_FILE}",
            "root": box.workspace_path,
            "python_path": ":".join(
                box.inside(path) for path in environment.environment.get("PYTHONPATH", "").split(":")
            ),
            "ids": list(request.ids),
            "canary": canary,
            "test_timeout": request.test_timeout,
            "measure": {path: list(lines) for path, lines in request.measure.items()},
            "stub_absent": request.stub_absent,
            "reverse": request.reverse,
        }
    )


def read_report(
    report: Path, request: TestRequest, result: CommandResult, program: str = "pytest"
) -> TestRunResult:
    """What a run left, judged with how its command ended."""
    text = read_report_file(report)
    if text is None:
        return too_much(result)
    note = how_it_ended(request, result)
    if not note and not text:
        note = f"{program} could not start (exit code {result.exit_code}):\n{result.output.strip()}"
    elif not note and program == "pytest" and result.exit_code == USAGE_ERROR:
        note = f"pytest refused to run:\n{result.output.strip()}"
    return parse_report(text, request.ids, result.exit_code, result.duration, note)
