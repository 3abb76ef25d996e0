"""Conversations: begin one, find one again, open it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.conversation.handler import ConversationHandler
from vulcan.application.conversation.log import ConversationLog
from vulcan.application.conversation.open_conversation import Reply, Services
from vulcan.application.conversation.questions import Show, Subject, from_log
from vulcan.application.jobs.commands import Order, new_job_id
from vulcan.application.jobs.service import Jobs
from vulcan.application.ports import (
    Answerer,
    BlobStore,
    Clock,
    EventStore,
    Interpreter,
    SourceRepository,
    Workers,
)
from vulcan.application.ports.models import Models
from vulcan.application.ports.project import Projects
from vulcan.application.settings import Settings
from vulcan.application.suite_page import run_tests
from vulcan.domain.conversation import Conversation, fold
from vulcan.domain.errors import UserError
from vulcan.domain.events import ConversationStarted
from vulcan.domain.job import Job

CHAT, SINGLE_QUESTION = "c", "q"
"""What ids begin with: only chats are gone on with unless another conversation is named."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What conversations work with.

    Attributes:
        source: users' repositories.
        workers: processes that work on jobs beside a conversation, each with these command-line options.
        interpreter, answerer: None where no model is configured.
    """

    settings: Settings
    source: Callable[[], SourceRepository]
    projects: Projects
    models: Models
    workers: Callable[[Sequence[str]], Workers]
    interpreter: Interpreter | None
    answerer: Answerer | None


class Conversations:
    """All conversations of this installation.

    Args:
        store: opens their logs when they are first needed.
    """

    def __init__(
        self,
        store: Callable[[], EventStore],
        blobs: BlobStore,
        clock: Clock,
        jobs: Jobs,
        surroundings: Surroundings,
    ) -> None:
        self._open, self._blobs, self._clock = store, blobs, clock
        self._jobs, self._surroundings = jobs, surroundings

    def begin(self, repository: Path, by: str, kind: str = CHAT) -> str:
        """Begin a conversation about a repository; returns its id, which begins with its kind."""
        conversation = f"{kind}{new_job_id(self._clock.now())}{secrets.token_hex(1)}"
        self._open().append(conversation, 0, [ConversationStarted(str(repository), by)])
        return conversation

    def all(self) -> Iterator[tuple[str, Conversation]]:
        """All conversations, oldest first."""
        for each in self._open().jobs():
            yield each, self._state(each)

    def find(self, prefix: str, repository: Path) -> str:
        """The conversation whose id begins so; without one the newest chat about the repository."""
        for each in reversed(self._open().jobs()):
            here = each.startswith(CHAT) and self._state(each).started_in(str(repository))
            if each.startswith(prefix) if prefix else here:
                return each
        raise UserError("there is no such conversation", hint="List them with: vulcan chat --list")

    def open(
        self,
        conversation: str,
        repository: Path,
        by: str,
        options: Sequence[str] = (),
        *,
        ask: bool = True,
        blind: bool = False,
    ) -> ConversationHandler:
        """Open a conversation about a repository; `options` go to the processes that work on its jobs."""
        around, settings = self._surroundings, self._surroundings.settings
        workers, model = around.workers(options), settings.model.name

        def choose_model(name: str) -> str:
            nonlocal model
            if name:
                around.models.check(name)
                workers.use_model(name)
                model = name
            return model

        def order(instruction: str) -> Order:
            chosen = (model, settings.budget, settings.review)
            return Order(instruction, repository, *chosen, by=by, ask=ask, blind=blind)

        services = Services(
            jobs=self._jobs,
            workers=workers,
            order=order,
            subject=lambda job: self.subject(job, repository),
            tests=lambda job: self.run_tests(job, repository),
            model=choose_model,
            interpreter=around.interpreter,
            answerer=around.answerer,
            budget=settings.budget,
            by=by,
        )
        return ConversationHandler(ConversationLog(conversation, self._open(), self._blobs), services)

    def known_answer(self, question: str, job: str) -> str:
        """What the job's log itself answers to a question, without a model; empty where it has no answer to it."""
        return from_log(question, self.subject(job, Path()))

    async def ask(self, question: str, job: str, by: str, show: Show) -> Reply:
        """Answer a single question about a job, in a conversation of its own."""
        repository = Path(self._jobs.queries.request(job).repository)
        talk = self.open(self.begin(repository, by, SINGLE_QUESTION), repository, by)
        talk.choose(job)
        return await talk.handle_message(f"/ask {question}", show)

    def subject(self, job: str, repository: Path) -> Subject:
        """What a question is about: a job with its newest commit, or the repository as it is checked out."""
        queries = self._jobs.queries
        if job:
            state, request = queries.job(job), queries.request(job)
            project, commit = self._surroundings.projects(Path(request.repository)), state.newest_commit
            log = queries.events(job)
            return Subject(
                log, state, project.repository, commit, lambda: project.reading(commit), self._kept
            )
        found = self._surroundings.source().inspect(repository)
        project = self._surroundings.projects(found.root)
        project.repository.fetch(found.root, found.head)
        return Subject(
            (), Job(), project.repository, found.head, lambda: project.reading(found.head), self._kept
        )

    async def run_tests(self, job: str, repository: Path) -> str:
        """Run the project's tests on a job's newest commit, or on the commit that is checked out; says how it went."""
        if job:
            queries = self._jobs.queries
            state, request = queries.job(job), queries.request(job)
            project = self._surroundings.projects(Path(request.repository))
            commit, base, of = state.newest_commit, request.base_commit, f"job {job}'s newest commit"
        else:
            found = self._surroundings.source().inspect(repository)
            project, commit, base = self._surroundings.projects(found.root), found.head, found.head
            unseen = f", without what is not committed ({found.dirty} files)" if found.dirty else ""
            of = f"{found.branch or 'what is checked out'}{unseen}"
        if commit == base:
            project.repository.fetch(project.root, commit)
        said = await run_tests(project.services, job, commit, base)
        return f"{of} ({commit[:10]}): {said}"

    def _kept(self, digest: str) -> str:
        return self._blobs.get(digest).decode(errors="replace")

    def _state(self, conversation: str) -> Conversation:
        return fold((stored.event, stored.at) for stored in self._open().read(conversation))
