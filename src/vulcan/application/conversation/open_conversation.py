"""An open conversation: its log, the job that is talked about, and what waits for the person's word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vulcan.application.conversation.asking import question_of
from vulcan.application.conversation.log import ConversationCalls, ConversationLog
from vulcan.application.conversation.pages import NO_JOB
from vulcan.application.conversation.questions import Show, Subject
from vulcan.application.conversation.recognise import ParsedMessage, Situation
from vulcan.application.jobs.commands import Order
from vulcan.application.jobs.log import JobLog
from vulcan.application.jobs.service import Jobs
from vulcan.application.ports import Answerer, Interpreter, Workers
from vulcan.domain.budget import Budget
from vulcan.domain.errors import UserError
from vulcan.domain.events import (
    ActProposed,
    JobChosen,
)
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor
from vulcan.domain.messages import Intent, Proposal, Speaker


@dataclass(frozen=True, slots=True)
class Reply:
    """Vulcan's answer to one message.

    Attributes:
        form: `text`, or `diff` for a change.
        shown: whether the text went out already, as it came.
        leave: `quit` or `detach` where the person wants to leave.
    """

    text: str
    intent: Intent
    job: str = ""
    form: str = "text"
    shown: bool = False
    leave: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """What a conversation works with, put together by the composition root.

    Attributes:
        order: an order for an instruction, by the settings.
        subject: what a question is about: a job's log and files, or the repository's for an empty id.
        tests: runs the project's tests on a job's newest commit, for an empty id on what is checked out, and says how
            it went.
        model: chooses the model of work that starts from now on, where a name is given; returns its name.
        interpreter, answerer: None where no model is configured.
    """

    jobs: Jobs
    workers: Workers
    order: Callable[[str], Order]
    subject: Callable[[str], Subject]
    tests: Callable[[str], Awaitable[str]]
    model: Callable[[str], str]
    interpreter: Interpreter | None
    answerer: Answerer | None
    budget: Budget
    by: str


@dataclass(frozen=True, slots=True)
class Waits:
    """What waited for the person's word at some moment."""

    job: str
    waiting_for: WaitingFor | None
    commit: str
    proposal: Proposal | None


Run = Callable[[ParsedMessage, Show], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Consent:
    """What is asked before an act.

    Attributes:
        beside: what the person should know before they say yes.
        always: whether it is asked even where the words were exact.
    """

    proposal: Proposal
    beside: str = ""
    always: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What is done for an intent.

    Attributes:
        ask: what the person's consent is asked with, unless their words were exact; for whatever costs money or can't
            be taken back. It gives None where `run` has nothing to do but to say so.
    """

    run: Run
    ask: Callable[[ParsedMessage], Consent | None] | None = None


@dataclass(frozen=True, slots=True)
class AskedMerge:
    """The commit whose merge the person was asked for, and up to where the conversation had come then."""

    commit: str
    seq: int


class OpenConversation:
    """What every part of a conversation knows of it.

    Attributes:
        asked_merges: the merge that the person was asked for, by job.
        asked: what Vulcan has asked in this process; a yes to what another process asked is asked about again.
    """

    def __init__(self, log: ConversationLog, services: Services) -> None:
        self.log, self.services = log, services
        self.jobs, self.workers = services.jobs, services.workers
        self.asked_merges: dict[str, AskedMerge] = {}
        self._logs: dict[str, JobLog] = {}
        self.asked: Proposal | None = None

    @property
    def job(self) -> str:
        """The job that is talked about; empty for none."""
        return self.log.state.job

    def choose(self, job: str) -> None:
        """Talk about this job from now on."""
        self.log.append(JobChosen(job))

    def situation(self) -> Situation:
        """What decides how words are read now."""
        proposal = self.log.state.proposal
        if not self.job:
            return Situation(proposal=proposal, overtaken=proposal != self.asked)
        job = self.job_state()
        state = job.next_stage()
        asked_since = isinstance(state, Waiting) and job.updated_at > self.log.state.updated_at
        return Situation(
            job=self.job,
            ended=isinstance(state, Ended),
            busy=self.workers.busy(self.job),
            waiting_for=state.waiting_for if isinstance(state, Waiting) else None,
            proposal=proposal,
            overtaken=asked_since or proposal != self.asked,
            merge_asked=self._merge_asked(job),
        )

    def _merge_asked(self, job: Job) -> bool:
        """Whether nothing was said since the person was asked for this merge, commands aside."""
        told = self.asked_merges.get(self.job)
        if told is None or job.approval is None or job.approval.commit != told.commit:
            return False
        return all(m.intent is Intent.COMMAND for m in self.log.state.messages if m.seq > told.seq)

    def waits(self) -> Waits:
        """What waits for the person's word now."""
        now = self.situation()
        approval = self.job_state().approval if self.job else None
        return Waits(now.job, now.waiting_for, approval.commit if approval else "", now.proposal)

    def unanswered(self) -> str:
        """The person's last message, if a kill came before its answer."""
        messages = self.log.state.messages
        return messages[-1].text if messages and messages[-1].speaker is Speaker.PERSON else ""

    def calls(self) -> ConversationCalls:
        """The journal of the models' calls for this conversation."""
        return ConversationCalls(self.log, self.services.budget)

    def job_state(self) -> Job:
        """The job that is talked about, as it is now; only what is new in its log is read."""
        if self.job not in self._logs:
            self._logs[self.job] = self.jobs.queries.log(self.job)
        log = self._logs[self.job]
        log.refresh()
        return log.job

    def need_job(self) -> str:
        """The job that is talked about; raises `UserError` where there is none."""
        if not self.job:
            raise UserError(NO_JOB)
        return self.job

    def ask_first(self, proposal: Proposal, beside: str = "") -> Reply:
        """Propose something, and ask for the person's yes."""
        self.log.append(ActProposed(proposal))
        self.asked = proposal
        return Reply(f"{beside}{question_of(proposal)}", proposal.intent, self.job)

    def shown(self, job: str, commit: str) -> None:
        """The person was told that the job waits for the approval of this commit: their next word is about that one."""
        self.asked_merges[job] = AskedMerge(commit, self.log.state.seq)
