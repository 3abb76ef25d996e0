"""`vulcan prompts`: what the agents are told, and bringing it to Langfuse."""

from __future__ import annotations

import click

from vulcan.apps.cli.common import open_vulcan
from vulcan.apps.cli.rows import PromptRow, StoredPromptRow, emit
from vulcan.apps.cli.safe import safe


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One prompt a line, with its text, for machines.")
@click.pass_context
def prompts(context: click.Context, *, as_json: bool) -> None:
    """List the agents' prompts as the next job would use them.

    With their version, the digest of their text, and where they are from.
    """
    if context.invoked_subcommand:
        return
    for each in open_vulcan().installation.prompts():
        if as_json:
            emit(PromptRow(each.agent, each.version, each.text, each.origin, each.digest))
        else:
            click.echo(safe(f"{each.agent:<12} {each.version:<12} {each.digest}  {each.origin}"))


@prompts.command()
@click.option("--label", "labels", multiple=True, help="A further label for them, such as production.")
@click.option("--json", "as_json", is_flag=True, help="One prompt a line, for machines.")
def push(labels: tuple[str, ...], *, as_json: bool) -> None:
    """Bring the packaged prompts to Langfuse.

    They are labelled vulcan-VERSION; texts that are there already are not sent again.
    """
    for agent, number, new in open_vulcan().installation.push_prompts(labels):
        if as_json:
            emit(StoredPromptRow(agent, number, new))
            continue
        click.echo(f"{agent}: {'stored as' if new else 'is there as'} version {number}")
