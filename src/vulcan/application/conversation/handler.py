"""One conversation: hears a message, finds out what it wants, does it, and answers.

What costs money or can't be taken back is never set off by a guess: it needs a command, exact words, a model's reading
that a second, independent one bears out, or a yes to Vulcan's question. A yes in words that only a model understands
starts work; it merges, ends and undoes nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from vulcan.application.conversation.asking import question_of
from vulcan.application.conversation.context import context_of, state_of
from vulcan.application.conversation.job_acts import JobActs
from vulcan.application.conversation.log import ConversationLog
from vulcan.application.conversation.open_conversation import Act, OpenConversation, Reply, Services, Waits
from vulcan.application.conversation.questioning import NO_MODEL, Questions
from vulcan.application.conversation.questions import Show
from vulcan.application.conversation.recognise import ParsedMessage, Situation, agreement, recognise, refusal
from vulcan.application.conversation.slash_commands import SlashCommands
from vulcan.application.conversation.words import is_order, is_question, is_request, is_wish, says_go_on
from vulcan.application.jobs.commands import MAX_INSTRUCTION
from vulcan.application.secrets import without_secrets
from vulcan.domain.conversation import compacted, worth_keeping
from vulcan.domain.errors import ModelUnavailable, VulcanError
from vulcan.domain.events import (
    ClarificationAnswered,
    Event,
    MessageSaid,
    NoteKept,
    RequirementsEdited,
    RequirementsQuestioned,
    SteeringGiven,
)
from vulcan.domain.job import WaitingFor
from vulcan.domain.messages import Intent, NoteKind, Proposal, Speaker

STOPPED = "(stopped)"
DOUBLING = frozenset([Intent.STEERING, Intent.ANSWER, Intent.CONFIRMATION])
WORDS = (SteeringGiven, ClarificationAnswered, RequirementsEdited, RequirementsQuestioned)
"""What a message to a job becomes, which a second time would be a second word."""

NO_SECRETS = "(What looks like a secret in your message is left out; it was not kept and nobody was told.)"
OF_ONE_JOB = frozenset([Intent.COMMAND, Intent.NEW_JOB, Intent.STEERING, Intent.ANSWER, Intent.CONFIRMATION])
"""What is said for these is for one job, or for none: no note for others is made of it."""

SENT_BACK_TO_WORK = frozenset([WaitingFor.CONFIRMATION, WaitingFor.CLARIFICATION, WaitingFor.APPROVAL])
"""What a job waits for when steering starts work, which costs money."""

UNSEEN = frozenset([Intent.CONFIRMATION, Intent.APPROVAL, Intent.REFUSAL, Intent.RESUME])
"""Words for what waits, which may be meant for something else where something else waited when they were typed."""


class ConversationHandler(OpenConversation):
    """Hears messages, finds out what they want, and has it done."""

    def __init__(self, log: ConversationLog, services: Services) -> None:
        super().__init__(log, services)
        self._job_acts, self._questions = JobActs(self), Questions(self)
        self._slash_commands = SlashCommands(self, self._job_acts, self._questions)
        self._acts: dict[Intent, Act] = {
            Intent.NEW_JOB: Act(self._job_acts.new_job, self._job_acts.ask_new_job),
            Intent.STEERING: Act(self._job_acts.steer, self._job_acts.ask_with_words),
            Intent.CONFIRMATION: Act(self._job_acts.confirm, self._job_acts.ask_with_words),
            Intent.APPROVAL: Act(self._job_acts.approve, self._job_acts.ask_approval),
            Intent.REFUSAL: Act(self._job_acts.refuse, self._job_acts.ask_refusal),
            Intent.CANCEL: Act(self._job_acts.cancel, self._job_acts.ask_plainly),
            Intent.UNDO: Act(self._job_acts.undo, self._job_acts.ask_undo),
            Intent.RESUME: Act(self._job_acts.resume, self._job_acts.ask_resume),
            Intent.QUESTION: Act(self._questions.question),
            Intent.ANSWER: Act(self._job_acts.answer_question_of_job),
            Intent.PAUSE: Act(self._job_acts.pause),
            Intent.SMALL_TALK: Act(self._questions.small_talk),
            Intent.UNCLEAR: Act(self._questions.small_talk),
            Intent.COMMAND: Act(self._slash_commands.command),
        }

    async def handle_message(self, message: str, show: Show, typed: Waits | None = None) -> Reply:
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
                return self.ask_first(consent.proposal, consent.beside)
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
        log, by = self.services.subject(self.job).log if self.job else (), self.services.by
        return any(s.at >= since and isinstance(s.event, WORDS) and s.event.by == by for s in log)

    def _done_already(self) -> Reply:
        text = f"That reached job {self.job} before the chat was cut off. It {state_of(self.job_state())}."
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
        interpreter = self.services.interpreter
        if interpreter is None:
            return self._without_model(message, NO_MODEL, situation)
        context = context_of(self.log.state, self.job_state() if self.job else None)
        key = f"chat/{self.log.state.seq}"
        try:
            read = await interpreter.interpret(key, context, message, self.calls())
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
