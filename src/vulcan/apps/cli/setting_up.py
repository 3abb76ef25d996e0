"""`vulcan setup`: find, prove and propose how a project is set up and its tests are run."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.apps.cli.common import job_options, open_vulcan, overrides_from, person, say
from vulcan.apps.cli.outcomes import ExitCode
from vulcan.apps.cli.rows import FaultRow, SetupRow, StepRow, emit
from vulcan.apps.cli.safe import one_line, safe
from vulcan.apps.cli.stopping import Stopped, until_stopped
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.errors import BudgetExceeded, ModelUnavailable, UserError

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan
    from vulcan.application.setup.proof import Proven

STOPPED = (
    "stopped; nothing of the trials is left. What a model has answered is kept for the next vulcan setup"
)
AGAIN = "Check the model's name, its key and the service, then run vulcan setup again: it goes on where it stopped."
FORMS = ", ".join(form.value for form in ReportForm)
SHOWN = 10
NOT_PROVEN_HINT = "Nothing was written. Mend what is named, name what is missing (--setup, --command, --report), or use a stronger model."


@dataclass(frozen=True, slots=True)
class Teller:
    """Shows what happens: lines for people, objects for machines."""

    as_json: bool

    def __call__(self, step: str, text: str) -> None:
        """One step."""
        if self.as_json:
            emit(StepRow(step, safe(text)))
        else:
            click.echo(f"{step}: {one_line(text, 400)}")

    def end(self, proven: Proven, toml: str, written: str) -> None:
        """The outcome: the table and what speaks for or against it."""
        if self.as_json:
            emit(_for_machines(proven, toml, written))
            return
        for line in _outcome(proven):
            click.echo(safe(line))
        if proven.counts:
            click.echo(f"\n{safe(toml)}")
            click.secho(safe(written or "Put this into vulcan.toml, or let it be done: vulcan setup --write"))


def _outcome(proven: Proven) -> list[str]:
    trials = proven.trials
    lines = []
    if trials.unstable:
        more = f" and {len(trials.unstable) - SHOWN} more" if len(trials.unstable) > SHOWN else ""
        lines.append(f"not stable, and left out: {', '.join(trials.unstable[:SHOWN])}{more}")
    if proof := proven.recipe.proof:
        of_files = f" of {proof.files} files" if proof.files else ""
        lines.append(
            f"proven: {proof.passed} tests{of_files} pass in two builds from scratch, and notice a fault"
        )
    else:
        lines += [f"not proven: {objection}" for objection in trials.objections]
        lines.append(NOT_PROVEN_HINT)
    return lines


def _for_machines(proven: Proven, toml: str, written: str) -> SetupRow:
    return SetupRow(
        step="end",
        proven=proven.counts,
        objections=tuple(proven.trials.objections),
        unstable=tuple(proven.trials.unstable),
        faults=tuple(FaultRow(fault.place, tuple(fault.red)) for fault in proven.trials.faults),
        toml=toml if proven.counts else "",
        written=written,
    )


@click.command("setup")
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="Repository; default: here.")
@click.option("--setup", "steps", multiple=True, help="A command that is run once before; can be repeated.")
@click.option("--command", help="How the tests are started; default: found.")
@click.option("--report", help=f"In what form the command reports: {FORMS}, or junit:PATH.")
@click.option("--write", is_flag=True, help="Write the proven recipe into the repository's vulcan.toml.")
@job_options
def setup(
    repo: Path,
    steps: tuple[str, ...],
    command: str | None,
    report: str | None,
    *,
    write: bool,
    **options: Any,
) -> None:
    """Find and prove how the project is set up and tested.

    What comes out belongs into vulcan.toml.

    What settings, files and options say is tried first; where less than 90 % of the test files are seen with it, a
    model reads CI, CONTRIBUTING and the like and proposes a recipe. It counts only when two builds from scratch, run
    offline, give the same passing tests, and when a fault that is planted in the project turns tests red.

    Exit codes: 0 proven, 2 usage, or too little is seen and no model is configured, 3 not proven, 5 over budget.
    """
    if not repo.is_dir():
        raise UserError(f"there is no folder {repo}")
    vulcan = open_vulcan(repo, overrides_from(options))
    state = vulcan.setup.inspect(repo)
    if state.dirty:
        say(
            f"{state.dirty} uncommitted changes are not looked at: the recipe is that of commit {state.head[:10]}"
        )
    given: dict[str, object] = {"setup": list(steps)} if steps else {}
    given |= {key: value for key, value in (("command", command), ("report", report)) if value}
    named = vulcan.setup.recipe_from("command line", given) if given else None
    tell = Teller(options["as_json"])
    sys.exit(_run(vulcan, state.root, state.head, named, tell, write=write))


def _run(vulcan: Vulcan, root: Path, commit: str, named: Recipe | None, tell: Teller, *, write: bool) -> int:
    finder = vulcan.setup.finder(root, commit, named, tell)
    try:
        proven = asyncio.run(until_stopped(finder.find(vulcan.setup.engineering(root, commit, person()))))
    except BudgetExceeded as error:
        tell("stop", error.message)
        say(error.hint)
        return ExitCode.OVER_BUDGET
    except ModelUnavailable as error:
        raise ModelUnavailable(error.message, hint=AGAIN) from error
    if isinstance(proven, Stopped):
        say(STOPPED)
        return proven.exit_code
    toml = vulcan.setup.recipe_toml(proven.recipe) if proven.counts else ""
    written = vulcan.setup.write_recipe(root, proven.recipe) if write and proven.counts else ""
    tell.end(proven, toml, written)
    return ExitCode.DONE if proven.counts else ExitCode.NOT_PROVEN
