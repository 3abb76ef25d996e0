"""The environment engineer: reads how a project is set up elsewhere, tries recipes, and proposes one."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_ai import RunContext, ToolOutput
from pydantic_ai.models import Model
from pydantic_ai.tools import Tool

from vulcan.application.ports import CallJournal, RecipeBench, Workspace
from vulcan.application.prompts import PromptSource
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.agents.journaled import TurnLimit
from vulcan.infrastructure.agents.packaged import prompt
from vulcan.infrastructure.agents.run import AgentRun, Tuning, Work
from vulcan.infrastructure.agents.tools import LoopingError, Tools

ENGINEER = "environment engineer"
TURNS = {ENGINEER: 40}
SOURCE = "vulcan setup"
Form = Literal["pytest", "unittest", "junit", "tap", "go", "node", "exit-code"]
_VERSION = re.compile(r"3\.\d+(?:\.\d+)?")


class SubmittedRecipe(BaseModel):
    setup: list[str] = Field(default=[], max_length=20, description="Commands, run once, in order.")
    command: str = Field(default="", description="How the tests are started; empty: python -m pytest.")
    report: Form = "pytest"
    report_path: str = Field(
        default="", description="The file that the command reports to; empty: its output."
    )
    python: str = Field(default="", description='A version such as "3.12"; empty: whatever fits.')


class Engineer:
    """The `EnvironmentEngineer` on a model.

    Args:
        model: whichever is configured.
        prompts: version and text of an agent's prompt; by default the packaged one.
        tuning: how the model is asked.
    """

    def __init__(self, model: Model, prompts: PromptSource = prompt, tuning: Tuning | None = None) -> None:
        self._model, self._prompts, self._tuning = model, prompts, tuning

    async def propose(
        self, call_key: str, told: str, workspace: Workspace, bench: RecipeBench, journal: CallJournal
    ) -> Recipe | None:
        """The recipe that the model submits; None where it comes to no end or submits none that can be."""
        work = Work(ENGINEER, call_key, told, TURNS[ENGINEER])
        run = AgentRun(work, self._prompts(ENGINEER), self._model, workspace, journal, tuning=self._tuning)
        output = ToolOutput(SubmittedRecipe, name="submit_recipe")
        try:
            submitted: SubmittedRecipe = await run.go(_Tries(run.tools, bench).all(), output)
            return recipe_of(submitted)
        except (TurnLimit, LoopingError, ToolError):
            return None


class _Tries:
    """The engineer's tools: reading, and trying recipes."""

    def __init__(self, tools: Tools, bench: RecipeBench) -> None:
        self._tools, self._bench = tools, bench

    def all(self) -> list[Tool[object]]:
        return [*self._tools.reading(), Tool(self.try_recipe)]

    async def try_recipe(
        self,
        ctx: RunContext[object],
        setup: Sequence[str] = (),
        command: str = "",
        report: Form = "pytest",
        report_path: str = "",
        python: str = "",
    ) -> str:
        """Set the project up by a recipe on a fresh copy, run its tests offline, and say what is seen of them."""
        given = SubmittedRecipe(
            setup=list(setup), command=command, report=report, report_path=report_path, python=python
        )

        async def do() -> str:
            return await self._bench.attempt(recipe_of(given))

        return await self._tools.record(ctx, "try_recipe", given.model_dump_json(), do)


def recipe_of(given: SubmittedRecipe) -> Recipe:
    """The recipe, as a repository's settings could say it; raises `ToolError` for what they can't."""
    path = posixpath.normpath(given.report_path) if given.report_path else ""
    if path.startswith("/") or path.split("/")[0] in ("..", ".git"):
        raise ToolError("report_path is a file of the project, relative to its root.")
    if given.python and not _VERSION.fullmatch(given.python):
        raise ToolError('python is a version such as "3.12".')
    if ReportForm(given.report) is not ReportForm.PYTEST and not given.command:
        raise ToolError(f"The report form {given.report} needs a command.")
    if "\0" in "".join([*given.setup, given.command, path]):
        raise ToolError("Commands hold no NUL.")
    return Recipe(
        python=given.python,
        setup=tuple(given.setup),
        command=given.command,
        report=ReportForm(given.report),
        report_path=path,
        source=SOURCE,
        by_repository=True,
    )
