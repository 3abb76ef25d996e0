"""The chat without a terminal: a message a line in, plain text or JSON lines out."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import IO, TYPE_CHECKING

import click

from vulcan.apps.cli.rows import FragmentRow, ReplyRow, TurnRow, plain
from vulcan.apps.cli.safe import safe
from vulcan.apps.cli.views import JsonView, PlainView
from vulcan.domain.job import Job

if TYPE_CHECKING:
    from vulcan.application.conversation.open_conversation import Reply
    from vulcan.application.ports import StoredEvent
    from vulcan.apps.cli.chat.session import Session


class PlainScreen:
    """Plain lines."""

    def __init__(self, out: IO[str]) -> None:
        self._view = PlainView(out)

    def fragment(self, text: str) -> None:
        """As it comes."""
        click.echo(safe(text), nl=False)

    def reply(self, reply: Reply) -> None:
        """The answer, unless its fragments were it."""
        if reply.text and not reply.shown:
            click.echo(safe(reply.text))

    def event(self, stored: StoredEvent, job: Job, label: str = "") -> None:
        """A line an event."""
        del job
        self._view.saw(stored, label)

    def turn(self, job: str, text: str) -> None:
        """What can be done now."""
        del job
        click.echo(safe(text))


class JsonScreen:
    """JSON lines: `fragment`, `reply`, `turn`, and the jobs' events as `vulcan run --json` prints them."""

    def __init__(self, out: IO[str]) -> None:
        self._out, self._view = out, JsonView(out)

    def _print(self, row: FragmentRow | ReplyRow | TurnRow) -> None:
        print(json.dumps(plain(row)), file=self._out, flush=True)

    def fragment(self, text: str) -> None:
        """A part of an answer."""
        self._print(FragmentRow("fragment", text))

    def reply(self, reply: Reply) -> None:
        """The whole answer."""
        self._print(ReplyRow("reply", reply.text, reply.intent.value, reply.job, reply.form))

    def event(self, stored: StoredEvent, job: Job, label: str = "") -> None:
        """As elsewhere: each line names its job."""
        del job, label
        self._view.saw(stored)

    def turn(self, job: str, text: str) -> None:
        """What can be done now."""
        self._print(TurnRow("turn", job, text))


async def converse(session: Session, messages: IO[str]) -> int:
    """Answer a message a line, following the jobs meanwhile; at the end wait for what is being worked on."""
    follower = asyncio.create_task(session.follow())
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _pause_or_end, session)
    try:
        while line := await asyncio.to_thread(messages.readline):
            text = message_of(line)
            if text and (await session.say(text)).leave:
                break
    finally:
        follower.cancel()
    await session.until_quiet()
    return session.exit_code()


def _pause_or_end(session: Session) -> None:
    """Ctrl-C pauses what is being worked on; where there is nothing to pause, it ends the chat as it ends any command."""
    if not session.pause_all():
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # at once: a thread may sit in a read that nothing ends
        signal.raise_signal(signal.SIGINT)


def message_of(line: str) -> str:
    """The message of a line: plain text, or JSON such as `{"text": "..."}`, which may hold line breaks."""
    text = line.strip()
    if text.startswith("{"):
        try:
            return str(json.loads(text)["text"])
        except (ValueError, KeyError, TypeError):
            return text
    return text


def screen_for(*, as_json: bool) -> PlainScreen | JsonScreen:
    """Where there is no terminal."""
    return JsonScreen(sys.stdout) if as_json else PlainScreen(sys.stdout)
