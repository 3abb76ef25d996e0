"""What every form of the chat shares: messages go in, answers and the jobs' events come out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from vulcan.application.jobs.status import describe
from vulcan.apps.cli.outcomes import ExitCode, exit_code
from vulcan.domain.events import Stage
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor, apply

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan
    from vulcan.application.conversation.handler import ConversationHandler
    from vulcan.application.conversation.open_conversation import Reply, Waits
    from vulcan.application.ports import StoredEvent

POLL = 0.15
"""Seconds between looks at the jobs' logs."""


class Screen(Protocol):
    """Where a conversation is shown."""

    def fragment(self, text: str) -> None:
        """A part of an answer, as it comes."""

    def reply(self, reply: Reply) -> None:
        """An answer; with `reply.shown` its fragments were it."""

    def event(self, stored: StoredEvent, job: Job, label: str = "") -> None:
        """Something happened in a job; `job` is its state after it, `label` its name where others run beside it."""

    def turn(self, job: str, text: str) -> None:
        """A job waits for the person or has ended; says what can be done now."""


class Session:
    """An open chat: follows the jobs of its conversation while the person talks.

    Attributes:
        going: the jobs that were being worked on at the last look.
    """

    def __init__(self, vulcan: Vulcan, talk: ConversationHandler, screen: Screen) -> None:
        self._queries, self.talk, self._screen = vulcan.jobs.queries, talk, screen
        self._states: dict[str, Job] = {}
        self._told: dict[str, object] = {}
        self.going: list[str] = []

    async def say(self, text: str, typed: Waits | None = None) -> Reply:
        """Pass a message on and show the answer; `typed` is what waited when it was typed, if that was before now."""
        reply = await self.talk.handle_message(text, self._screen.fragment, typed)
        self._screen.reply(reply)
        return reply

    def skip_past(self) -> None:
        """Do not show what happened in the jobs before this moment; where they stand is told nevertheless."""
        for job in self.talk.log.state.jobs:
            self._states[job] = self._queries.job(job)

    def look(self) -> bool:
        """Show what has happened in the conversation's jobs; True if any of them is still being worked on."""
        jobs = self.talk.log.state.jobs
        going = [job for job in jobs if self.talk.workers.busy(job)]
        for job in jobs:  # busy was asked first, so that the log of one that is done is whole
            beside = any(other != job for other in going)
            state = self._catch_up(job, job if beside else "")
            if job not in going:
                self._tell(job, state)
        self.going = going
        return bool(going)

    async def follow(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(POLL)

    async def until_quiet(self) -> None:
        """Look until no job is being worked on."""
        while self.look():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(POLL)

    def state(self, job: str) -> Job:
        """A job as far as it was shown."""
        return self._states.get(job, Job())

    def exit_code(self) -> int:
        """The code of the job that is talked about; 0 without one."""
        job = self.talk.job
        return int(exit_code(describe(self._queries.job(job)))) if job else int(ExitCode.DONE)

    def pause_all(self) -> list[str]:
        """Pause what is being worked on; returns the jobs."""
        return [job for job in self.talk.log.state.jobs if self.talk.workers.pause(job)]

    def _catch_up(self, job: str, label: str) -> Job:
        state = self._states.get(job, Job())
        for stored in self._queries.events(job, state.seq):
            state = apply(state, stored.event, stored.at)
            self._states[job] = state
            self._screen.event(stored, state, label)
        return state

    def _tell(self, job: str, state: Job) -> None:
        """Say once that a job waits or has ended, and what can be done."""
        now = (state.next_stage(), state.seq)
        if self._told.get(job) == now:
            return
        self._told[job] = now
        if trouble := self.talk.workers.trouble(job):
            self._screen.turn(job, f"Job {job} could not be worked on:\n{trouble}\nTry again with: /resume")
        elif text := self._turn(job, state):
            if state.approval is not None:
                self.talk.shown(job, state.approval.commit)
            self._screen.turn(job, text)

    def _turn(self, job: str, state: Job) -> str:
        stage = state.next_stage()
        if isinstance(stage, Stage):
            return f"Job {job} stands still in {stage.value}. Go on with: /resume"
        words: Callable[[str, Job], str] = _ended if isinstance(stage, Ended) else _waits
        return words(job, state)


def _ended(job: str, state: Job) -> str:
    assert state.outcome is not None  # noqa: S101 - it has ended
    lines = [f"Job {job}: {state.outcome.value}. {state.reason}".strip(), state.next_steps]
    if state.request is not None and state.deployment is not None and state.deployment.merge_commit:
        branch = state.request.base_branch
        lines.append(
            f"The merge is on {branch} of the forge. pull: bring it into your {branch}, if it is not there yet"
        )
    return "\n".join(line for line in lines if line)


def _waits(job: str, state: Job) -> str:
    stage = state.next_stage()
    if not isinstance(stage, Waiting):
        return ""
    from vulcan.application.jobs.amendments import HOW, numbered_list

    if stage.waiting_for is WaitingFor.CONFIRMATION and state.requirement is not None:
        return "\n".join([f"Job {job} waits for your word:", *numbered_list(state.requirement), HOW])
    words = {
        WaitingFor.CLARIFICATION: f"Job {job} asks:\n{stage.reason}",
        WaitingFor.APPROVAL: f"Job {job} is proven and waits for approval: {stage.reason}.\n"
        "approve: merge it · refuse: leave it · /diff shows the change · or say what is still to be done",
        WaitingFor.BUDGET: f"Job {job} has used up its budget: {stage.reason}\n"
        "Raise it with: /budget cost=10, then /resume",
        WaitingFor.RESUME: f"Job {job} stands still: {stage.reason}\n{state.next_steps}\nGo on with: /resume",
    }
    return "\n".join(line for line in words.get(stage.waiting_for, "").split("\n") if line)
