"""The `vulcan` command: its groups, and errors turned into messages that say what to do next."""

from __future__ import annotations

from typing import Any

import click

from vulcan import __version__
from vulcan.apps.cli import (
    completing,
    config,
    doctor,
    gc,
    jobs,
    models,
    prompts,
    schemas,
    setting_up,
    verifying,
    watching,
    work,
)
from vulcan.apps.cli.chat.command import chat
from vulcan.apps.cli.outcomes import ExitCode
from vulcan.apps.cli.safe import safe
from vulcan.apps.cli.terminals import at_terminal, colours, in_repository
from vulcan.domain.errors import NO_ROOM, NO_ROOM_HINT, JobNotFound, UserError, VulcanError

USAGE_ERRORS = (UserError, JobNotFound)


EPILOG = """\b
Exit codes:
  0  done: proven (a merge may wait)    4  needs a person's answer
  1  failed (resume tries again)        5  over budget
  2  usage, or too few tests seen       6  cancelled
  3  not proven                       130  paused (resume goes on)
Limits and the model can be set once and for all: vulcan config, vulcan init."""


class Group(click.Group):
    """Turns Vulcan's errors into messages that say what to do next."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; broad `except` stands nowhere here, bugs keep their traceback."""
        try:
            return super().invoke(ctx)
        except VulcanError as error:
            click.secho(f"vulcan: {safe(error.message)}", fg="red", err=True)
            if error.hint:
                click.echo(safe(error.hint), err=True)
            ctx.exit(ExitCode.USAGE if isinstance(error, USAGE_ERRORS) else ExitCode.FAILED)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            click.secho(f"vulcan: {safe(str(error))}", fg="red", err=True)
            click.echo(NO_ROOM_HINT, err=True)
            ctx.exit(ExitCode.FAILED)


@click.group(
    cls=Group,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, "-V", "--version", message="vulcan %(version)s")
@click.pass_context
def command(context: click.Context) -> None:
    """Vulcan turns an instruction into a proven change: tests, evidence, pull request.

    The model never decides that it is done; the evidence is run again in clean checkouts. Without a command, at a
    terminal and in a repository: chat.
    """
    context.color = colours()
    if context.invoked_subcommand is not None:
        return
    if not (at_terminal() and in_repository()):
        click.echo(context.get_help(), err=True)
        context.exit(ExitCode.USAGE)
    chat.invoke(chat.make_context("chat", [], parent=context))


for each in (
    work.run,
    verifying.verify,
    chat,
    work.resume,
    jobs.list_jobs,
    jobs.show,
    jobs.ask,
    work.approve,
    jobs.cancel,
    jobs.undo,
    watching.stats,
    watching.audit,
    watching.traces,
    prompts.prompts,
    models.models,
    models.needs,
    models.dust,
    setting_up.setup,
    doctor.doctor,
    completing.completion,
    config.init,
    config.config,
    gc.gc,
    schemas.schema,
    work.demo,
):
    command.add_command(each)
