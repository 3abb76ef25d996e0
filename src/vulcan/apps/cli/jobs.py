"""Commands that look at jobs or end them: jobs, show, cancel, undo."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.application.jobs.status import Phase, describe
from vulcan.apps.cli.common import open_vulcan, overrides_from, person, say
from vulcan.apps.cli.completing import JOB
from vulcan.apps.cli.rows import AnswerRow, CancelledRow, JobRow, UndoneRow, emit
from vulcan.apps.cli.safe import one_line, safe
from vulcan.apps.cli.views import JsonView, PlainView, View
from vulcan.domain.job import Job, apply

if TYPE_CHECKING:
    from vulcan.application.jobs.queries import JobQueries


@click.command("jobs")
@click.option("--json", "as_json", is_flag=True, help="One job a line, for machines.")
def list_jobs(*, as_json: bool) -> None:
    """List all jobs, oldest first."""
    vulcan = open_vulcan()
    say(vulcan.jobs.queries.lost() if vulcan.jobs.queries.ids() else vulcan.jobs.queries.doubts())
    for job, state in vulcan.jobs.queries.jobs():
        if as_json:
            emit(_row(job, state))
        else:
            asked = state.request.instruction if state.request else ""
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.requested_at))
            words = describe(state).headline
            click.echo(f"{job}  {when}  {words:<34}  {one_line(asked, 70)}")


def _row(job: str, state: Job) -> JobRow:
    request, deployment = state.request, state.deployment
    return JobRow(
        job=job,
        state=describe(state).headline,
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
@click.option(
    "--statement", is_flag=True, help="The evidence as an in-toto statement, for machines; schema: verify."
)
@click.option("--recording", is_flag=True, help="The model's replies, as a recorded: model plays them.")
@click.option("--follow", is_flag=True, help="Show events as they come, until the job waits or has ended.")
def show(
    job: str, *, events: bool, diff: bool, as_json: bool, statement: bool, recording: bool, follow: bool
) -> None:
    """Show JOB (default: the newest): its pull request and evidence."""
    vulcan = open_vulcan()
    queries = vulcan.jobs.queries
    found = queries.find(job)
    if recording:
        for reply in queries.recording(found):
            click.echo(json.dumps(reply))
    elif events or follow:
        view: View = JsonView(sys.stdout) if as_json else PlainView(sys.stdout, tools=True)
        _show_events(queries, found, view, follow=follow)
    elif diff:
        click.echo(safe(queries.diff(found)), nl=False)
    elif statement:
        from vulcan.application.attestation import job_statement

        click.echo(json.dumps(job_statement(found, queries.job(found))))
    elif as_json:
        from vulcan.application.report import machine_report

        click.echo(machine_report(found, queries.job(found)))
    else:
        _page(found, queries.job(found))


def _show_events(queries: JobQueries, job: str, view: View, *, follow: bool) -> None:
    if not follow:
        for stored in queries.events(job):
            view.saw(stored)
        return
    from vulcan.domain.events import Stage

    state = Job()
    for news in queries.follow(job):
        if news is not None:
            state = apply(state, news.event, news.at)
            view.saw(news)
        elif not isinstance(state.next_stage(), Stage):
            return
        else:
            time.sleep(0.1)


def _page(job: str, state: Job) -> None:
    request, deployment, status = state.request, state.deployment, describe(state)
    click.secho(f"job {job}: {status.headline}", bold=True)
    if request:
        click.echo(
            f"asked by {safe(request.requested_by)} for {request.repository} at {request.base_commit[:10]}"
        )
    if status.phase is Phase.WAITING:
        click.echo(f"{status.label}: {safe(status.reason)}")
    elif status.reason:
        click.echo(safe(status.reason))
    if state.baseline:
        click.echo(f"Vulcan {safe(state.baseline.in_words)}, with: {safe(state.baseline.command)}")
    if deployment and deployment.pull_request:
        from vulcan.application.commits import requirement_of, subject
        from vulcan.application.report import pull_request_body

        title = subject(requirement_of(state))
        delivered = deployment.status.value
        click.echo(f"pull request #{deployment.pull_request} ({delivered}): {safe(title)}")
        click.echo(f"branch {deployment.branch} at {deployment.commit[:10]}\n")
        _markdown(safe(pull_request_body(job, state)))
    elif state.requirement:
        click.echo(f"goal: {safe(state.requirement.summary)}")
        for criterion in state.requirement.criteria:
            click.echo(f"  {criterion.id} {safe(criterion.text)}")
    _spending(state)


def _spending(state: Job) -> None:
    """Who spent what, where."""
    from vulcan.application.jobs.spending import spending_table, usage_in_words

    if not state.usage.calls:
        return
    tables = {"agent": state.usage_by_agent, "stage": state.usage_by_stage, "model": state.usage_by_model}
    click.secho(f"spent: {usage_in_words(state.usage)}", bold=True)
    for line in spending_table({source: dict(table) for source, table in tables.items()}):
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
    found, text = first.jobs.queries.find(job), " ".join(question)
    if known := first.conversations.known_answer(text, found):
        _answer(AnswerRow(found, known, from_log=True), as_json=as_json)
        return
    request = first.jobs.queries.request(found)
    root, overrides = Path(request.repository), overrides_from(options)
    overrides.setdefault("model.name", request.model)
    vulcan = open_vulcan(root if root.is_dir() else None, overrides)
    show = (lambda _: None) if as_json else (lambda piece: click.echo(safe(piece), nl=False))
    reply = asyncio.run(vulcan.conversations.ask(text, found, person(), show))
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
    found = vulcan.jobs.queries.find(job)
    vulcan.jobs.commands.cancel(found, person())
    if as_json:
        emit(CancelledRow(found, describe(vulcan.jobs.queries.job(found)).headline))
        return
    click.echo(f"job {found} is cancelled; remove what it made with: vulcan undo {found}")


@click.command()
@click.argument("job", type=JOB)
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def undo(job: str, *, as_json: bool) -> None:
    """Remove what JOB made; your own work is never touched.

    That is its branches, its pull request and its working directories.
    """
    from vulcan.application.jobs.commands import what_stays

    vulcan = open_vulcan()
    found = vulcan.jobs.queries.find(job)
    removed = asyncio.run(vulcan.jobs.commands.undo(found, person()))
    if as_json:
        emit(UndoneRow(found, removed))
        return
    for what in removed:
        click.echo(f"removed {what}")
    click.echo(f"job {found} is undone" if removed else f"job {found} had made nothing that is still there")
    if stays := what_stays(vulcan.jobs.queries.job(found)):
        click.echo(stays)
