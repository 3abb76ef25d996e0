"""Completion in shells: click's own, with the ids of jobs, installed by `vulcan completion SHELL --install`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem, get_completion_class

from vulcan.application.jobs.status import describe
from vulcan.apps.cli.safe import one_line
from vulcan.domain.errors import UserError, VulcanError

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan

VARIABLE = "_VULCAN_COMPLETE"
NEWEST = 50
FOLDERS = {
    "bash": ("XDG_DATA_HOME", ".local/share", "bash-completion/completions/vulcan"),
    "fish": ("XDG_CONFIG_HOME", ".config", "fish/completions/vulcan.fish"),
    "zsh": ("XDG_DATA_HOME", ".local/share", "vulcan/completion.zsh"),
}
"""Where each shell looks by itself; zsh looks nowhere, so that its start file is told."""
MARK = "# vulcan completion"


class JobType(click.ParamType[str]):
    """The id of a job; the newest ones are offered."""

    name = "job"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Ids that begin with what is there, with what each job is about."""
        del param
        try:
            return list(_offered(ctx, incomplete))
        except (VulcanError, OSError):  # a completion has nowhere to complain
            return []


JOB = JobType()


def _offered(ctx: click.Context, incomplete: str) -> Iterator[CompletionItem]:
    vulcan: Vulcan = ctx.find_root().obj(None, os.environ, {})
    for job in [each for each in reversed(vulcan.jobs.queries.ids()) if each.startswith(incomplete)][:NEWEST]:
        state = vulcan.jobs.queries.job(job)
        asked = state.request.instruction if state.request else ""
        day = time.strftime("%Y-%m-%d", time.localtime(state.requested_at))
        yield CompletionItem(job, help=one_line(f"{day} {describe(state).headline}: {asked}", 70))


@click.command()
@click.argument("shell", type=click.Choice(list(FOLDERS)))
@click.option("--install", is_flag=True, help="Write it to where the shell finds it; without: print it.")
@click.pass_context
def completion(context: click.Context, shell: str, *, install: bool) -> None:
    """Complete commands, options and job ids in bash, zsh or fish."""
    kind = get_completion_class(shell)
    if kind is None:
        raise UserError(f"there is no completion for {shell}")
    script = kind(context.find_root().command, {}, "vulcan", VARIABLE).source()
    if not install:
        click.echo(script)
        return
    path = _place(shell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{script}\n", encoding="utf-8")
    click.echo(f"written: {path}")
    if shell == "zsh":
        click.echo(_tell_zsh(path))
    click.echo("It works in shells that are started from now on.")


def _place(shell: str) -> Path:
    variable, default, name = FOLDERS[shell]
    given = Path(os.environ.get(variable, ""))
    return (given if given.is_absolute() else Path.home() / default) / name


def _tell_zsh(script: Path) -> str:
    """Let zsh's start file load the script, once."""
    start = Path(os.environ.get("ZDOTDIR") or Path.home()) / ".zshrc"
    before = start.read_text(encoding="utf-8", errors="surrogateescape") if start.is_file() else ""
    if MARK in before:
        return f"{start} loads it already"
    lines = f"(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}\nsource '{script}'\n"
    with start.open("a", encoding="utf-8") as file:
        file.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{MARK}\n{lines}")
    return f"{start} loads it"
