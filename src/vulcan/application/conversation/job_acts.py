"""What a conversation does with jobs, and what it asks before that."""

from __future__ import annotations

from dataclasses import replace

from vulcan.application.conversation.asking import quoted
from vulcan.application.conversation.context import state_of
from vulcan.application.conversation.open_conversation import Consent, OpenConversation, Reply
from vulcan.application.conversation.pages import plan_page
from vulcan.application.conversation.questions import Show
from vulcan.application.conversation.recognise import ParsedMessage
from vulcan.application.jobs.amendments import Amendment, Word, parse_amendment
from vulcan.application.jobs.commands import what_stays
from vulcan.domain.errors import UserError
from vulcan.domain.events import (
    ApprovalRequested,
)
from vulcan.domain.job import WaitingFor
from vulcan.domain.messages import Intent, Proposal

MAX_MERGED = 10
"""Jobs back from the newest that are looked at for what was merged."""


class JobActs:
    """Starting, steering, approving, undoing: each does what its name says and says so."""

    def __init__(self, at: OpenConversation) -> None:
        self._at = at

    def ask_plainly(self, understood: ParsedMessage) -> Consent:
        """Consent to an act that has no words of its own."""
        return Consent(Proposal(understood.intent, "", self._at.need_job()))

    def ask_with_words(self, understood: ParsedMessage) -> Consent:
        """Consent to passing the person's words on as they were understood."""
        return Consent(Proposal(understood.intent, understood.text, self._at.need_job()))

    def ask_new_job(self, understood: ParsedMessage) -> Consent:
        """Consent to a job, which costs money."""
        beside = f"Job {self._at.job} is under way. " if self._at.situation().under_way else ""
        lacking = self.lacking()
        proposal = Proposal(Intent.NEW_JOB, understood.text.strip())
        return Consent(proposal, beside + lacking, always=bool(lacking))

    def ask_approval(self, _understood: ParsedMessage) -> Consent:
        """Consent to the merge that waits."""
        asked = self.asked_approval()
        return Consent(Proposal(Intent.APPROVAL, "", self._at.job, asked.commit))

    def ask_refusal(self, understood: ParsedMessage) -> Consent:
        """Consent to ending the job without its merge."""
        job, asked = self._at.need_job(), self._at.job_state().approval
        return Consent(Proposal(Intent.REFUSAL, understood.text, job, asked.commit if asked else ""))

    def ask_undo(self, _understood: ParsedMessage) -> Consent:
        """Consent to removing what the job made."""
        stays = what_stays(self._at.job_state()) if self._at.need_job() else ""
        return Consent(Proposal(Intent.UNDO, "", self._at.job), f"{stays}\n" if stays else "")

    def ask_resume(self, _understood: ParsedMessage) -> Consent | None:
        """Consent to going on, where the job can."""
        job = self._at.need_job()
        return Consent(Proposal(Intent.RESUME, "", job)) if self.can_resume() else None

    async def new_job(self, understood: ParsedMessage, _show: Show) -> Reply:
        """Start a job."""
        text = understood.text.strip()
        job = self.adopted(text) or self.request(text)
        self._at.choose(job)
        self._at.workers.start(job)
        return Reply(f"Job {job} is started: {quoted(text)}", Intent.NEW_JOB, job)

    def merged(self) -> list[str]:
        """Jobs of this conversation that were merged, newest first, as far back as anybody builds on them."""
        jobs = reversed(self._at.log.state.jobs[-MAX_MERGED:])
        states = {job: self._at.jobs.queries.log(job).job for job in jobs}
        return [job for job, state in states.items() if state.deployment and state.deployment.merge_commit]

    def lacking(self) -> str:
        """What a new job would start without: what was merged here, and is not in what is checked out."""
        merged = self.merged()
        if not merged or self._at.jobs.queries.is_pulled(merged[0]):
            return ""
        return (
            f"What job {merged[0]} merged is not in your branch yet, and a new job starts from that: say pull first, "
            "or yes to start without it. "
        )

    def request(self, text: str) -> str:
        order = self._at.services.order(text)
        order = replace(
            order, confirm=order.ask, conversation=self._at.log.id, rules=self._at.log.state.rules
        )
        return self._at.jobs.commands.request(order)

    def adopted(self, text: str) -> str:
        """The job of this message, if a kill came after it was requested and before it was noted here."""
        for job in self._at.jobs.queries.newest(20):
            request = self._at.jobs.queries.log(job).job.request
            same = request and (request.conversation, request.instruction) == (self._at.log.id, text)
            noted = job in self._at.log.state.jobs
            if same and (not noted or (job == self._at.job and self._at.log.state.chosen_last)):
                return job
        return ""

    async def steer(self, understood: ParsedMessage, _show: Show) -> Reply:
        """Tell the job something, or answer what it asks."""
        job, situation = self._at.need_job(), self._at.situation()
        if situation.waiting_for is WaitingFor.CLARIFICATION:
            return await self.answer_question_of_job(understood, _show)
        if situation.waiting_for is WaitingFor.CONFIRMATION:
            # an agreement, an edit or a veto is the person's own word, never a model's version of it
            own = parse_amendment(understood.text) if understood.command else None
            return self.amended(job, own or Amendment(Word.SAY, text=understood.text))
        self._at.jobs.commands.steer(job, understood.text, self._at.services.by)
        if situation.waiting_for is WaitingFor.APPROVAL:
            self._at.workers.start(job)
            return Reply(f"Job {job} goes back to work with that; its merge waits.", Intent.STEERING, job)
        when = "before its next model call" if situation.busy else "when it goes on (/resume)"
        return Reply(f"Noted. Job {job} hears it {when}.", Intent.STEERING, job)

    async def answer_question_of_job(self, understood: ParsedMessage, _show: Show) -> Reply:
        """Answer the job's open question."""
        job = self._at.need_job()
        self._at.jobs.commands.answer(job, understood.text, self._at.services.by)
        self._at.workers.start(job)
        return Reply(f"Thank you; job {job} goes on.", Intent.ANSWER, job)

    async def confirm(self, understood: ParsedMessage, _show: Show) -> Reply:
        """The person's word on the requirements."""
        return self.amended(self._at.need_job(), parse_amendment(understood.text))

    def amended(self, job: str, word: Amendment) -> Reply:
        if word.word is Word.AGREE:
            self._at.jobs.commands.confirm(job, self._at.services.by)
            self._at.workers.start(job)
            return Reply(f"Agreed; job {job} goes on.", Intent.CONFIRMATION, job)
        change = self._at.jobs.commands.amend(job, word, self._at.services.by)
        if self._at.situation().waiting_for is WaitingFor.CONFIRMATION:
            return Reply(f"{change}\n{self.plan()}", Intent.CONFIRMATION, job)
        self._at.workers.start(job)
        return Reply(f"{change}. The analyst works the requirements out again.", Intent.CONFIRMATION, job)

    def plan(self) -> str:
        """The requirements as a numbered list, and what can be said of them."""
        requirement = self._at.job_state().requirement if self._at.job else None
        return plan_page(requirement, waits=self._at.situation().waiting_for is WaitingFor.CONFIRMATION)

    def asked_approval(self) -> ApprovalRequested:
        """What the job asks the approval of; raises `UserError` where it asks for none."""
        job, asked = self._at.need_job(), self._at.job_state().approval
        if self._at.situation().waiting_for is not WaitingFor.APPROVAL or asked is None:
            raise UserError(
                f"job {job} does not wait for an approval", hint=f"It {state_of(self._at.job_state())}."
            )
        return asked

    async def approve(self, understood: ParsedMessage, _show: Show) -> Reply:
        """Approve the merge that the person was asked for."""
        self.asked_approval()
        job, agreed = self._at.job, understood.agreed
        told = self._at.asked_merges.get(job)
        seen = agreed.commit if agreed else told.commit if told else ""
        what = self._at.jobs.commands.approve(job, self._at.services.by, seen)
        self._at.workers.start(job)
        return Reply(f"Approved: {what}.", Intent.APPROVAL, job)

    async def refuse(self, understood: ParsedMessage, _show: Show) -> Reply:
        """Refuse the merge; its pull request stays."""
        job = self._at.need_job()
        commit = understood.agreed.commit if understood.agreed else ""
        what = self._at.jobs.commands.refuse(job, self._at.services.by, understood.text, commit)
        return Reply(f"Refused: {what}. The pull request stays open; /undo removes it.", Intent.REFUSAL, job)

    async def cancel(self, _understood: ParsedMessage, _show: Show) -> Reply:
        """End the job."""
        job = self._at.need_job()
        self._at.jobs.commands.cancel(job, self._at.services.by)
        return Reply(f"Job {job} is cancelled; /undo removes what it made.", Intent.CANCEL, job)

    async def undo(self, _understood: ParsedMessage, _show: Show) -> Reply:
        """Remove what the job made, and say what stays."""
        job = self._at.need_job()
        removed = await self._at.jobs.commands.undo(job, self._at.services.by)
        lines = [f"removed {what}" for what in removed] or ["There was nothing to remove."]
        if stays := what_stays(self._at.job_state()):
            lines.append(
                f"{stays} ({'your branch has it, too' if self._at.jobs.queries.is_pulled(job) else 'your branch does not have it'})"
            )
        return Reply("\n".join(lines), Intent.UNDO, job)

    async def pause(self, _understood: ParsedMessage, _show: Show) -> Reply:
        """Let the job's worker stop."""
        job = self._at.need_job()
        if self._at.workers.pause(job):
            return Reply(f"Job {job} pauses; its work is safe. Go on with: /resume", Intent.PAUSE, job)
        return Reply(f"Nobody works on job {job}: it {state_of(self._at.job_state())}.", Intent.PAUSE, job)

    def can_resume(self) -> bool:
        now = self._at.situation()
        return not (now.ended or now.busy) and now.waiting_for in {None, WaitingFor.RESUME}

    async def resume(self, _understood: ParsedMessage, _show: Show) -> Reply:
        """Have a worker go on with the job."""
        job = self._at.need_job()
        if not self.can_resume():
            state = "is being worked on" if self._at.situation().busy else state_of(self._at.job_state())
            return Reply(f"Job {job} {state}.", Intent.RESUME, job)
        self._at.workers.start(job)
        return Reply(f"Job {job} goes on.", Intent.RESUME, job)
