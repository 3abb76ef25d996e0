"""Commands of a conversation, such as /status and /diff."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vulcan.application.conversation.commands import help_text
from vulcan.application.conversation.context import state_of
from vulcan.application.conversation.job_acts import JobActs
from vulcan.application.conversation.open_conversation import OpenConversation, Reply
from vulcan.application.conversation.pages import NO_JOB, jobs_page, limits_of, notes_page
from vulcan.application.conversation.questioning import Questions
from vulcan.application.conversation.questions import Show
from vulcan.application.conversation.recognise import ParsedMessage
from vulcan.application.jobs.spending import usage_in_words
from vulcan.domain.errors import UserError
from vulcan.domain.events import (
    NoteDropped,
    NoteKept,
)
from vulcan.domain.messages import Intent, NoteKind


class SlashCommands:
    """Does what a command says."""

    def __init__(self, at: OpenConversation, job_acts: JobActs, questions: Questions) -> None:
        self._at, self._job_acts, self._questions = at, job_acts, questions

    async def command(self, understood: ParsedMessage, show: Show) -> Reply:
        """Do what the command says."""
        name, text = understood.command, understood.text
        if name in {"quit", "detach"}:
            return Reply("", Intent.COMMAND, self._at.job, leave=name)
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
            "plan": self._job_acts.plan,
            "notes": lambda: notes_page(self._at.log.state.notes),
            "jobs": lambda: jobs_page(
                {job: self._at.jobs.queries.log(job).job for job in self._at.log.state.jobs}, self._at.job
            ),
            "remember": lambda: self._remember(text),
            "forget": lambda: self._forget(text),
            "job": lambda: self._choose(text),
            "budget": lambda: self._budget(text),
            "model": lambda: self._model(text),
        }
        return Reply(words[name](), Intent.COMMAND, self._at.job)

    async def _figures(self, name: str, show: Show) -> Reply:
        talk = f"This conversation itself: {usage_in_words(self._at.log.state.usage)}."
        if not self._at.job:
            return Reply(talk if name == "cost" else NO_JOB, Intent.COMMAND)
        reply = await self._questions.question(ParsedMessage(Intent.QUESTION, name), show)
        return (
            replace(reply, text=f"{reply.text}\n{talk}", intent=Intent.COMMAND) if name == "cost" else reply
        )

    async def _pull(self) -> Reply:
        merged = self._job_acts.merged()
        if not merged:
            raise UserError("nothing was merged in this conversation yet", hint="See the jobs with: /jobs")
        return Reply(await self._at.jobs.commands.pull(merged[0]), Intent.COMMAND, self._at.job)

    async def _test(self, show: Show) -> Reply:
        job = self._at.job if self._at.situation().under_way else ""
        show("The project's tests are being run ...\n")
        return Reply(await self._at.services.tests(job), Intent.COMMAND, self._at.job)

    def _diff(self) -> Reply:
        subject = self._at.services.subject(self._at.need_job())
        generation = subject.job.generation
        if generation is None:
            return Reply("There is no change yet.", Intent.COMMAND, self._at.job)
        diff = subject.history.diff(generation.metadata.base, subject.job.newest_commit)
        return Reply(diff, Intent.COMMAND, self._at.job, form="diff")

    def _remember(self, text: str) -> str:
        self._at.log.append(NoteKept(NoteKind.RULE, text, self._at.log.state.messages[-1].seq))
        return f"Kept as note {self._at.log.state.kept}; it holds for every job that starts from here."

    def _forget(self, text: str) -> str:
        numbers = {str(note.number): note.number for note in self._at.log.state.notes}
        if text not in numbers:
            raise UserError(f"there is no note {text}", hint="See them with: /notes")
        self._at.log.append(NoteDropped(numbers[text]))
        return f"Note {text} is dropped."

    def _choose(self, text: str) -> str:
        job = self._at.jobs.queries.find(text)
        self._at.choose(job)
        return f"Job {job}: {state_of(self._at.job_state())}"

    def _model(self, text: str) -> str:
        name = self._at.services.model(text)
        if not text:
            return (
                f"New jobs are done with {name}."
                if name
                else "No model is configured. Choose one: /model NAME"
            )
        return f"Jobs that start or go on from here are done with {name}. What is under way keeps its model, as does this chat."

    def _budget(self, text: str) -> str:
        job, state = self._at.need_job(), self._at.job_state()
        self._at.jobs.commands.raise_budget(job, limits_of(state.budget, text), self._at.services.by)
        return f"The limits of job {job} are changed. Go on with: /resume"
