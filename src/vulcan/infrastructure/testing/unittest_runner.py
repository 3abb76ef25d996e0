"""Runs suites of unittest and of Django in a single-use box; they report as pytest's do."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vulcan.application.ports import Box, Limits, PreparedEnvironment, Sandbox, TestRequest, TestRunResult
from vulcan.domain.environment import Recipe
from vulcan.infrastructure.testing.inspector import empty
from vulcan.infrastructure.testing.pytest_runner import REPORT_FILE, python_variables, read_report
from vulcan.infrastructure.testing.single_use import OUTPUT_SHOWN, report_folder, test_box
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

PROGRAM = "vulcan_unittest.py"
DISCOVER = ("unittest", "discover")
_INTERPRETER = re.compile(r"(?:.*/)?python[\d.]*$")
_VARIABLE = re.compile(r"[A-Za-z_]\w*=")
_OPTION = re.compile(r"-[bBdEIOPqsSuvx]+$")


@dataclass(frozen=True, slots=True)
class PythonCommand:
    """A command that starts Python: its variables, and the words after the interpreter's own options."""

    variables: dict[str, str]
    words: tuple[str, ...]


def python_command(command: str) -> PythonCommand | None:
    """How a command starts Python; None if it starts something else, or more than one thing."""
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    variables = {}
    while words and _VARIABLE.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    if any(word in ("&&", "||", "|", ";", "&") for word in words):
        return None
    for prefix in (["uv", "run"], ["poetry", "run"], ["pdm", "run"], ["pipenv", "run"], ["hatch", "run"]):
        words = words[2:] if words[:2] == prefix else words
    if words and _INTERPRETER.match(words[0]):
        words = words[1:]
        while words and _OPTION.match(words[0]):
            words = words[1:]
        return PythonCommand(variables, tuple(words)) if words else None
    is_program = bool(words) and (words[0].endswith(".py") or words[0] in ("pytest", "py.test"))
    return PythonCommand(variables, tuple(words)) if is_program else None


class UnittestRunner:
    """The `TestRunner` for `python -m unittest`, `manage.py test` and Django's own `runtests.py`."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._sandbox, self._toolbox, self._limits = sandbox, toolbox, limits

    async def run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest
    ) -> TestRunResult:
        """Run the requested tests on a checkout; what they write to it is gone with the box."""
        started = python_command(environment.recipe.command)
        with report_folder(checkout, self._sandbox) as folder:
            async with test_box(
                self._sandbox, self._toolbox, self._limits, checkout, environment, folder
            ) as box:
                if request.empty_bodies:
                    await empty(box, request.empty_bodies, filled=request.filled_bodies)
                result = await box.run(
                    _argv(box, environment, request, started),
                    timeout=request.timeout,
                    output_limit=OUTPUT_SHOWN,
                    environment=python_variables(box, environment, request)
                    | (started.variables if started else {}),
                )
            return read_report(folder / REPORT_FILE, request, result, "the test run")


def runs_unittest(recipe: Recipe) -> bool:
    """Whether a recipe's command is one that this runner can start."""
    started = python_command(recipe.command)
    return not recipe.command or (started is not None and bool(_start(started.words)))


def _start(words: tuple[str, ...]) -> tuple[str, ...]:
    """What our program is told to start."""
    if words[:2] == ("-m", "unittest"):
        return ("unittest", *words[2:])
    if words[:2] == ("-m", "django") and words[2:3] == ("test",):
        return ()
    return words if words and words[0].endswith(".py") else ()


def _argv(
    box: Box, environment: PreparedEnvironment, request: TestRequest, started: PythonCommand | None
) -> list[str]:
    program = [box.inside(environment.python), f"{box.inside(TARGET)}/{PROGRAM}"]
    start = (*(_start(started.words) if started else DISCOVER), *request.arguments)
    folder = str(PurePosixPath(box.workspace_path, environment.recipe.path))
    return ["/bin/sh", "-c", 'cd "$0" && exec "$@"', folder, *program, *start]
