"""Commands that look at what jobs did and cost: stats, audit, traces."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.apps.cli.common import open_vulcan
from vulcan.apps.cli.completing import JOB
from vulcan.apps.cli.outcomes import ExitCode
from vulcan.apps.cli.rows import BreachRow, PushedRow, VerifiedRow, emit
from vulcan.apps.cli.safe import one_line, safe
from vulcan.domain.errors import UserError

if TYPE_CHECKING:
    from vulcan.application.observability.service import Observability
    from vulcan.application.observability.stats import Stats, Table


@click.command()
@click.argument("jobs", nargs=-1, type=JOB)
@click.option("--prometheus", is_flag=True, help="Prometheus's text format, for a node exporter's folder.")
@click.option("--json", "as_json", is_flag=True, help="All figures for machines.")
@click.option("--send", is_flag=True, help="Send them to the OpenTelemetry collector (OTLP over HTTP).")
@click.option(
    "--serve",
    metavar="[HOST:]PORT",
    help="Let a Prometheus server fetch the figures of all jobs at /metrics.",
)
def stats(jobs: tuple[str, ...], *, prometheus: bool, as_json: bool, send: bool, serve: str | None) -> None:
    """Show quality, speed and cost of JOBS (default: all).

    In all, and by agent, model, stage and tool.
    """
    from vulcan.application.observability.prometheus import prometheus_text
    from vulcan.domain.codec import encode

    seen = open_vulcan().observability
    if serve is not None:
        _serve(seen, serve, jobs)
        return
    if send:
        count, place = seen.send_metrics(jobs)
        click.echo(f"figures of {count} jobs sent to {place}")
        return
    figures = seen.stats(jobs)
    if prometheus:
        click.echo(prometheus_text(figures), nl=False)
    elif as_json:
        tables = {name: _plain(getattr(figures, name), encode) for name in type(figures).__slots__}
        click.echo(json.dumps(tables | {"coverage": figures.coverage}))
    else:
        _show(figures)


def _serve(observability: Observability, address: str, jobs: tuple[str, ...]) -> None:
    if jobs:
        raise UserError("--serve is for all jobs", hint=f"Leave out {' '.join(jobs)}.")
    with observability.serve_metrics(address) as endpoint, contextlib.suppress(KeyboardInterrupt):
        click.echo(f"figures of all jobs at {endpoint.url} until Ctrl-C")
        endpoint.serve()


def _plain(value: Any, encode: Any) -> Any:
    return {key: encode(each) for key, each in value.items()} if isinstance(value, dict) else encode(value)


def _show(figures: Stats) -> None:
    states = ", ".join(f"{count} {state}" for state, count in figures.states.items()) or "none"
    coverage = "not measured" if figures.coverage is None else f"{figures.coverage:.0f} %"
    click.echo(f"jobs: {figures.jobs} ({states})")
    click.echo(
        f"proven: {figures.proven} of {figures.judged} judged, {figures.proven_at_once} in the first round"
    )
    click.echo(
        f"criteria met: {figures.criteria_proven} of {figures.criteria}; coverage of changed lines: {coverage}"
    )
    gates = ", ".join(f"{g} {c.passed}/{c.passed + c.failed}" for g, c in figures.gates.items())
    click.echo(f"gates passed: {gates or 'none'}")
    click.echo(f"work: {figures.seconds:.0f} s in {figures.rounds} rounds")
    total = figures.total
    unpriced = f" and {total.unpriced} calls of unknown price" if total.unpriced else ""
    credits_ = f", {total.credits:,.1f} credits" if total.credits else ""
    click.echo(f"models: {total.calls} calls, {_tokens(total)} tokens, ${total.cost:.4f}{unpriced}{credits_}")
    tables = {"agent": figures.by_agent, "model": figures.by_model, "stage": figures.by_stage}
    for name, table in (tables | {"tool": figures.by_tool}).items():
        _show_table(name, table)


def _tokens(spent: Any) -> str:
    return f"{spent.input_tokens:,.0f} + {spent.output_tokens:,.0f}"


def _show_table(name: str, table: Table) -> None:
    if not table:
        return
    click.secho(f"\n{name:<28} {'calls':>6} {'seconds':>9} {'tokens in + out':>20} {'cost':>10}", bold=True)
    for key, spent in table.items():
        cost = f"${spent.cost:.4f}{'+?' if spent.unpriced else ''}"
        click.echo(
            f"{one_line(key, 28):<28} {spent.calls:>6} {spent.seconds:>9.1f} {_tokens(spent):>20} {cost:>10}"
        )


@click.group()
def audit() -> None:
    """Verify and export the activity log.

    It says of every act who, what, when and on whose authority.
    """


@audit.command("verify")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One object, for machines.")
def verify_log(file: Path | None, *, as_json: bool) -> None:
    """Find what was edited, removed or moved in the log, or in FILE.

    FILE is an export of the log. Exits with 1 if there is anything.
    """
    with file.open(encoding="utf-8", errors="replace") if file else contextlib.nullcontext() as lines:
        verified = open_vulcan().observability.verify(lines)
    breaches, chain, talks = verified.breaches, verified.jobs, verified.conversations
    if as_json:
        found = tuple(BreachRow(each.where, each.what) for each in breaches)
        emit(VerifiedRow(found, chain.length + talks.length, chain.head))
        sys.exit(ExitCode.FAILED if breaches else ExitCode.DONE)
    for breach in breaches:
        click.secho(f"{safe(breach.where)}: {breach.what}", fg="red")
    if breaches:
        click.echo(
            f"{len(breaches)} breaches. Compare with an earlier export or a backup of the state folder."
        )
        sys.exit(ExitCode.FAILED)
    older = f"; {chain.older} older ones are from before there was a chain" if chain.older else ""
    click.echo(f"the log is whole: {chain.length} events, head {chain.head[:16] or 'none'}{older}")
    if talks.length:
        click.echo(f"so are the conversations: {talks.length} events, head {talks.head[:16]}")


@audit.command("export")
@click.option("--output", "-o", type=click.File("w"), default="-", help="File; default: standard output.")
def export_log(output: Any) -> None:
    """Write all acts as JSONL, oldest first, secrets masked.

    `vulcan audit verify FILE` checks the file.
    """
    for line in open_vulcan().observability.export():
        click.echo(line, file=output)


@click.group()
def traces() -> None:
    """Jobs as traces in Langfuse."""


@traces.command()
@click.argument("jobs", nargs=-1, type=JOB)
@click.option("--json", "as_json", is_flag=True, help="One job a line, for machines.")
def push(jobs: tuple[str, ...], *, as_json: bool) -> None:
    """Send of JOBS (default: all) what Langfuse does not have yet.

    Sending twice doubles nothing.
    """
    for job, pushed in open_vulcan().observability.push_traces(jobs):
        if as_json:
            emit(PushedRow(job, pushed.spans, pushed.scores, pushed.refused))
            continue
        click.echo(f"job {job}: {pushed.spans} spans and {pushed.scores} scores sent")
        for refused in pushed.refused:
            click.secho(f"  refused for ever: {safe(refused)}", fg="yellow")
