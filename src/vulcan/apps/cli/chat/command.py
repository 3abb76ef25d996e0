"""The `chat` command."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vulcan.apps.cli.common import blind_option, job_options, open_vulcan, overrides_from, person
from vulcan.apps.cli.safe import one_line
from vulcan.apps.cli.terminals import at_terminal
from vulcan.domain.errors import UserError

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan
    from vulcan.application.conversation.handler import ConversationHandler

NEWEST = "newest"


@click.command()
@click.option("--repo", type=click.Path(path_type=Path), default=Path(), help="Repository; default: here.")
@click.option(
    "--resume",
    "-r",
    is_flag=False,
    flag_value=NEWEST,
    default="",
    metavar="[ID]",
    help="Go on with a conversation; without ID the newest one about this repository.",
)
@click.option("--list", "listing", is_flag=True, help="List the conversations.")
@click.option("--yes", is_flag=True, help="Requirements and open questions do not wait for your word.")
@blind_option
@job_options
def chat(repo: Path, resume: str, *, listing: bool, yes: bool, blind: bool, **options: Any) -> None:
    """Talk with Vulcan about this repository.

    Start jobs, steer them, ask about them, approve, cancel, undo.

    On a terminal: history, completion, several lines, live stages. In a pipe: a message a line.
    """
    if not repo.is_dir():
        raise UserError(f"there is no folder {repo}")
    vulcan = open_vulcan(repo, overrides_from(options))
    if listing:
        _list(vulcan)
        return
    if vulcan.settings.model.name:
        vulcan.models.check()
    state = vulcan.setup.inspect(repo)
    root = state.root
    known, wanted = vulcan.conversations, "" if resume == NEWEST else resume
    conversation = known.find(wanted, root) if resume else known.begin(root, person())
    talk = known.open(conversation, root, person(), _passed_on(options), ask=not yes, blind=blind)
    if at_terminal() and not options["as_json"]:
        from vulcan.apps.cli.chat.terminal import converse_at_terminal

        sys.exit(asyncio.run(converse_at_terminal(vulcan, talk, state, resumed=bool(resume))))
    sys.exit(_converse(vulcan, talk, as_json=options["as_json"], resumed=bool(resume)))


def _converse(vulcan: Vulcan, talk: ConversationHandler, *, as_json: bool, resumed: bool) -> int:
    from vulcan.apps.cli.chat.plain import converse, screen_for
    from vulcan.apps.cli.chat.session import Session

    screen = screen_for(as_json=as_json)
    session = Session(vulcan, talk, screen)
    if resumed:
        session.skip_past()
        if left := talk.unanswered():
            screen.turn(
                talk.job, f"Your last message was not answered; say it again if it still holds: {left}"
            )
    return asyncio.run(converse(session, sys.stdin))


def _list(vulcan: Vulcan) -> None:
    for each, state in vulcan.conversations.all():
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.updated_at))
        first = state.messages[0].text if state.messages else ""
        where = Path(state.started.repository).name if state.started else ""
        click.echo(
            f"{each}  {when}  {len(state.messages):>4} messages  {len(state.jobs):>2} jobs  {where}  {one_line(first, 60)}"
        )


def _passed_on(options: dict[str, Any]) -> list[str]:
    """Options that the background processes need, too."""
    passed = ["--model", options["model"]] if options.get("model") else []
    passed += ["--base-url", options["base_url"]] if options.get("base_url") else []
    return [*passed, *(["--unsafe-no-sandbox"] if options.get("unsafe_no_sandbox") else [])]
