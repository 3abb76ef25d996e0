"""The chat at a terminal, from its header to its farewell."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import StdoutProxy
from rich.console import Console

from vulcan.application.jobs.amendments import items_of
from vulcan.application.secrets import without_secrets
from vulcan.apps.cli.chat.completion import ChatCompleter, Choice
from vulcan.apps.cli.chat.prompt import ChatPrompt
from vulcan.apps.cli.chat.screen import TerminalScreen
from vulcan.apps.cli.chat.session import Session
from vulcan.apps.cli.safe import one_line
from vulcan.domain.messages import Speaker

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan
    from vulcan.application.conversation.handler import ConversationHandler
    from vulcan.application.ports import SourceState

BUNDLED = 0.05
"""Seconds in which what is printed goes out together: the prompt is painted again after each time."""

PATIENCE = 10.0
"""Seconds that leaving waits for a job to be paused."""

SHOWN = 6
"""Messages of a resumed conversation that are shown again."""

HINT = "/help · Alt-Enter adds a line · Ctrl-D leaves"
NO_MODEL = "no model configured: commands only"


async def converse_at_terminal(
    vulcan: Vulcan, talk: ConversationHandler, source: SourceState, *, resumed: bool
) -> int:
    """Talk until the person leaves; a job under way is paused then, unless they detach. Returns the exit code."""
    proxy = StdoutProxy(sleep_between_writes=BUNDLED, raw=True)
    out = cast("TextIO", proxy)
    with proxy, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        screen = TerminalScreen(Console(file=out, highlight=False, markup=False, emoji=False))
        session = Session(vulcan, talk, screen)
        _open(vulcan, session, screen, source)
        if resumed:
            _recall(session, screen)
        prompt = ChatPrompt(
            session,
            screen,
            history_in(vulcan.settings.state_dir, source.root),
            _completer(vulcan, session, source.root),
        )
        how = await prompt.run(talk.unanswered())
        if how in signal.Signals.__members__:
            session.pause_all()
            _say_no_more()
            return 128 + signal.Signals[how]
        await _take_leave(session, screen, how)
    return 0


def _open(vulcan: Vulcan, session: Session, screen: TerminalScreen, source: SourceState) -> None:
    model = vulcan.settings.model.name
    place = one_line(f"{source.root.name} ({source.branch or source.head[:10]})", 60)
    facts = f"{place} · {one_line(model, 60) if model else NO_MODEL}"
    screen.header("vulcan", facts, f"conversation {session.talk.log.id} · {HINT}")


def _recall(session: Session, screen: TerminalScreen) -> None:
    """The last messages, and the jobs that are being worked on; `Session` says where the others stand."""
    session.skip_past()
    messages = session.talk.log.state.messages
    shown = messages[:-1] if session.talk.unanswered() else messages
    for message in shown[-SHOWN:]:
        if message.speaker is Speaker.PERSON:
            screen.said(_head(message.text), dim=True)
        elif message.text:
            screen.note(_head(message.text))
    for job in session.talk.log.state.jobs:
        if session.talk.workers.busy(job):
            screen.note(f"\nJob {job} is being worked on.")


def _head(text: str) -> str:
    """The first lines, and how many more there are."""
    lines = text.split("\n")
    more = len(lines) - SHOWN
    return "\n".join([*lines[:SHOWN], *([f"... and {more} lines more"] if more > 0 else [])])


def _say_no_more() -> None:
    """What is still to be printed would fail: the terminal may be gone, which then does not even say that it was one."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)


async def _take_leave(session: Session, screen: TerminalScreen, how: str) -> None:
    conversation = session.talk.log.id
    if how == "detach":
        for job in session.going:
            screen.note(f"Job {job} goes on in the background.")
    else:
        for job in session.pause_all():
            screen.note(f"Pausing job {job}.")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(session.until_quiet(), PATIENCE)
    screen.note(f"\nThis was conversation {conversation}. Go on with: vulcan chat --resume {conversation}")


def _completer(vulcan: Vulcan, session: Session, root: Path) -> ChatCompleter:
    others = vulcan.jobs.queries.newest(20)

    def jobs() -> list[Choice]:
        own = list(reversed(session.talk.log.state.jobs))
        return [(job, _instruction(session, job)) for job in own] + [
            (job, "of another conversation") for job in others if job not in own
        ]

    def items() -> list[str]:
        requirement = session.state(session.talk.job).requirement
        return [item.text for item in items_of(requirement)] if requirement else []

    return ChatCompleter(lambda: vulcan.setup.tracked(root), jobs, items)


def _instruction(session: Session, job: str) -> str:
    request = session.state(job).request
    return one_line(request.instruction, 60) if request else ""


class KeptHistory(FileHistory):
    """History in a file; one that can't be written any more is no reason to stop."""

    def store_string(self, string: str) -> None:
        """Append to the file."""
        with contextlib.suppress(OSError):
            super().store_string(without_secrets(string))


def history_in(folder: Path, repository: Path) -> History:
    """The history of a repository's chats, for its owner's eyes only; of this chat alone where it can't be kept."""
    digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:12]
    path = folder / "chat-histories" / digest
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
        path.chmod(0o600)
    except OSError:
        return InMemoryHistory()
    return KeptHistory(str(path))
