"""What a conversation works with, in memory: readings by a script, answers by a script, workers that only note."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fakes.agents import MemoryWorkspace
from fakes.clock import StillClock
from fakes.memory_forge import MemoryForge
from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.memory_vcs import MemoryVcs
from fakes.projects import FakeProject, jobs_on
from fakes.sample_events import BASE_COMMIT
from vulcan.application.conversation.handler import ConversationHandler
from vulcan.application.conversation.log import ConversationLog
from vulcan.application.conversation.open_conversation import Services
from vulcan.application.conversation.questions import Subject
from vulcan.application.jobs.commands import Order
from vulcan.application.ports import CallJournal, Interpretation, SourceState, Workspace
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.events import ConversationStarted, Event
from vulcan.domain.generation import CodeArtifact
from vulcan.domain.job import fold
from vulcan.domain.messages import Intent
from vulcan.domain.policy import ReviewPolicy

FILES = {"calc.py": b"def add(a, b):\n    return a - b\n", "AGENTS.md": b"Be kind.\n"}


class ScriptedInterpreter:
    """Reads by a script, and notes what it was told."""

    def __init__(self, *readings: Interpretation) -> None:
        self._readings = list(readings)
        self.told: list[str] = []

    async def interpret(
        self, call_key: str, context: str, message: str, journal: CallJournal
    ) -> Interpretation:
        journal.check_budget()
        self.told.append(context)
        journal.record_reply(f"{call_key}/interpreter/0", "interpreter", "m", Usage(1, 10, 0, 5), "{}")
        return self._readings.pop(0) if self._readings else Interpretation(Intent.SMALL_TALK, certain=True)


class ScriptedAnswerer:
    """Answers by a script, word by word."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.questions: list[str] = []
        self.told: list[str] = []

    async def answer(
        self,
        call_key: str,
        context: str,
        question: str,
        workspace: Workspace,
        journal: CallJournal,
        show: Callable[[str], None],
    ) -> str:
        self.questions.append(question)
        self.told.append(context)
        text = self._answers.pop(0)
        for word in text.split(" "):
            show(word if text.startswith(word) else f" {word}")
        return text


class NotedWorkers:
    """Starts nothing."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.paused: list[str] = []
        self.working: set[str] = set()

    def start(self, job: str) -> None:
        self.started.append(job)

    def pause(self, job: str) -> bool:
        self.paused.append(job)
        return job in self.working

    def busy(self, job: str) -> bool:
        return job in self.working

    def trouble(self, job: str) -> str:
        return ""


class Files:
    """One commit's files."""

    def commit(self, tree: str, parent: str, message: str) -> str:
        raise AssertionError

    def diff(self, base: str, head: str, paths: object = ()) -> str:
        return "--- a/calc.py\n+++ b/calc.py\n@@ -2 +2 @@\n-    return a - b\n+    return a + b\n"

    def changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        return ()

    def overlay(self, base: str, other: str, paths: object) -> str:
        raise AssertionError

    def files(self, commit: str) -> tuple[str, ...]:
        return tuple(FILES)

    def content(self, commit: str, path: str) -> bytes | None:
        return FILES.get(path)


class Repository(Files):
    """The files, and the commits that the person has pulled."""

    def __init__(self, pulled: list[str]) -> None:
        self._pulled = pulled

    def fetch(self, source: Path, commit: str) -> None:
        """All is there."""

    def is_ancestor(self, old: str, new: str) -> bool:
        return old in self._pulled


class Source:
    def __init__(self, pulled: list[str]) -> None:
        self._pulled = pulled

    def advance(self, root: Path, branch: str, commit: str) -> str:
        self._pulled.append(commit)
        return BASE_COMMIT

    def inspect(self, path: Path) -> SourceState:
        return SourceState(path, BASE_COMMIT, "main", 0)

    def publish(self, root: Path, branch: str, commit: str) -> None:
        raise AssertionError

    def withdraw(self, root: Path, branch: str) -> bool:
        return True


async def passing(commit: str) -> tuple[bool, str, float]:
    del commit
    return True, "", 0.0


class Table:
    """A conversation with everything around it."""

    def __init__(
        self, interpreter: ScriptedInterpreter | None = None, answerer: ScriptedAnswerer | None = None
    ) -> None:
        self.blobs = MemoryBlobStore()
        self.jobs, self.store = MemoryEventStore(self.blobs), MemoryEventStore(self.blobs)
        self.pulled: list[str] = []
        forge = MemoryForge(MemoryVcs(), passing)
        forge.branches.heads["main"] = "f" * 40
        project = FakeProject(Source(self.pulled), forge, repository=Repository(self.pulled))
        self.undone = project.checkouts.removed
        self.ordered = jobs_on(project, self.jobs, self.blobs, StillClock())
        self.workers = NotedWorkers()
        self.tested: list[str] = []
        self.shown: list[str] = []
        self.interpreter, self.answerer = interpreter, answerer
        self.store.append("c1", 0, [ConversationStarted("/project", "ada")])
        self.talk = self.again()

    def again(self) -> ConversationHandler:
        """The conversation as another process opens it."""
        services = Services(
            jobs=self.ordered,
            workers=self.workers,
            order=lambda text: Order(text, Path("/project"), "m", Budget(), ReviewPolicy(), by="ada"),
            subject=self._subject,
            tests=self._tests,
            model=lambda name: name or "m",
            interpreter=self.interpreter,
            answerer=self.answerer,
            budget=Budget(calls=50),
            by="ada",
        )
        return ConversationHandler(ConversationLog("c1", self.store, self.blobs), services)

    async def _tests(self, job: str) -> str:
        self.tested.append(job)
        return "3 passed"

    def _subject(self, job: str) -> Subject:
        log = self.jobs.read(job) if job else []

        @asynccontextmanager
        async def workspace() -> AsyncGenerator[Workspace, None]:
            yield MemoryWorkspace(dict(FILES))

        state = fold((stored.event, stored.at) for stored in log)
        return Subject(
            log, state, Files(), BASE_COMMIT, workspace, lambda digest: self.blobs.get(digest).decode()
        )

    async def hear(self, text: str) -> str:
        return (await self.talk.handle_message(text, self.shown.append)).text

    def happens(self, *events: Event) -> None:
        """The job's worker appends."""
        job = self.talk.job
        self.jobs.append(job, len(self.jobs.read(job)), events)

    def in_job(self) -> list[Event]:
        return [stored.event for stored in self.jobs.read(self.talk.job)]
