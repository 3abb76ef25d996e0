"""The runner that a project's recipe asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from vulcan.application.ports import (
    Limits,
    PreparedEnvironment,
    Sandbox,
    TestRequest,
    TestRunner,
    TestRunResult,
)
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.testing import TestRun
from vulcan.infrastructure.testing.command_runner import CommandRunner
from vulcan.infrastructure.testing.pytest_runner import PytestRunner
from vulcan.infrastructure.testing.toolbox import Toolbox
from vulcan.infrastructure.testing.unittest_runner import (
    PythonCommand,
    UnittestRunner,
    python_command,
    runs_unittest,
)

NOT_STARTED = (
    "Vulcan can't start `{command}` so that it reports as {form}: it starts {known}; for other commands name "
    "another form of report (junit, tap, go, node, exit-code) in [[environment]] of vulcan.toml"
)


class RecipeRunner:
    """The `TestRunner` that hands each run to the runner of the environment's recipe."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._pytest = PytestRunner(sandbox, toolbox, limits)
        self._unittest = UnittestRunner(sandbox, toolbox, limits)
        self._command = CommandRunner(sandbox, toolbox, limits)

    async def run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest
    ) -> TestRunResult:
        """Run and report as the recipe says; a command that can't report as it says is a note."""
        recipe = environment.recipe
        if recipe.report is ReportForm.PYTEST:
            started = pytest_command(recipe.command)
            if started is None:
                return _refused(recipe, "pytest")
            asked = replace(request, arguments=(*started.words, *request.arguments))
            variables = {**environment.environment, **started.variables}
            return await self._pytest.run(checkout, replace(environment, environment=variables), asked)
        if recipe.report is ReportForm.UNITTEST and not runs_unittest(recipe):
            return _refused(recipe, "`python -m unittest`, `manage.py test` and Django's runtests.py")
        runner: TestRunner = self._unittest if recipe.report is ReportForm.UNITTEST else self._command
        return await runner.run(checkout, environment, request)


def _refused(recipe: Recipe, known: str) -> TestRunResult:
    note = NOT_STARTED.format(command=recipe.command, form=recipe.report.value, known=known)
    return TestRunResult(TestRun((), 2, note=note))


def pytest_command(command: str) -> PythonCommand | None:
    """The variables and arguments of a command that starts pytest; None if it starts something else."""
    if not command:
        return PythonCommand({}, ())
    started = python_command(command)
    if started is None:
        return None
    if started.words[:2] == ("-m", "pytest"):
        return replace(started, words=started.words[2:])
    if started.words[0] in ("pytest", "py.test"):
        return replace(started, words=started.words[1:])
    return None
