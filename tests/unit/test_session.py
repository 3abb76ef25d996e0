"""What a chat shows of its jobs."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from fakes.talkers import Table
from vulcan.application.api import Vulcan
from vulcan.application.conversation.open_conversation import Reply
from vulcan.application.ports import StoredEvent
from vulcan.apps.cli.chat.prompt import ChatPrompt
from vulcan.apps.cli.chat.screen import TerminalScreen
from vulcan.apps.cli.chat.session import Session
from vulcan.domain.events import Stage, StageStarted
from vulcan.domain.job import Job


class NotedScreen:
    """Notes the stages that it is shown, with the label of each."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, str]] = []

    def fragment(self, text: str) -> None: ...
    def reply(self, reply: Reply) -> None: ...
    def turn(self, job: str, text: str) -> None: ...

    def event(self, stored: StoredEvent, job: Job, label: str = "") -> None:
        if isinstance(stored.event, StageStarted):
            self.stages.append((stored.job, label))


def session_at(at: Table, screen: Any) -> Session:
    return Session(cast("Vulcan", SimpleNamespace(jobs=at.ordered)), at.talk, screen)


async def test_jobs_that_run_side_by_side_are_named_on_their_lines_and_one_alone_is_not() -> None:
    at, screen = Table(), NotedScreen()
    session = session_at(at, screen)
    await at.hear("/new Make add add")
    first = at.talk.job
    at.workers.working.add(first)
    at.happens(StageStarted(Stage.GENERATE, 1))
    session.look()
    await at.hear("/new Make sub subtract")
    second = at.talk.job
    at.workers.working.add(second)
    at.happens(StageStarted(Stage.GENERATE, 1))
    session.look()
    at.workers.working.remove(first)
    at.happens(StageStarted(Stage.JUDGE, 1))
    session.look()
    assert screen.stages == [(first, ""), (second, second), (second, "")]


async def test_each_of_the_jobs_that_run_has_a_status_line_below_the_prompt() -> None:
    at = Table()
    for instruction in ("Make add add", "Make sub subtract"):
        await at.hear(f"/new {instruction}")
        at.workers.working.add(at.talk.job)
        at.happens(StageStarted(Stage.GENERATE, 1))
    screen = TerminalScreen(Console(file=io.StringIO()))
    session = session_at(at, screen)
    with create_app_session(output=DummyOutput()):
        prompt = ChatPrompt(session, screen, InMemoryHistory(), DummyCompleter())
        prompt._look()
        below = "".join(text for _, text, *_ in prompt._toolbar())
    lines = below.split("\n")
    assert [line[2:10] for line in lines] == list(at.talk.log.state.jobs)
    assert all("3/10 generate" in line for line in lines)
