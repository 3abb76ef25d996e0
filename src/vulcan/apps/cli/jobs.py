"""Commands that look at jobs or end them: jobs, show, cancel, undo."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from vulcan.apps.cli.common import open_vulcan, overrides_from, person, say
from vulcan.apps.cli.completing import JOB
from vulcan.apps.cli.outcomes import state_in_words
from vulcan.apps.cli.rows import AnswerRow, CancelledRow, JobRow, UndoneRow, emit
from vulcan.apps.cli.safe import one_line, safe
from vulcan.apps.cli.views import JsonView, PlainView, View
from vulcan.domain.errors import UserError
from vulcan.domain.events import ModelReplied
from vulcan.domain.job import Ended, Job


@click.command("jobs")
@click.option("--json", "as_json", is_flag=True, help="One job a line, for machines.")
def list_jobs(*, as_json: bool) -> None:
    """List all jobs, oldest first."""
    vulcan = open_vulcan()
    say(vulcan.lost_jobs() if vulcan.store.jobs() else vulcan.doubts())
    for job, state in vulcan.desk.jobs():
        if as_json:
            emit(_row(job, state))
        else:
            asked = state.request.instruction if state.request else ""
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.requested_at))
            words = state_in_words(state.next_stage())
            click.echo(f"{job}  {when}  {words:<34}  {one_line(asked, 70)}")


def _row(job: str, state: Job) -> JobRow:
    request, deployment = state.request, state.deployment
    return JobRow(
        job=job,
        state=state_in_words(state.next_stage()),
        instruction=request.instruction if request else "",
        repository=request.repository if request else "",
        branch=deployment.branch if deployment else "",
        proven=state.proven,
        tokens=state.usage.tokens,
        cost=state.usage.cost,
    )


@click.command()
@click.argument("job", required=False, default="", type=JOB)
@click.option("--events", is_flag=True, help="The log, a line an event.")
@click.option("--diff", is_flag=True, help="The change as a diff.")
@click.option("--json", "as_json", is_flag=True, help="The evidence (or with --events the log) for machines.")
@click.option("--recording", is_flag=True, help="The model's replies, as a recorded: model plays them.")
@click.option("--follow", is_flag=True, help="Show events as they come, until the job waits or has ended.")
def show(job: str, *, events: bool, diff: bool, as_json: bool, recording: bool, follow: bool) -> None:
    """Show JOB (default: the newest): its pull request and evidence."""
    vulcan = open_vulcan()
    found = vulcan.desk.find(job)
    log = vulcan.desk.log(found)
    if recording:
        for stored in vulcan.store.read(found):
            if isinstance(stored.event, ModelReplied):
                payload = json.loads(log.kept(stored.event.payload))
                words = {key: value for key, value in payload.items() if key not in {"message", "version"}}
                click.echo(json.dumps({"key": stored.event.key} | words))
    elif events or follow:
        view: View = JsonView(sys.stdout) if as_json else PlainView(sys.stdout, tools=True)
        _show_events(vulcan, found, view, follow=follow)
    elif diff:
        click.echo(safe(_diff(vulcan, log.job)), nl=False)
    elif as_json:
        from vulcan.application.report import machine_report

        click.echo(machine_report(found, log.job))
    else:
        _page(found, log.job)


def _show_events(vulcan: Any, job: str, view: Any, *, follow: bool) -> None:
    if not follow:
        for stored in vulcan.store.read(job):
            view.saw(stored)
        return
    from vulcan.domain.events import Stage

    state = Job()
    for stored in vulcan.store.follow(job):
        if stored is not None:
            state = state.apply(stored.event, stored.at)
            view.saw(stored)
        elif not isinstance(state.next_stage(), Stage):
            return
        else:
            time.sleep(0.1)


def _diff(vulcan: Any, state: Job) -> str:
    if state.request is None:
        raise UserError("the job has no request")
    repository = vulcan.repository(Path(state.request.repository))
    return str(repository.diff(state.request.base_commit, state.newest_commit))


def _page(job: str, state: Job) -> None:
    request, deployment = state.request, state.deployment
    click.secho(f"job {job}: {state_in_words(state.next_stage())}", bold=True)
    if request:
        click.echo(
            f"asked by {safe(request.requested_by)} for {request.repository} at {request.base_commit[:10]}"
        )
    if state.waiting:
        click.echo(f"waits for {state.waiting.waiting_for.value}: {safe(state.waiting.reason)}")
    if isinstance(state.next_stage(), Ended) and state.reason:
        click.echo(safe(state.reason))
    if state.baseline:
        click.echo(f"Vulcan {safe(state.baseline.in_words)}, with: {safe(state.baseline.command)}")
    if deployment and deployment.pull_request:
        from vulcan.application.commits import requirement_of, subject
        from vulcan.application.report import pull_request_body

        title = subject(requirement_of(state))
        status = deployment.status.value
        click.echo(f"pull request #{deployment.pull_request} ({status}): {safe(title)}")
        click.echo(f"branch {deployment.branch} at {deployment.commit[:10]}\n")
        _markdown(safe(pull_request_body(job, state)))
    elif state.requirement:
        click.echo(f"goal: {safe(state.requirement.summary)}")
        for criterion in state.requirement.criteria:
            click.echo(f"  {criterion.id} {safe(criterion.text)}")
    _spending(state)


def _spending(state: Job) -> None:
    """Who spent what, where."""
    from vulcan.application.spending import spending_table, usage_in_words

    if not state.usage.calls:
        return
    tables = {"agent": state.usage_by_agent, "stage": state.usage_by_stage, "model": state.usage_by_model}
    click.secho(f"spent: {usage_in_words(state.usage)}", bold=True)
    for line in spending_table({source: dict(table or {}) for source, table in tables.items()}):
        click.echo(f"  {safe(line)}")


def _markdown(text: str) -> None:
    """Rendered on a terminal, as it is elsewhere."""
    if not sys.stdout.isatty():
        from vulcan.application.markdown import as_read

        click.echo(as_read(text))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


@click.command()
@click.argument("job", type=JOB)
@click.argument("question", nargs=-1, required=True)
@click.option("--model", help="Model for what the log's own words do not answer (why ...); as for run.")
@click.option("--base-url", help="OpenAI-compatible endpoint for the model, up to and with /v1.")
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def ask(job: str, question: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Ask about JOB: what it cost, what failed, what proves it.

    Common questions are answered from its log without a model, others by the model from log and files. Every source is
    checked before the answer is shown; what has none is "not in the log".
    """
    first = open_vulcan()
    found, text = first.desk.find(job), " ".join(question)
    state = first.desk.log(found).job
    root = Path(state.request.repository if state.request else ".")
    from vulcan.application.converse.questions import from_log

    if known := from_log(text, first.subject(found, root)):
        _answer(AnswerRow(found, known, from_log=True), as_json=as_json)
        return
    from vulcan.apps.cli.chat.command import SINGLE_QUESTION, begin

    overrides = overrides_from(options)
    if state.request is not None:
        overrides.setdefault("model.name", state.request.model)
    vulcan = open_vulcan(root if root.is_dir() else None, overrides)
    talk = vulcan.talk(begin(vulcan, root, SINGLE_QUESTION), root, [], person())
    talk.choose(found)
    show = (lambda _: None) if as_json else (lambda piece: click.echo(safe(piece), nl=False))
    reply = asyncio.run(talk.hear(f"/ask {text}", show))
    if as_json or not reply.shown:
        _answer(AnswerRow(found, reply.text, from_log=False), as_json=as_json)


def _answer(row: AnswerRow, *, as_json: bool) -> None:
    if as_json:
        emit(row)
    else:
        click.echo(safe(row.answer))


@click.command()
@click.argument("job", type=JOB)
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def cancel(job: str, *, as_json: bool) -> None:
    """End JOB; a worker that is on it stops before its next step."""
    vulcan = open_vulcan()
    found = vulcan.desk.find(job)
    vulcan.desk.cancel(found, person())
    if as_json:
        emit(CancelledRow(found, state_in_words(vulcan.desk.log(found).job.next_stage())))
        return
    click.echo(f"job {found} is cancelled; remove what it made with: vulcan undo {found}")


@click.command()
@click.argument("job", type=JOB)
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def undo(job: str, *, as_json: bool) -> None:
    """Remove what JOB made; your own work is never touched.

    That is its branches, its pull request and its working directories.
    """
    from vulcan.application.requests import what_stays

    vulcan = open_vulcan()
    found = vulcan.desk.find(job)
    removed = asyncio.run(vulcan.undo(found, person()))
    if as_json:
        emit(UndoneRow(found, removed))
        return
    for what in removed:
        click.echo(f"removed {what}")
    click.echo(f"job {found} is undone" if removed else f"job {found} had made nothing that is still there")
    if stays := what_stays(vulcan.desk.log(found).job):
        click.echo(stays)
