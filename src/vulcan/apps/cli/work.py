"""Commands that work on a job: run, resume, approve, demo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.application.jobs.amendments import HOW, Word, numbered_list, parse_amendment
from vulcan.application.jobs.status import Action, describe
from vulcan.apps.cli.common import blind_option, job_options, open_vulcan, overrides_from, person, say
from vulcan.apps.cli.completing import JOB
from vulcan.apps.cli.outcomes import ExitCode, exit_code
from vulcan.apps.cli.safe import safe
from vulcan.apps.cli.stopping import Stopped, until_stopped
from vulcan.apps.cli.views import View, choose_view
from vulcan.domain.budget import Budget
from vulcan.domain.errors import UserError
from vulcan.domain.job import Job, Waiting, WaitingFor

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan
    from vulcan.application.ports import Observer


@click.command()
@click.argument("instruction", required=False)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="Repository; default: here.")
@click.option("--yes", is_flag=True, help="Ask nothing: open questions become assumptions in the report.")
@click.option(
    "--merge", type=click.Choice(["person", "proven", "never"]), help="Who may merge; default: person."
)
@click.option(
    "--confirm", is_flag=True, help="Wait for your word on the requirements, also without a terminal."
)
@click.option("--release", is_flag=True, help="Tag the merge and write release notes.")
@blind_option
@job_options
def run(
    instruction: str | None, repo: Path, *, yes: bool, confirm: bool, blind: bool, **options: Any
) -> None:
    """Turn INSTRUCTION into a proven change.

    It comes on a branch of its own and in a pull request that holds the evidence.
    """
    if instruction == "-" or (instruction is None and not sys.stdin.isatty()):
        instruction = sys.stdin.read()
    _need_folder()
    vulcan = open_vulcan(repo if repo.is_dir() else None, overrides_from(options))
    from vulcan.application.jobs.commands import Order

    settings = vulcan.settings
    vulcan.models.check()
    vulcan.models.warm_up()
    order = Order(
        instruction=instruction or "",
        repository=repo,
        model=settings.model.name,
        budget=settings.budget,
        policy=settings.review,
        by=person(),
        ask=not yes,
        confirm=not yes and (confirm or (_at_terminal() and not options["as_json"])),
        blind=blind,
    )
    job = vulcan.jobs.commands.request(order)
    say(vulcan.jobs.queries.lost())
    sys.exit(work_on(vulcan, job, as_json=options["as_json"], verbose=options["verbose"]))


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _need_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UserError(
            "the current folder does not exist any more", hint="Change to one that does."
        ) from error


@click.command()
@click.argument("job", required=False, default="", type=JOB)
@click.option("--answer", help="Answer to the job's question.")
@click.option("--ok", is_flag=True, help="Agree to the job's requirements.")
@job_options
def resume(job: str, answer: str | None, *, ok: bool, **options: Any) -> None:
    """Go on with JOB (default: the newest) from its last event."""
    overrides = overrides_from(options)
    first = open_vulcan()
    found = first.jobs.queries.find(job)
    state, request = first.jobs.queries.job(found), first.jobs.queries.request(found)
    overrides.setdefault("model.name", request.model)
    vulcan = open_vulcan(Path(request.repository), overrides)
    vulcan.models.check()
    if answer is not None:
        vulcan.jobs.commands.answer(found, answer, person())
    if ok:
        vulcan.jobs.commands.confirm(found, person())
    vulcan.jobs.commands.raise_budget(found, _raised(state.budget, options), person())
    sys.exit(work_on(vulcan, found, as_json=options["as_json"], verbose=options["verbose"]))


def _raised(budget: Budget, options: dict[str, Any]) -> Budget:
    names = {
        "max_cost": "cost",
        "max_tokens": "tokens",
        "max_credits": "credits",
        "max_time": "seconds",
        "max_calls": "calls",
        "rounds": "rounds",
    }
    given = {field: options[name] for name, field in names.items() if options.get(name) is not None}
    return replace(budget, **given)


@click.command()
@click.argument("job", required=False, default="", type=JOB)
@click.option("--json", "as_json", is_flag=True, help="One event a line, for machines.")
def approve(job: str, *, as_json: bool) -> None:
    """Approve what JOB waits for (a merge), and go on with it."""
    vulcan = open_vulcan()
    found = vulcan.jobs.queries.find(job)
    what = vulcan.jobs.commands.approve(found, person())
    if not as_json:
        click.echo(f"approved: {what}")
    sys.exit(work_on(vulcan, found, as_json=as_json, verbose=False))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One event a line, for machines.")
@click.option("-v", "--verbose", is_flag=True, help="Plain lines, with each tool call.")
@click.option("--unsafe-no-sandbox", is_flag=True, help="Only for throw-away machines: no sandbox.")
def demo(*, as_json: bool, verbose: bool, unsafe_no_sandbox: bool) -> None:
    """See a whole job on a small project; needs no model.

    Only the model's replies come from a recording.
    """
    from vulcan.apps.cli.demo import INSTRUCTION, RECORDING, make_project

    overrides: dict[str, object] = {"model.name": RECORDING}
    if unsafe_no_sandbox:
        overrides["sandbox.unsafe"] = True
    vulcan = open_vulcan(None, overrides)
    from vulcan.application.jobs.commands import Order

    vulcan.installation.need_state_folder()
    repository = make_project(vulcan.settings.state_dir / "demo")
    if not as_json:
        click.secho(
            "This is a demo: the model's replies come from a recording. All else is real: sandbox, tests, git, "
            "gates, pull request and pipeline.",
            bold=True,
        )
        click.echo(f"project: {repository}\ninstruction: {INSTRUCTION}\n")
    order = Order(
        instruction=INSTRUCTION,
        repository=repository,
        model=RECORDING,
        budget=vulcan.settings.budget,
        policy=vulcan.settings.review,
        by=person(),
    )
    job = vulcan.jobs.commands.request(order)
    sys.exit(work_on(vulcan, job, as_json=as_json, verbose=verbose))


# --------------------------------------------------------------------------------------------- working


def work_on(vulcan: Vulcan, job: str, *, as_json: bool, verbose: bool) -> int:
    """Work on a job until it waits or has ended; asks a person at a terminal and goes on. Returns the exit code."""
    view, shown = choose_view(as_json=as_json, verbose=verbose), 0
    while True:
        code = _work(vulcan, job, view, shown)
        state = vulcan.jobs.queries.job(job)
        if code != ExitCode.NEEDS_PERSON or as_json or not sys.stdin.isatty():
            break
        shown = state.seq
        try:
            _hear(vulcan, job, state)
        except (click.Abort, KeyboardInterrupt):  # Ctrl-C or Ctrl-D: the job goes on waiting
            click.echo("")
            break
    if not state.started:
        raise UserError(f"the job was not started: Vulcan {state.reason}", hint=state.next_steps)
    if not as_json:
        _summary(job, state)
    return code


def _hear(vulcan: Vulcan, job: str, state: Job) -> None:
    if _asked_for_word(vulcan, job):
        _settle(vulcan, job)
    else:
        vulcan.jobs.commands.answer(job, _ask(state), person())


def _settle(vulcan: Vulcan, job: str) -> None:
    """Show the requirements and take the person's word, until the job can go on with them or has ended."""
    while (state := _asked_for_word(vulcan, job)) and state.requirement:
        click.echo(
            "\n" + safe("\n".join([*numbered_list(state.requirement), f"{HOW} · cancel: end the job"]))
        )
        said = click.prompt("ok?", default="", show_default=False, prompt_suffix=" ").strip()
        try:
            _take_word(vulcan, job, said)
        except UserError as error:
            click.secho(safe(f"{error.message}\n{error.hint}".strip()), fg="red")


def _asked_for_word(vulcan: Vulcan, job: str) -> Job | None:
    state = vulcan.jobs.queries.job(job)
    now = state.next_stage()
    return state if isinstance(now, Waiting) and now.waiting_for is WaitingFor.CONFIRMATION else None


def _take_word(vulcan: Vulcan, job: str, said: str) -> None:
    word = parse_amendment(said)
    if said.lower() in {"cancel", "abort", "/cancel"}:
        vulcan.jobs.commands.cancel(job, person())
    elif said and word.word is Word.AGREE:  # an empty line is a slip: what follows costs money
        vulcan.jobs.commands.confirm(job, person())
    elif said:
        click.echo(safe(vulcan.jobs.commands.amend(job, word, person())))


def _ask(state: Job) -> str:
    waiting = state.waiting
    click.echo(f"\n{safe(waiting.reason if waiting else '')}")
    answer = ""
    while not answer.strip():
        answer = click.prompt("Your answer", default="", show_default=False)
    return answer


def _work(vulcan: Vulcan, job: str, view: View, shown: int) -> int:
    """One go at the job, whose events after `shown` the view has not seen; Ctrl-C and SIGTERM pause it."""
    state = vulcan.jobs.queries.job(job)
    if not shown:
        _say_sandbox(vulcan.installation.sandbox_name())
    with view, _traced(vulcan, job) as watchers:
        for stored in vulcan.jobs.queries.events(job, shown):
            view.saw(stored)
        observers = [_Onward(view, state.seq), *watchers]
        stopped = asyncio.run(until_stopped(vulcan.jobs.runner.run(job, observers)))
    if isinstance(stopped, Stopped):
        return stopped.exit_code
    return exit_code(describe(vulcan.jobs.queries.job(job)))


@contextlib.contextmanager
def _traced(vulcan: Vulcan, job: str) -> Iterator[list[Observer]]:
    """The observer that sends the job's trace, where one is configured; says what could not be sent."""
    live = vulcan.observability.live_traces()
    if live is None:
        yield []
        return
    try:
        yield [live]
    finally:
        if trouble := live.close():
            hint = f"the next job sends the rest, or: vulcan traces push {job}"
            click.secho(f"note: the trace is not complete ({safe(trouble)}); {hint}", fg="yellow", err=True)


def _say_sandbox(name: str) -> None:
    """Anything but the strongest sandbox is said in one line; the evidence records it too."""
    words = {
        "landlock": "note: commands run in landlock (bubblewrap can't be used here; `vulcan doctor` says why)",
        "none": "note: commands run in none of the sandboxes, as you asked: what they do, they do to this machine",
    }
    if name in words:
        click.secho(words[name], fg="yellow", err=True)


class _Onward:
    """Passes on what comes after the part of the log that was already shown."""

    def __init__(self, view: View, shown: int) -> None:
        self._view, self._shown = view, shown

    def saw(self, stored: Any) -> None:
        """Pass a new event on; where nobody reads any more (`| head`), the job is paused as by SIGTERM."""
        if stored.seq <= self._shown:
            return
        self._shown = stored.seq
        try:
            self._view.saw(stored)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            signal.raise_signal(signal.SIGTERM)


ACTION_LINES = {
    Action.SHOW: "read it:       vulcan show {job}",
    Action.APPROVE: "merge it:      vulcan approve {job}",
    Action.UNDO: "throw it away: vulcan undo {job}",
    Action.ANSWER: 'answer:        vulcan resume {job} --answer "..."',
    Action.AGREE: "agree:         vulcan resume {job} --ok",
    Action.AMEND: "change it:     vulcan chat, then /job {job}",
    Action.RAISE_BUDGET: "go on:         vulcan resume {job} --max-cost ... "
    "(or --max-credits, --max-tokens, --max-calls, --max-time)",
    Action.RESUME: "go on:         vulcan resume {job}",
}


def _summary(job: str, state: Job) -> None:
    """How it stands, and what the person can do now."""
    from vulcan.application.jobs.spending import usage_in_words

    status, deployment = describe(state), state.deployment
    click.echo("")
    click.secho(f"job {job}: {status.headline}", bold=True, fg="green" if status.stands_proven else "yellow")
    click.echo(f"  {usage_in_words(state.usage)}")
    if deployment and deployment.branch:
        click.echo(f"  branch {deployment.branch}, pull request #{deployment.pull_request}")
    if status.waiting_for is WaitingFor.CONFIRMATION and state.requirement:
        told = numbered_list(state.requirement)
    else:
        told = [] if status.waiting_for is WaitingFor.APPROVAL else [status.reason, status.next_steps]
    lines = [ACTION_LINES[action].format(job=job) for action in status.actions if action in ACTION_LINES]
    for line in [*(safe(text) for text in told if text), *lines]:
        click.echo(f"  {line}")
