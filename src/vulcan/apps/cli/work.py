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

from vulcan.apps.cli.common import job_options, open_vulcan, overrides_from, person
from vulcan.apps.cli.outcomes import ExitCode, exit_code, state_in_words
from vulcan.apps.cli.safe import safe
from vulcan.apps.cli.views import View, choose_view
from vulcan.domain.budget import Budget
from vulcan.domain.errors import UserError
from vulcan.domain.events import JobOutcome
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor

if TYPE_CHECKING:
    from vulcan.application.ports import Observer
    from vulcan.bootstrap import Project, Vulcan
    from vulcan.domain.events import JobRequested

TERMINATED = 143


@click.command()
@click.argument("instruction", required=False)
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="Repository; default: here.")
@click.option("--yes", is_flag=True, help="Ask nothing: open questions become assumptions in the report.")
@click.option(
    "--merge", type=click.Choice(["person", "proven", "never"]), help="Who may merge; default: person."
)
@click.option("--release", is_flag=True, help="Tag the merge and write release notes.")
@job_options
def run(instruction: str | None, repo: Path, *, yes: bool, **options: Any) -> None:
    """Turn INSTRUCTION into a proven change, on a branch and in a pull request."""
    if instruction == "-" or (instruction is None and not sys.stdin.isatty()):
        instruction = sys.stdin.read()
    _need_folder()
    vulcan = open_vulcan(repo if repo.is_dir() else None, overrides_from(options))
    from vulcan.application.requests import Order

    settings = vulcan.settings
    _need_model(settings.model.name)
    vulcan.warm_up()
    order = Order(
        instruction=instruction or "",
        repository=repo,
        model=settings.model.name,
        budget=settings.budget,
        policy=settings.review,
        by=person(),
        ask=not yes,
    )
    job = vulcan.desk.request(order, vulcan.source())
    sys.exit(work_on(vulcan, job, as_json=options["as_json"], verbose=options["verbose"]))


def _need_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise UserError(
            "the current folder does not exist any more", hint="Change to one that does."
        ) from error


def _need_model(name: str) -> None:
    if not name:
        raise UserError(
            "no model is configured. Set one of these, then run again:",
            hint="  --model anthropic:claude-sonnet-4-5      with ANTHROPIC_API_KEY (any Pydantic AI provider by name)\n"
            "  --model NAME --base-url http://HOST/v1   any OpenAI-compatible server, key in OPENAI_API_KEY\n"
            "  --model dust:AGENT                       an agent of a Dust workspace; see: vulcan models\n"
            '  model = "NAME" under [tool.vulcan] in pyproject.toml, VULCAN_MODEL, or see it work first: vulcan demo',
        )


@click.command()
@click.argument("job", required=False, default="")
@click.option("--answer", help="Answer to the job's question.")
@job_options
def resume(job: str, answer: str | None, **options: Any) -> None:
    """Go on with JOB (default: the newest one of this repository) from its last event."""
    overrides = overrides_from(options)
    first = open_vulcan()
    found = first.desk.find(job)
    state = first.desk.log(found).job
    if state.request is None:
        raise UserError(f"job {found} holds no request")
    overrides.setdefault("model.name", state.request.model)
    vulcan = open_vulcan(Path(state.request.repository), overrides)
    if answer is not None:
        vulcan.desk.answer(found, answer, person())
    vulcan.desk.raise_budget(found, _raised(state.budget, options), person())
    sys.exit(work_on(vulcan, found, as_json=options["as_json"], verbose=options["verbose"]))


def _raised(budget: Budget, options: dict[str, Any]) -> Budget:
    names = {
        "max_cost": "cost",
        "max_tokens": "tokens",
        "max_time": "seconds",
        "max_calls": "calls",
        "rounds": "rounds",
    }
    given = {field: options[name] for name, field in names.items() if options.get(name) is not None}
    return replace(budget, **given)


@click.command()
@click.argument("job", required=False, default="")
@click.option("--json", "as_json", is_flag=True, help="One event a line, for machines.")
def approve(job: str, *, as_json: bool) -> None:
    """Approve what JOB waits for (a merge), and go on with it."""
    vulcan = open_vulcan()
    found = vulcan.desk.find(job)
    what = vulcan.desk.approve(found, person())
    if not as_json:
        click.echo(f"approved: {what}")
    sys.exit(work_on(vulcan, found, as_json=as_json, verbose=False))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One event a line, for machines.")
@click.option("-v", "--verbose", is_flag=True, help="Plain lines, with each tool call.")
@click.option("--unsafe-no-sandbox", is_flag=True, help="Only for throw-away machines: no sandbox.")
def demo(*, as_json: bool, verbose: bool, unsafe_no_sandbox: bool) -> None:
    """See the whole job on a small project; only the model's replies come from a recording."""
    from vulcan.apps.cli.demo import INSTRUCTION, RECORDING, make_project

    overrides: dict[str, object] = {"model.name": RECORDING}
    if unsafe_no_sandbox:
        overrides["sandbox.unsafe"] = True
    vulcan = open_vulcan(None, overrides)
    from vulcan.application.requests import Order

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
    job = vulcan.desk.request(order, vulcan.source())
    sys.exit(work_on(vulcan, job, as_json=as_json, verbose=verbose))


# --------------------------------------------------------------------------------------------- working


def work_on(vulcan: Vulcan, job: str, *, as_json: bool, verbose: bool) -> int:
    """Work on a job until it waits or has ended; asks a person at a terminal and goes on. Returns the exit code."""
    while True:
        code = _work(vulcan, job, choose_view(as_json=as_json, verbose=verbose))
        state = vulcan.desk.log(job).job
        if code != ExitCode.NEEDS_PERSON or as_json or not sys.stdin.isatty():
            break
        vulcan.desk.answer(job, _ask(state), person())
    if not as_json:
        _summary(job, state)
    return code


def _ask(state: Job) -> str:
    waiting = state.waiting
    click.echo(f"\n{safe(waiting.reason if waiting else '')}")
    answer = ""
    while not answer.strip():
        answer = click.prompt("Your answer", default="", show_default=False)
    return answer


def _work(vulcan: Vulcan, job: str, view: View) -> int:
    """One go at the job; Ctrl-C and SIGTERM pause it."""
    state = vulcan.desk.log(job).job
    if state.request is None:
        raise UserError(f"job {job} holds no request")
    _say_sandbox(vulcan.sandbox.name)
    project = vulcan.project(Path(state.request.repository))
    with view, _traced(vulcan, job) as watchers:
        for stored in vulcan.store.read(job):
            view.saw(stored)
        observers = [_Onward(view, state.seq), *watchers]
        stopped = asyncio.run(_drive(project, observers, job, state.request))
    if stopped:
        return TERMINATED if stopped == signal.SIGTERM else ExitCode.PAUSED
    return exit_code(vulcan.desk.log(job).job.next_stage())


@contextlib.contextmanager
def _traced(vulcan: Vulcan, job: str) -> Iterator[list[Observer]]:
    """The observer that sends the job's trace, where one is configured; says what could not be sent."""
    live = vulcan.live_traces()
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


async def _drive(project: Project, observers: list[Observer], job: str, request: JobRequested) -> int:
    """Run the engine; returns the signal that stopped it, or 0."""
    await project.bring(request.base_commit, request.base_branch)
    engine = project.engine(observers)
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(engine.run(job))
    caught: list[int] = []

    def stop(number: int) -> None:
        if caught:  # the second Ctrl-C does not wait for anything
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        caught.append(number)
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return caught[0] if caught else 0


def _summary(job: str, state: Job) -> None:
    """How it stands, and what the person can do now."""
    now = state.next_stage()
    usage = state.usage
    cost = "price unknown" if usage.cost is None else f"${usage.cost:.4f}"
    click.echo("")
    proven = state.proven and not (isinstance(now, Ended) and now.outcome is not JobOutcome.DONE)
    click.secho(f"job {job}: {state_in_words(now)}", bold=True, fg="green" if proven else "yellow")
    click.echo(
        f"  {usage.calls} model calls, {usage.input_tokens:,} tokens in, {usage.output_tokens:,} out, {cost}"
    )
    deployment = state.deployment
    if deployment and deployment.branch:
        click.echo(f"  branch {deployment.branch}, pull request #{deployment.pull_request}")
        click.echo(f"  read it:       vulcan show {job}")
    for line in _what_now(job, state, now):
        click.echo(f"  {line}")


def _what_now(job: str, state: Job, now: object) -> list[str]:
    if isinstance(now, Waiting):
        lines = {
            WaitingFor.APPROVAL: [
                f"merge it:      vulcan approve {job}",
                f"throw it away: vulcan undo {job}",
            ],
            WaitingFor.CLARIFICATION: [safe(now.reason), f'answer: vulcan resume {job} --answer "..."'],
            WaitingFor.BUDGET: [
                safe(now.reason),
                f"go on: vulcan resume {job} --max-cost ... (or --max-tokens, --max-calls, --max-time)",
            ],
            WaitingFor.RESUME: [safe(now.reason), safe(state.next_steps), f"go on: vulcan resume {job}"],
        }
        return [line for line in lines.get(now.waiting_for, []) if line]
    if isinstance(now, Ended):
        return [safe(text) for text in (state.reason, state.next_steps) if text]
    return [f"go on: vulcan resume {job}"]
