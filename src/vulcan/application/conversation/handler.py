"""One conversation: hears a message, finds out what it wants, does it, and answers.

What costs money or can't be taken back is never set off by a guess: it needs a command, exact words, a model's reading
that a second, independent one bears out, or a yes to Vulcan's question. A yes in words that only a model understands
starts work; it merges, ends and undoes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from vulcan.application.conversation.answers import answer
from vulcan.application.conversation.asking import question_of, quoted
from vulcan.application.conversation.commands import help_text
from vulcan.application.conversation.context import context_of, state_of
from vulcan.application.conversation.log import ConversationCalls, ConversationLog
from vulcan.application.conversation.pages import NO_JOB, jobs_page, limits_of, notes_page, plan_page
from vulcan.application.conversation.questions import Show, Subject, attached, from_log, from_model
from vulcan.application.conversation.recognise import ParsedMessage, Situation, agreement, recognise, refusal
from vulcan.application.conversation.words import is_order, is_question, is_request, is_wish, says_go_on
from vulcan.application.jobs.amendments import Amendment, Word, parse_amendment
from vulcan.application.jobs.commands import MAX_INSTRUCTION, Order, what_stays
from vulcan.application.jobs.log import JobLog
from vulcan.application.jobs.service import Jobs
from vulcan.application.jobs.spending import usage_in_words
from vulcan.application.ports import Answerer, Interpreter, Workers
from vulcan.application.secrets import without_secrets
from vulcan.domain.budget import Budget
from vulcan.domain.conversation import compacted, worth_keeping
from vulcan.domain.errors import ModelUnavailable, UserError, VulcanError
from vulcan.domain.events import (
    ActProposed,
    ApprovalRequested,
    ClarificationAnswered,
    Event,
    JobChosen,
    MessageSaid,
    NoteDropped,
    NoteKept,
    RequirementsEdited,
    RequirementsQuestioned,
    SteeringGiven,
)
from vulcan.domain.job import Ended, Job, Waiting, WaitingFor
from vulcan.domain.messages import Intent, NoteKind, Proposal, Speaker

NO_MODEL = (
    "No model is configured, so only commands, exact words and common questions are understood. See /help."
)
STOPPED = "(stopped)"
DOUBLING = frozenset([Intent.STEERING, Intent.ANSWER, Intent.CONFIRMATION])
WORDS = (SteeringGiven, ClarificationAnswered, RequirementsEdited, RequirementsQuestioned)
"""What a message to a job becomes, which a second time would be a second word."""

MAX_MERGED = 10
"""Jobs back from the newest that are looked at for what was merged."""

NO_SECRETS = "(What looks like a secret in your message is left out; it was not kept and nobody was told.)"
OF_ONE_JOB = frozenset([Intent.COMMAND, Intent.NEW_JOB, Intent.STEERING, Intent.ANSWER, Intent.CONFIRMATION])
"""What is said for these is for one job, or for none: no note for others is made of it."""

SENT_BACK_TO_WORK = frozenset([WaitingFor.CONFIRMATION, WaitingFor.CLARIFICATION, WaitingFor.APPROVAL])
"""What a job waits for when steering starts work, which costs money."""


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


UNSEEN = frozenset([Intent.CONFIRMATION, Intent.APPROVAL, Intent.REFUSAL, Intent.RESUME])
"""Words for what waits, which may be meant for something else where something else waited when they were typed."""

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
class _Shown:
    """The commit whose merge the person was asked for, and up to where the conversation had come then."""

    commit: str
    seq: int


class ConversationHandler:
    """An open conversation."""

    def __init__(self, log: ConversationLog, services: Services) -> None:
        self.log, self._services = log, services
        self._jobs, self._workers = services.jobs, services.workers
        self._shown: dict[str, _Shown] = {}
        self._logs: dict[str, JobLog] = {}
        self._asked: Proposal | None = None
        self._acts: dict[Intent, Act] = {
            Intent.NEW_JOB: Act(self._new_job, self._ask_new_job),
            Intent.STEERING: Act(self._steer, self._ask_with_words),
            Intent.CONFIRMATION: Act(self._confirm, self._ask_with_words),
            Intent.APPROVAL: Act(self._approve, self._ask_approval),
            Intent.REFUSAL: Act(self._refuse, self._ask_refusal),
            Intent.CANCEL: Act(self._cancel, self._ask_plainly),
            Intent.UNDO: Act(self._undo, self._ask_undo),
            Intent.RESUME: Act(self._resume, self._ask_resume),
            Intent.QUESTION: Act(self._question),
            Intent.ANSWER: Act(self._answer),
            Intent.PAUSE: Act(self._pause),
            Intent.SMALL_TALK: Act(self._small_talk),
            Intent.UNCLEAR: Act(self._small_talk),
            Intent.COMMAND: Act(self._command),
        }

    @property
    def workers(self) -> Workers:
        """Processes that work on jobs."""
        return self._workers

    # ------------------------------------------------------------------------------------- the way of a message

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
            return Situation(proposal=proposal, overtaken=proposal != self._asked)
        job = self._job()
        state = job.next_stage()
        asked_since = isinstance(state, Waiting) and job.updated_at > self.log.state.updated_at
        return Situation(
            job=self.job,
            ended=isinstance(state, Ended),
            busy=self._workers.busy(self.job),
            waiting_for=state.waiting_for if isinstance(state, Waiting) else None,
            proposal=proposal,
            overtaken=asked_since or proposal != self._asked,
            merge_asked=self._merge_asked(job),
        )

    def _merge_asked(self, job: Job) -> bool:
        """Whether nothing was said since the person was asked for this merge, commands aside."""
        told = self._shown.get(self.job)
        if told is None or job.approval is None or job.approval.commit != told.commit:
            return False
        return all(m.intent is Intent.COMMAND for m in self.log.state.messages if m.seq > told.seq)

    def waits(self) -> Waits:
        """What waits for the person's word now."""
        now = self.situation()
        approval = self._job().approval if self.job else None
        return Waits(now.job, now.waiting_for, approval.commit if approval else "", now.proposal)

    def unanswered(self) -> str:
        """The person's last message, if a kill came before its answer."""
        messages = self.log.state.messages
        return messages[-1].text if messages and messages[-1].speaker is Speaker.PERSON else ""

    async def hear(self, message: str, show: Show, typed: Waits | None = None) -> Reply:
        """Do what a message wants and answer it; parts of a long answer go to `show` as they come.

        `typed` is what waited when the message was typed, where that was before the answer to the one before it: a yes
        is not for what has been asked since.
        What can't be done is said in the answer, never raised.
        """
        if len(message) > MAX_INSTRUCTION:
            text = f"A message has at most {MAX_INSTRUCTION:,} characters; put more into a file and name the file."
            return Reply(text, Intent.UNCLEAR, self.job)
        told, message = message, without_secrets(message)
        self.log.refresh()
        situation, unseen = self.situation(), typed is not None and typed != self.waits()
        situation = replace(situation, overtaken=situation.overtaken or unseen)
        since = self.log.state.updated_at if self.unanswered() == message else None
        understood = None
        try:
            understood = recognise(message, situation)
            self._record(message, understood.intent if understood else Intent.UNCLEAR)
            understood = understood or await self._interpret(message, situation)
            understood = _asked_since(understood) if unseen else understood
            done = since is not None and understood.intent in DOUBLING and self._acted(since)
            reply = self._done_already() if done else await self._do(understood, show)
        except VulcanError as error:
            if self.unanswered() != message:
                self._record(message, Intent.UNCLEAR)
            text = f"{error.message}\n{error.hint}" if error.hint else error.message
            agreed = understood.agreed if understood else None
            reply = Reply(text, agreed.intent if agreed else Intent.UNCLEAR, self.job)
        if understood and understood.declined:
            reply = replace(reply, intent=Intent.REFUSAL)
        if told != message and not reply.shown:
            reply = replace(reply, text=f"{reply.text}\n{NO_SECRETS}")
        self._answered(reply)
        return self._still_asking(reply, situation.proposal, show)

    async def _do(self, understood: ParsedMessage, show: Show) -> Reply:
        """The one place where consent is asked for: no act can forget it."""
        act = self._acts[understood.intent]
        if act.ask is not None and not understood.agreed:
            consent = act.ask(understood)
            if consent is not None and (consent.always or not understood.exact):
                return self._ask_first(consent.proposal, consent.beside)
        return await act.run(understood, show)

    def _still_asking(self, reply: Reply, asked: Proposal | None, show: Show) -> Reply:
        """The reply, and what was asked before it and is still open."""
        if asked is None or self.log.state.proposal != asked or reply.form == "diff" or reply.leave:
            return reply
        if question_of(asked) in reply.text:
            return reply
        line = f"Still open: {question_of(asked)}"
        if reply.shown:
            show(f"{line}\n")
        return replace(reply, text=f"{reply.text}\n{line}")

    def _acted(self, since: float) -> bool:
        """Whether the last message was acted on, and a kill came before its answer."""
        log, by = self._services.subject(self.job).log if self.job else (), self._services.by
        return any(s.at >= since and isinstance(s.event, WORDS) and s.event.by == by for s in log)

    def _done_already(self) -> Reply:
        text = f"That reached job {self.job} before the chat was cut off. It {state_of(self._job())}."
        return Reply(text, Intent.SMALL_TALK, self.job)

    def stopped(self) -> None:
        """The person stopped the answer to the last message, which counts as answered by that."""
        if self.unanswered():
            self._answered(Reply(STOPPED, Intent.UNCLEAR, self.job))

    def _record(self, message: str, intent: Intent) -> None:
        if self.unanswered() == message:
            return
        source = self.log.state.seq + 1
        notes = () if intent in OF_ONE_JOB else worth_keeping(message)
        said: Event = MessageSaid(Speaker.PERSON, intent, message, self.job)
        self.log.append(said, *(NoteKept(kind, text, source) for kind, text in self._new(notes)))

    def _new(self, notes: tuple[tuple[NoteKind, str], ...]) -> list[tuple[NoteKind, str]]:
        known = {note.text for note in self.log.state.notes}
        return [(kind, text) for kind, text in notes if text and text not in known]

    def _answered(self, reply: Reply) -> None:
        self.log.append(MessageSaid(Speaker.VULCAN, reply.intent, reply.text, reply.job))
        if event := compacted(self.log.state):
            self.log.append(event)

    async def _interpret(self, message: str, situation: Situation) -> ParsedMessage:
        """What a model takes the message to want; `situation` is that in which it was said."""
        interpreter = self._services.interpreter
        if interpreter is None:
            return self._without_model(message, NO_MODEL, situation)
        context = context_of(self.log.state, self._job() if self.job else None)
        key = f"chat/{self.log.state.seq}"
        try:
            read = await interpreter.interpret(key, context, message, self._calls())
        except ModelUnavailable as error:
            return self._without_model(message, f"{error.message}\n{error.hint}".strip(), situation)
        source = self.log.state.messages[-1].seq
        remember = tuple((_kind_of(kind, text, message), text) for kind, text in read.remember)
        self.log.append(*(NoteKept(kind, text, source) for kind, text in self._new(remember)))
        if read.intent is Intent.CONFIRMATION:
            return agreement(message, situation, certain=read.certain)
        if read.intent is Intent.COMMAND:
            return ParsedMessage(Intent.COMMAND, command=read.text)
        if read.intent is Intent.REFUSAL:
            return refusal(read.text or message, situation)
        text = read.reply if read.intent in {Intent.SMALL_TALK, Intent.UNCLEAR} else read.text or message
        return ParsedMessage(
            read.intent, text, exact=read.certain and _borne_out(read.intent, text, message, situation)
        )

    def _without_model(self, message: str, otherwise: str, situation: Situation) -> ParsedMessage:
        """What can be said of a message by its form alone; whatever that sets off is asked about first."""
        if is_question(message) and self.job:
            return ParsedMessage(Intent.QUESTION, message)
        if is_order(message):
            intent = Intent.STEERING if situation.under_way else Intent.NEW_JOB
            return ParsedMessage(intent, message, exact=False)
        return ParsedMessage(Intent.UNCLEAR, otherwise)

    def _calls(self) -> ConversationCalls:
        return ConversationCalls(self.log, self._services.budget)

    def _job(self) -> Job:
        """The job that is talked about, as it is now; only what is new in its log is read."""
        if self.job not in self._logs:
            self._logs[self.job] = self._jobs.queries.log(self.job)
        log = self._logs[self.job]
        log.refresh()
        return log.job

    def _need_job(self) -> str:
        if not self.job:
            raise UserError(NO_JOB)
        return self.job

    def _ask_first(self, proposal: Proposal, beside: str = "") -> Reply:
        self.log.append(ActProposed(proposal))
        self._asked = proposal
        return Reply(f"{beside}{question_of(proposal)}", proposal.intent, self.job)

    # ------------------------------------------------------------------------------------------------- jobs

    def _ask_plainly(self, understood: ParsedMessage) -> Consent:
        return Consent(Proposal(understood.intent, "", self._need_job()))

    def _ask_with_words(self, understood: ParsedMessage) -> Consent:
        return Consent(Proposal(understood.intent, understood.text, self._need_job()))

    def _ask_new_job(self, understood: ParsedMessage) -> Consent:
        beside = f"Job {self.job} is under way. " if self.situation().under_way else ""
        lacking = self._lacking()
        proposal = Proposal(Intent.NEW_JOB, understood.text.strip())
        return Consent(proposal, beside + lacking, always=bool(lacking))

    def _ask_approval(self, _understood: ParsedMessage) -> Consent:
        asked = self._asked_approval()
        return Consent(Proposal(Intent.APPROVAL, "", self.job, asked.commit))

    def _ask_refusal(self, understood: ParsedMessage) -> Consent:
        job, asked = self._need_job(), self._job().approval
        return Consent(Proposal(Intent.REFUSAL, understood.text, job, asked.commit if asked else ""))

    def _ask_undo(self, _understood: ParsedMessage) -> Consent:
        stays = what_stays(self._job()) if self._need_job() else ""
        return Consent(Proposal(Intent.UNDO, "", self.job), f"{stays}\n" if stays else "")

    def _ask_resume(self, _understood: ParsedMessage) -> Consent | None:
        job = self._need_job()
        return Consent(Proposal(Intent.RESUME, "", job)) if self._can_resume() else None

    async def _new_job(self, understood: ParsedMessage, _show: Show) -> Reply:
        text = understood.text.strip()
        job = self._adopted(text) or self._request(text)
        self.choose(job)
        self._workers.start(job)
        return Reply(f"Job {job} is started: {quoted(text)}", Intent.NEW_JOB, job)

    def _merged(self) -> list[str]:
        """Jobs of this conversation that were merged, newest first, as far back as anybody builds on them."""
        jobs = reversed(self.log.state.jobs[-MAX_MERGED:])
        states = {job: self._jobs.queries.log(job).job for job in jobs}
        return [job for job, state in states.items() if state.deployment and state.deployment.merge_commit]

    def _lacking(self) -> str:
        """What a new job would start without: what was merged here, and is not in what is checked out."""
        merged = self._merged()
        if not merged or self._jobs.queries.is_pulled(merged[0]):
            return ""
        return (
            f"What job {merged[0]} merged is not in your branch yet, and a new job starts from that: say pull first, "
            "or yes to start without it. "
        )

    def _request(self, text: str) -> str:
        order = self._services.order(text)
        order = replace(order, confirm=order.ask, conversation=self.log.id, rules=self.log.state.rules)
        return self._jobs.commands.request(order)

    def _adopted(self, text: str) -> str:
        """The job of this message, if a kill came after it was requested and before it was noted here."""
        for job in self._jobs.queries.newest(20):
            request = self._jobs.queries.log(job).job.request
            same = request and (request.conversation, request.instruction) == (self.log.id, text)
            noted = job in self.log.state.jobs
            if same and (not noted or (job == self.job and self.log.state.chosen_last)):
                return job
        return ""

    async def _steer(self, understood: ParsedMessage, _show: Show) -> Reply:
        job, situation = self._need_job(), self.situation()
        if situation.waiting_for is WaitingFor.CLARIFICATION:
            return await self._answer(understood, _show)
        if situation.waiting_for is WaitingFor.CONFIRMATION:
            # an agreement, an edit or a veto is the person's own word, never a model's version of it
            own = parse_amendment(understood.text) if understood.command else None
            return self._amended(job, own or Amendment(Word.SAY, text=understood.text))
        self._jobs.commands.steer(job, understood.text, self._services.by)
        if situation.waiting_for is WaitingFor.APPROVAL:
            self._workers.start(job)
            return Reply(f"Job {job} goes back to work with that; its merge waits.", Intent.STEERING, job)
        when = "before its next model call" if situation.busy else "when it goes on (/resume)"
        return Reply(f"Noted. Job {job} hears it {when}.", Intent.STEERING, job)

    async def _answer(self, understood: ParsedMessage, _show: Show) -> Reply:
        job = self._need_job()
        self._jobs.commands.answer(job, understood.text, self._services.by)
        self._workers.start(job)
        return Reply(f"Thank you; job {job} goes on.", Intent.ANSWER, job)

    async def _confirm(self, understood: ParsedMessage, _show: Show) -> Reply:
        return self._amended(self._need_job(), parse_amendment(understood.text))

    def _amended(self, job: str, word: Amendment) -> Reply:
        if word.word is Word.AGREE:
            self._jobs.commands.confirm(job, self._services.by)
            self._workers.start(job)
            return Reply(f"Agreed; job {job} goes on.", Intent.CONFIRMATION, job)
        change = self._jobs.commands.amend(job, word, self._services.by)
        if self.situation().waiting_for is WaitingFor.CONFIRMATION:
            return Reply(f"{change}\n{self.plan()}", Intent.CONFIRMATION, job)
        self._workers.start(job)
        return Reply(f"{change}. The analyst works the requirements out again.", Intent.CONFIRMATION, job)

    def plan(self) -> str:
        """The requirements as a numbered list, and what can be said of them."""
        requirement = self._job().requirement if self.job else None
        return plan_page(requirement, waits=self.situation().waiting_for is WaitingFor.CONFIRMATION)

    def _asked_approval(self) -> ApprovalRequested:
        """What the job asks the approval of; raises `UserError` where it asks for none."""
        job, asked = self._need_job(), self._job().approval
        if self.situation().waiting_for is not WaitingFor.APPROVAL or asked is None:
            raise UserError(f"job {job} does not wait for an approval", hint=f"It {state_of(self._job())}.")
        return asked

    async def _approve(self, understood: ParsedMessage, _show: Show) -> Reply:
        self._asked_approval()
        job, agreed = self.job, understood.agreed
        told = self._shown.get(job)
        seen = agreed.commit if agreed else told.commit if told else ""
        what = self._jobs.commands.approve(job, self._services.by, seen)
        self._workers.start(job)
        return Reply(f"Approved: {what}.", Intent.APPROVAL, job)

    def shown(self, job: str, commit: str) -> None:
        """The person was told that the job waits for the approval of this commit: their next word is about that one."""
        self._shown[job] = _Shown(commit, self.log.state.seq)

    async def _refuse(self, understood: ParsedMessage, _show: Show) -> Reply:
        job = self._need_job()
        commit = understood.agreed.commit if understood.agreed else ""
        what = self._jobs.commands.refuse(job, self._services.by, understood.text, commit)
        return Reply(f"Refused: {what}. The pull request stays open; /undo removes it.", Intent.REFUSAL, job)

    async def _cancel(self, _understood: ParsedMessage, _show: Show) -> Reply:
        job = self._need_job()
        self._jobs.commands.cancel(job, self._services.by)
        return Reply(f"Job {job} is cancelled; /undo removes what it made.", Intent.CANCEL, job)

    async def _undo(self, _understood: ParsedMessage, _show: Show) -> Reply:
        job = self._need_job()
        removed = await self._jobs.commands.undo(job, self._services.by)
        lines = [f"removed {what}" for what in removed] or ["There was nothing to remove."]
        if stays := what_stays(self._job()):
            lines.append(
                f"{stays} ({'your branch has it, too' if self._jobs.queries.is_pulled(job) else 'your branch does not have it'})"
            )
        return Reply("\n".join(lines), Intent.UNDO, job)

    async def _pause(self, _understood: ParsedMessage, _show: Show) -> Reply:
        job = self._need_job()
        if self._workers.pause(job):
            return Reply(f"Job {job} pauses; its work is safe. Go on with: /resume", Intent.PAUSE, job)
        return Reply(f"Nobody works on job {job}: it {state_of(self._job())}.", Intent.PAUSE, job)

    def _can_resume(self) -> bool:
        now = self.situation()
        return not (now.ended or now.busy) and now.waiting_for in {None, WaitingFor.RESUME}

    async def _resume(self, _understood: ParsedMessage, _show: Show) -> Reply:
        job = self._need_job()
        if not self._can_resume():
            state = "is being worked on" if self.situation().busy else state_of(self._job())
            return Reply(f"Job {job} {state}.", Intent.RESUME, job)
        self._workers.start(job)
        return Reply(f"Job {job} goes on.", Intent.RESUME, job)

    # ----------------------------------------------------------------------------- questions, talk and commands

    async def _question(self, understood: ParsedMessage, show: Show) -> Reply:
        subject = self._services.subject(self.job)
        if known := from_log(understood.text, subject):
            return Reply(known, Intent.QUESTION, self.job)
        answerer = self._services.answerer
        if answerer is None:
            return Reply(self._offline(understood.text, subject, NO_MODEL), Intent.QUESTION, self.job)
        named = attached(self.log.state.messages[-1].text, subject)
        context = "\n\n".join(filter(None, [context_of(self.log.state, None), named]))
        key = f"chat/{self.log.state.seq}/answer"
        try:
            text = await from_model(understood.text, context, subject, answerer, key, self._calls(), show)
        except ModelUnavailable as error:
            text = self._offline(understood.text, subject, "That can't be answered now.")
            return Reply(f"{text}\n({error.message})", Intent.QUESTION, self.job)
        return Reply(text, Intent.QUESTION, self.job, shown=True)

    def _offline(self, question: str, subject: Subject, otherwise: str) -> str:
        """What the log says to the question's topic, where no model can be asked."""
        return answer(question, subject.log).text if subject.log else otherwise

    async def _small_talk(self, understood: ParsedMessage, _show: Show) -> Reply:
        text = understood.text or "I am not sure what you want. Start a job, steer one, or ask? (/help)"
        return Reply(text, understood.intent, self.job)

    async def _command(self, understood: ParsedMessage, show: Show) -> Reply:
        name, text = understood.command, understood.text
        if name in {"quit", "detach"}:
            return Reply("", Intent.COMMAND, self.job, leave=name)
        if name in {"status", "cost"}:
            return await self._figures(name, show)
        if name == "pull":
            return await self._pull()
        if name == "test":
            return await self._test(show)
        if name == "diff":
            return self._diff()
        words: dict[str, Callable[[], str]] = {
            "help": help_text,
            "plan": self.plan,
            "notes": lambda: notes_page(self.log.state.notes),
            "jobs": lambda: jobs_page(
                {job: self._jobs.queries.log(job).job for job in self.log.state.jobs}, self.job
            ),
            "remember": lambda: self._remember(text),
            "forget": lambda: self._forget(text),
            "job": lambda: self._choose(text),
            "budget": lambda: self._budget(text),
            "model": lambda: self._model(text),
        }
        return Reply(words[name](), Intent.COMMAND, self.job)

    async def _figures(self, name: str, show: Show) -> Reply:
        talk = f"This conversation itself: {usage_in_words(self.log.state.usage)}."
        if not self.job:
            return Reply(talk if name == "cost" else NO_JOB, Intent.COMMAND)
        reply = await self._question(ParsedMessage(Intent.QUESTION, name), show)
        return (
            replace(reply, text=f"{reply.text}\n{talk}", intent=Intent.COMMAND) if name == "cost" else reply
        )

    async def _pull(self) -> Reply:
        merged = self._merged()
        if not merged:
            raise UserError("nothing was merged in this conversation yet", hint="See the jobs with: /jobs")
        return Reply(await self._jobs.commands.pull(merged[0]), Intent.COMMAND, self.job)

    async def _test(self, show: Show) -> Reply:
        job = self.job if self.situation().under_way else ""
        show("The project's tests are being run ...\n")
        return Reply(await self._services.tests(job), Intent.COMMAND, self.job)

    def _diff(self) -> Reply:
        subject = self._services.subject(self._need_job())
        generation = subject.job.generation
        if generation is None:
            return Reply("There is no change yet.", Intent.COMMAND, self.job)
        diff = subject.history.diff(generation.metadata.base, subject.job.newest_commit)
        return Reply(diff, Intent.COMMAND, self.job, form="diff")

    def _remember(self, text: str) -> str:
        self.log.append(NoteKept(NoteKind.RULE, text, self.log.state.messages[-1].seq))
        return f"Kept as note {self.log.state.kept}; it holds for every job that starts from here."

    def _forget(self, text: str) -> str:
        numbers = {str(note.number): note.number for note in self.log.state.notes}
        if text not in numbers:
            raise UserError(f"there is no note {text}", hint="See them with: /notes")
        self.log.append(NoteDropped(numbers[text]))
        return f"Note {text} is dropped."

    def _choose(self, text: str) -> str:
        job = self._jobs.queries.find(text)
        self.choose(job)
        return f"Job {job}: {state_of(self._job())}"

    def _model(self, text: str) -> str:
        name = self._services.model(text)
        if not text:
            return (
                f"New jobs are done with {name}."
                if name
                else "No model is configured. Choose one: /model NAME"
            )
        return f"Jobs that start or go on from here are done with {name}. What is under way keeps its model, as does this chat."

    def _budget(self, text: str) -> str:
        job, state = self._need_job(), self._job()
        self._jobs.commands.raise_budget(job, limits_of(state.budget, text), self._services.by)
        return f"The limits of job {job} are changed. Go on with: /resume"


def _asked_since(understood: ParsedMessage) -> ParsedMessage:
    """The reading of a message that was typed before what waits now was asked: nothing of it is sure."""
    if understood.agreed or understood.intent in UNSEEN:
        return replace(understood, exact=False, agreed=None)
    if understood.intent is Intent.ANSWER:
        return ParsedMessage(Intent.STEERING, understood.text, exact=False)
    return understood


def _borne_out(intent: Intent, text: str, message: str, situation: Situation) -> bool:
    """Whether a second reading, by rule, agrees with the model's, or nothing is at stake."""
    if intent is Intent.NEW_JOB:
        ordered = is_order(message) or is_request(message)
        return text == message and ordered and not situation.under_way
    if intent is Intent.STEERING and situation.waiting_for in SENT_BACK_TO_WORK:
        return text == message and is_wish(message)
    if intent is Intent.RESUME:
        return says_go_on(message)
    return intent in {Intent.QUESTION, Intent.SMALL_TALK, Intent.STEERING, Intent.PAUSE, Intent.ANSWER}


def _kind_of(kind: NoteKind, text: str, message: str) -> NoteKind:
    """A rule holds for later jobs, so it must be in the person's own words: a model may have it from a file."""
    own = " ".join(re.findall(r"\w+", text.lower())) in " ".join(re.findall(r"\w+", message.lower()))
    return kind if own or kind is not NoteKind.RULE else NoteKind.FACT
