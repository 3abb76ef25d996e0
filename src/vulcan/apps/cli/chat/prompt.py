"""The prompt of the chat: it stays while answers and jobs' lines come above it; below it stands how the job goes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import time
from collections.abc import Callable, Iterator

from prompt_toolkit import PromptSession
from prompt_toolkit.application import Application
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import Completer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.styles import Style

from vulcan.application.conversation.open_conversation import Waits
from vulcan.apps.cli.chat.completion import offers_itself
from vulcan.apps.cli.chat.keys import bindings
from vulcan.apps.cli.chat.pasting import Pasted
from vulcan.apps.cli.chat.screen import MARK, TerminalScreen
from vulcan.apps.cli.chat.session import Session
from vulcan.apps.cli.safe import one_line
from vulcan.apps.cli.status import fitting, status_parts
from vulcan.domain.events import Stage
from vulcan.domain.job import Waiting, WaitingFor

TICK = 0.2
"""Seconds between looks at the jobs, and between changes of what moves."""

AGAIN = 2.0
"""Seconds within which a second Ctrl-C is an attempt to leave."""

LINES = 4
"""Jobs that run side by side and have a line each below the prompt."""

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
LEAVING = "Ctrl-D or /quit leaves"
ASKS = {
    WaitingFor.CLARIFICATION: "answer",
    WaitingFor.CONFIRMATION: "requirements ok?",
    WaitingFor.APPROVAL: "merge?",
    WaitingFor.BUDGET: "more budget?",
    WaitingFor.RESUME: "resume?",
}
STYLE = Style.from_dict(
    {
        "bottom-toolbar": "noreverse",
        "prompt": "bold ansicyan",
        "thinking": "nobold fg:default",
        "faint": "nobold ansibrightblack",
        "auto-suggestion": "ansibrightblack",
    }
)


class ChatPrompt:
    """Holds the prompt open until the person leaves.

    Args:
        session: the conversation and its jobs.
        screen: where what is said and done is printed.
        history: what was typed before.
        completer: what Tab offers.
    """

    def __init__(
        self, session: Session, screen: TerminalScreen, history: History, completer: Completer
    ) -> None:
        self._session, self._screen = session, screen
        self._going: list[str] = []
        self._answering: asyncio.Task[None] | None = None
        self._asked_at = self._interrupted_at = float("-inf")
        self._failure: BaseException | None = None
        self._pasted = Pasted()
        self._queue: list[tuple[str, Waits]] = []
        self.left = ""
        self._prompt: PromptSession[str] = PromptSession(
            message=self._message,
            multiline=True,
            prompt_continuation="  ",
            history=history,
            auto_suggest=AutoSuggestFromHistory(),
            completer=completer,
            complete_in_thread=True,
            complete_while_typing=Condition(self._offers),
            reserve_space_for_menu=6,
            key_bindings=bindings(self),
            enable_suspend=True,
            enable_open_in_editor=True,
            erase_when_done=True,
            style=STYLE,
        )

    @property
    def _app(self) -> Application[str]:
        return self._prompt.app

    async def run(self, default: str = "") -> str:
        """Talk until the person leaves; returns `quit`, `detach`, or the signal's name that ended it."""
        follower = asyncio.create_task(self._follow())
        follower.add_done_callback(self._fell_over)
        try:
            with _ends(self._hang_up):
                await self._prompt.prompt_async(
                    default=self._pasted.put(default),
                    pre_run=self._put_away_if_left,
                    set_exception_handler=False,
                )
        except (EOFError, OSError) as error:  # the terminal is gone
            if isinstance(error, OSError) and error.errno != errno.EIO:
                raise
            self.left = self.left or signal.SIGHUP.name
        finally:
            for task in (follower, self._answering):
                if task is not None:
                    task.cancel()
        if self._failure is not None:
            raise self._failure
        return self.left

    # ------------------------------------------------------------------------------- as `Actions` has it

    def send(self, text: str) -> None:
        """Pass a message on, after the answer that is still to come: it is heard as what it was when it was typed."""
        if self._answering is not None:
            self._queue.append((text, self._session.talk.waits()))
        else:
            self._pass_on(text)

    def _pass_on(self, text: str, typed: Waits | None = None) -> None:
        self._asked_at = time.monotonic()
        self._answering = asyncio.create_task(self._say(text, typed))
        self._answering.add_done_callback(self._answered)

    def pasted(self, text: str) -> str:
        """Short text as it is; long text as one line, whose place it takes when the message is sent."""
        return self._pasted.put(text)

    def stop(self) -> None:
        """Stop the answer; what waited for its end goes back into the input, as nobody knows if it still holds."""
        if self._answering is None:
            return
        self._answering.cancel()
        if self._queue:
            buffer = self._prompt.default_buffer
            text = "\n".join([*(text for text, _ in self._queue), *filter(None, [buffer.text])])
            buffer.document = Document(text)
            self._queue.clear()

    def interrupt(self) -> None:
        """Stop the answer; else pause the job; else say how to leave."""
        now = time.monotonic()
        again, self._interrupted_at = now - self._interrupted_at < AGAIN, now
        if self._answering is not None:
            self.stop()
        elif self._going and not again:
            for job in self._session.pause_all():
                self._screen.note(f"Pausing job {job}. Go on with: /resume")
        else:
            self._screen.note(LEAVING)

    def leave(self, how: str = "quit") -> None:
        """Put the prompt away."""
        self.left = self.left or how
        self._put_away_if_left()

    # -------------------------------------------------------------------------------------------- the work

    async def _say(self, text: str, typed: Waits | None) -> None:
        self._screen.said(text)
        message, left_out = self._pasted.whole(text)
        if left_out:
            self._screen.note(f"A message has no room for {left_out:,} characters in the middle of it.")
        try:
            reply = await self._session.say(message, typed)
        except asyncio.CancelledError:
            if self.left:
                raise
            self._session.talk.stopped()
            self._screen.end_line()
            self._screen.note("Stopped.")
        else:
            self._look()
            if reply.leave:
                self.leave(reply.leave)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering = None
        self._fell_over(task)
        if self._queue and not self.left:
            self._pass_on(*self._queue.pop(0))
        self._app.invalidate()

    def _fell_over(self, task: asyncio.Task[None]) -> None:
        """What is a bug or a full disk ends the chat with its own words."""
        if task.cancelled() or task.exception() is None or self.left:
            return
        self._failure = task.exception()
        self.leave("error")

    async def _follow(self) -> None:
        while True:
            before = (self._asks(), bool(self._going))
            self._look()
            moves = self._going or self._answering is not None
            if moves or before != (self._asks(), bool(self._going)):
                self._app.invalidate()
            await asyncio.sleep(TICK)

    def _look(self) -> None:
        self._session.look()
        self._going = self._session.going
        self._prompt.bottom_toolbar = self._toolbar if self._going else None

    def _put_away_if_left(self) -> None:
        if self.left and self._app.future is not None and not self._app.future.done():
            self._app.exit(result="")

    def _hang_up(self, number: int) -> None:
        self._session.pause_all()  # at once: what comes after may fail for want of a terminal
        self.leave(signal.Signals(number).name)

    # ---------------------------------------------------------------------------------------- what is shown

    def _message(self) -> StyleAndTextTuples:
        above: StyleAndTextTuples = [("", "\n")]
        waited = time.monotonic() - self._asked_at
        if self._answering is not None and waited > TICK:
            sign = SPINNER[int(waited / TICK) % len(SPINNER)]
            words = self._screen.begun[-(self._width - 4) :] or f"thinking ({waited:.0f} s, Esc stops)"
            above += [("class:prompt", f"{sign} "), ("class:faint", f"{words}\n")]
        for text, _ in self._queue:
            above.append(("class:faint", f"then: {one_line(text, self._width - 8)}\n"))
        return [*above, ("class:prompt", f"{self._asks()} {MARK} ".lstrip())]

    def _asks(self) -> str:
        """What waits for the person, in a word or two."""
        talk = self._session.talk
        if talk.log.state.proposal is not None:
            return "yes/no"
        if not talk.job or talk.job in self._going:
            return ""
        state = self._session.state(talk.job).next_stage()
        if isinstance(state, Waiting):
            return ASKS.get(state.waiting_for, "")
        return "paused" if isinstance(state, Stage) else ""

    def _toolbar(self) -> StyleAndTextTuples:
        if not self._going:
            return []
        sign = SPINNER[int(time.monotonic() / TICK) % len(SPINNER)]
        if len(self._going) > 1:
            return self._one_each(sign)
        (job,), width = self._going, self._width - 2
        more = one_line(self._screen.activity(job), width)
        shown: StyleAndTextTuples = [("class:prompt", f"{sign} "), ("bold", self._status(job, width))]
        return [*shown, ("class:faint", f"\n  {more}")] if more else shown

    def _one_each(self, sign: str) -> StyleAndTextTuples:
        """A line a job; what there is no room for is counted."""
        shown: StyleAndTextTuples = []
        for number, job in enumerate(self._going[:LINES]):
            line = f"{job}  {self._status(job, self._width - len(job) - 4)}"
            shown += [("class:prompt", f"{chr(10) if number else ''}{sign} "), ("bold", line)]
        more = len(self._going) - LINES
        return [*shown, ("class:faint", f"\n  and {more} more")] if more > 0 else shown

    def _status(self, job: str, width: int) -> str:
        state = self._session.state(job)
        return fitting(status_parts(state, state.seconds_worked(time.time())), max(10, width))

    @property
    def _width(self) -> int:
        return max(10, self._app.output.get_size().columns)

    def _offers(self) -> bool:
        return offers_itself(self._prompt.default_buffer.document.text_before_cursor)


@contextlib.contextmanager
def _ends(stop: Callable[[int], None]) -> Iterator[None]:
    """Have SIGTERM and the terminal's hang-up put the prompt away."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
