"""Runs mutants of changed lines in a single-use box, where pytest runs the project's tests."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from vulcan.application.ports import Limits, PreparedEnvironment, Sandbox, TestRequest
from vulcan.domain.environment import ReportForm
from vulcan.domain.mutation import Mutant, MutantOutcome, MutationRun
from vulcan.infrastructure.testing.pytest_runner import FLAGS, REPORT_FILE, python_variables
from vulcan.infrastructure.testing.results import records_of
from vulcan.infrastructure.testing.runners import pytest_command
from vulcan.infrastructure.testing.single_use import (
    OUTPUT_SHOWN,
    how_it_ended,
    read_report_file,
    report_folder,
    test_box,
)
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

PROGRAM = "vulcan_mutate.py"
MOST_MUTANTS = 100
ONLY_PYTEST = "mutants are tried where pytest runs the tests, not yet elsewhere"
TEXT = 300


class PytestMutationTester:
    """The `MutationTester` for projects that pytest tests; of others it says that it can't."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._sandbox, self._toolbox, self._limits = sandbox, toolbox, limits

    async def mutate(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest, seconds: float
    ) -> MutationRun:
        """Try mutants of the measured lines; the box is given twice the time, and half a minute to start and to collect."""
        recipe = environment.recipe
        started = pytest_command(recipe.command) if recipe.report is ReportForm.PYTEST else None
        if started is None:
            return MutationRun(note=ONLY_PYTEST)
        variables = {**environment.environment, **started.variables}
        asked = replace(
            request, arguments=(*started.words, *request.arguments), timeout=2 * seconds + 30, empty_bodies=()
        )
        return await self._run(checkout, replace(environment, environment=variables), asked, seconds)

    async def _run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest, seconds: float
    ) -> MutationRun:
        with report_folder(checkout, self._sandbox) as folder:
            async with test_box(
                self._sandbox, self._toolbox, self._limits, checkout, environment, folder
            ) as box:
                variables = python_variables(box, environment, request)
                settings = json.loads(variables["VULCAN_SETTINGS"])
                lines = {path: list(numbers) for path, numbers in request.measure.items()}
                settings["mutation"] = {"lines": lines, "most": MOST_MUTANTS, "seconds": seconds}
                files = sorted({test.split("::", 1)[0] for test in request.ids})
                program = f"{box.inside(TARGET)}/{PROGRAM}"
                result = await box.run(
                    [box.inside(environment.python), program, *FLAGS, *request.arguments, *files],
                    timeout=request.timeout,
                    output_limit=OUTPUT_SHOWN,
                    environment=variables | {"VULCAN_SETTINGS": json.dumps(settings)},
                )
            text = read_report_file(folder / REPORT_FILE)
        ended = how_it_ended(request, result)
        return mutation_of(text, ended or f"pytest ended with exit code {result.exit_code}")


def mutation_of(text: str | None, ended: str) -> MutationRun:
    """What a report says of mutants; `ended` is how the run ended, for where it says nothing."""
    try:
        records = records_of(text or "")
        mutants = tuple(_mutant(record) for record in records if record["type"] == "mutant")
        said = [record for record in records if record["type"] == "mutation"]
        if not said:
            return MutationRun(mutants, note=f"the run of the mutants said nothing: {ended}")
        notes = "; ".join(str(record["note"]) for record in said if record.get("note"))
        return MutationRun(
            mutants, int(said[-1].get("tests", 0)), float(said[-1].get("seconds", 0.0)), _text(notes)
        )
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        return MutationRun(note=_text(f"the report on mutants is damaged: {type(error).__name__}: {error}"))


def _mutant(record: dict[str, Any]) -> Mutant:
    return Mutant(
        path=_text(record["path"]),
        line=int(record["line"]),
        operator=_text(record["operator"]),
        before=_text(record["before"]),
        after=_text(record["after"]),
        outcome=MutantOutcome(record["outcome"]),
        test=_text(record.get("test", "")),
    )


def _text(value: object) -> str:
    """Text that can be stored, bounded."""
    return str(value).encode("utf-8", "replace").decode()[:TEXT]
