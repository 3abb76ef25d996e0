"""The composition root: the only file that knows both infrastructure and apps' needs. Rooms load when first used."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from vulcan.application.checks import ProjectChecks
from vulcan.application.masking import Masker, secrets_of, secrets_of_url
from vulcan.application.pipeline import Lease, Pipeline
from vulcan.application.requests import Desk
from vulcan.application.services import Services, TestSettings
from vulcan.application.tracing import Pusher
from vulcan.domain.environment import Recipe
from vulcan.domain.errors import UserError, VulcanError, mask_errors, masked
from vulcan.domain.events import Worker
from vulcan.infrastructure.keys import StoredKeys
from vulcan.infrastructure.leftovers import owned, start_time, sweep

if TYPE_CHECKING:
    from vulcan.application.converse.questions import Subject
    from vulcan.application.converse.talk import Talk
    from vulcan.application.ports import (
        AuthoredTests,
        Briefing,
        CallJournal,
        Interpretation,
        Observer,
        Sandbox,
        StoredEvent,
        WorkflowEngine,
        Workspace,
    )
    from vulcan.application.prompts import PromptPage, PromptSource
    from vulcan.application.setup.finding import Engineering, Finder
    from vulcan.application.stats import Stats
    from vulcan.domain.events import JobRequested
    from vulcan.domain.evidence import Finding
    from vulcan.domain.requirements import Requirement
    from vulcan.infrastructure.agents.conversing import Conversant
    from vulcan.infrastructure.agents.run import Tuning
    from vulcan.infrastructure.agents.team import Team
    from vulcan.infrastructure.git import GitRepository, GitSource
    from vulcan.infrastructure.housekeeping import Freed
    from vulcan.infrastructure.llm.catalogue import Listing
    from vulcan.infrastructure.llm.dust.access import DustAccess
    from vulcan.infrastructure.llm.dust.agents import Made
    from vulcan.infrastructure.llm.registry import Access, Model
    from vulcan.infrastructure.local_forge import LocalForge
    from vulcan.infrastructure.monitoring.endpoint import MetricsEndpoint
    from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess
    from vulcan.infrastructure.monitoring.live import LiveTraces
    from vulcan.infrastructure.monitoring.prompts import LangfusePrompts, ManagedPrompts
    from vulcan.infrastructure.sandbox import CanaryCheck
    from vulcan.infrastructure.settings import Effective, Settings
    from vulcan.infrastructure.store import FileBlobStore, SqliteEventStore
    from vulcan.infrastructure.testing.toolbox import Toolbox
    from vulcan.infrastructure.workflow.processes import WorkerProcesses
    from vulcan.infrastructure.workspace.directories import Directories


JOB_ID = re.compile(r"[0-9a-z]{6,12}")
CHARACTERS_PER_TOKEN = 2.5
"""Of code; some of what a model can read is left for its reply."""
NEWEST_JOBS = 20
TEMPORARY = ("/tmp", "/dev/shm")  # noqa: S108 - where folders of ours may be left, beside TMPDIR
NAMED = 5
ANOTHER_FOLDER = "Set VULCAN_HOME to a folder that you can write to."
"""Jobs back from the newest that are looked at for traces which could not be sent."""


class SystemClock:
    """The machine's time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class LazyTeam:
    """The agents, made when the first of them is needed: what needs no model loads no model."""

    def __init__(self, vulcan: Vulcan) -> None:
        self._vulcan = vulcan

    @cached_property
    def _team(self) -> Team:
        from vulcan.infrastructure.agents.team import Team

        vulcan = self._vulcan
        models = {agent: vulcan.make_model(name) for agent, name in vulcan.own_models().items()}
        return Team(vulcan.make_model(), vulcan.prompts(), vulcan.tuning(), models)

    async def analyze(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> Requirement:
        """As the analyst."""
        return await self._team.analyze(briefing, workspace, journal)

    async def code(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> str:
        """As the coder."""
        return await self._team.code(briefing, workspace, journal)

    async def write_tests(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> AuthoredTests:
        """As the test author."""
        return await self._team.write_tests(briefing, workspace, journal)

    async def review(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> tuple[Finding, ...]:
        """As the reviewer."""
        return await self._team.review(briefing, workspace, journal)


class LazyConversant:
    """The conversation's agents, made when a message needs a model."""

    def __init__(self, vulcan: Vulcan) -> None:
        self._vulcan = vulcan

    @cached_property
    def _agents(self) -> Conversant:
        from vulcan.infrastructure.agents.conversing import Conversant

        return Conversant(self._vulcan.make_model(), self._vulcan.prompts(), self._vulcan.tuning())

    async def interpret(
        self, call_key: str, context: str, message: str, journal: CallJournal
    ) -> Interpretation:
        """As the interpreter."""
        return await self._agents.interpret(call_key, context, message, journal)

    async def answer(
        self,
        call_key: str,
        context: str,
        question: str,
        workspace: Workspace,
        journal: CallJournal,
        show: Callable[[str], None],
    ) -> str:
        """As the answerer."""
        return await self._agents.answer(call_key, context, question, workspace, journal, show)


class Vulcan:
    """Everything of one installation, on one state folder."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self.settings, self.environ = settings, environ
        self.clock = SystemClock()
        mask_errors(self.masker())

    def need_state_folder(self) -> None:
        """Make the state folder; raises `VulcanError` where nothing can be kept there."""
        make_reachable(self.settings.state_dir)

    @cached_property
    def blobs(self) -> FileBlobStore:
        """Large payloads."""
        from vulcan.infrastructure.store import FileBlobStore

        return FileBlobStore(self.settings.state_dir / "blobs")

    @cached_property
    def store(self) -> SqliteEventStore:
        """The log of events."""
        from vulcan.infrastructure.store import CopiedEventStore, SqliteEventStore

        path = self.settings.state_dir / "events.sqlite3"
        if path.is_file() and not os.access(path.parent, os.W_OK):
            return CopiedEventStore(path, self.blobs)
        make_reachable(self.settings.state_dir)
        return SqliteEventStore(path, self.blobs)

    def masker(self) -> Masker:
        """Takes secrets out of what leaves this machine."""
        model, dust, monitoring = self.settings.model, self.settings.dust, self.settings.monitoring
        known = [model.api_key, dust.api_key, monitoring.langfuse_secret_key]
        known += [unquote(pair.partition("=")[2]).strip() for pair in monitoring.otlp_headers.split(",")]
        for url in (model.base_url, dust.url, monitoring.langfuse_base_url, monitoring.otlp_endpoint):
            known += secrets_of_url(url)
        return Masker([*secrets_of(self.environ), *known])

    def kept(self, digest: str) -> str:
        """The text of a blob."""
        return self.blobs.get(digest).decode(errors="replace")

    def langfuse_access(self) -> LangfuseAccess | None:
        """Where Langfuse is, if it is configured."""
        settings = self.settings.monitoring
        if not settings.langfuse_public_key:
            return None
        from vulcan.infrastructure.monitoring.langfuse import CLOUD, LangfuseAccess

        return LangfuseAccess(
            public_key=settings.langfuse_public_key,
            secret_key=settings.langfuse_secret_key,
            base_url=settings.langfuse_base_url or CLOUD,
            environment=settings.environment or "default",
        )

    def prompts(self) -> PromptSource:
        """Where agents' prompts come from: the package, or Langfuse where the settings say so."""
        from vulcan.infrastructure.agents.packaged import prompt

        return self.managed_prompts() or prompt

    def managed_prompts(self) -> ManagedPrompts | None:
        """The prompts in Langfuse, where the settings say that those are used."""
        settings = self.settings.monitoring
        if settings.prompts == "packaged":
            return None
        from vulcan.infrastructure.agents.packaged import prompt
        from vulcan.infrastructure.monitoring.prompts import ManagedPrompts

        library = self.prompt_library()
        name = hashlib.sha256(library.receiver.encode()).hexdigest()[:16]
        return ManagedPrompts(
            library, self.settings.state_dir / "prompts" / name, prompt, settings.prompts_label
        )

    def prompt_pages(self) -> Iterator[PromptPage]:
        """Each agent's prompt as the next job would use it."""
        from vulcan.application.prompts import PromptPage
        from vulcan.infrastructure.agents.packaged import AGENTS, prompt

        managed = self.managed_prompts()
        for agent in AGENTS:
            origin = managed.origin(agent) if managed else "packaged"
            yield PromptPage(agent, *(managed or prompt)(agent), origin)

    def prompt_library(self) -> LangfusePrompts:
        """Langfuse's prompt management; raises `UserError` where Langfuse is not configured."""
        access = self.langfuse_access()
        if access is None:
            raise UserError(
                "prompts can't be managed in Langfuse, which is not configured",
                hint='Set LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY and LANGFUSE_BASE_URL, or prompts = "packaged".',
            )
        from vulcan.infrastructure.monitoring.prompts import LangfusePrompts

        return LangfusePrompts(access)

    def push_prompts(self, labels: Sequence[str]) -> Iterator[tuple[str, int, bool]]:
        """Bring the packaged prompts to Langfuse; yields agent, number there and whether it is new."""
        from vulcan.application.prompts import push_prompts
        from vulcan.infrastructure.agents.packaged import AGENTS, prompt

        return push_prompts(AGENTS, prompt, self.prompt_library(), labels)

    def pusher(self) -> Pusher | None:
        """Sends traces where Langfuse is configured; else None, and nothing of it is loaded."""
        access = self.langfuse_access()
        if access is None:
            return None
        from vulcan.infrastructure.monitoring.langfuse import LangfuseSink
        from vulcan.infrastructure.monitoring.marks import FileMarks

        marks = FileMarks(self.settings.state_dir / "traces", access.receiver)
        return Pusher(LangfuseSink(access), marks, self.kept, self.masker())

    def live_traces(self) -> LiveTraces | None:
        """Sends a job's trace while it is worked on, where Langfuse is configured."""
        pusher = self.pusher()
        if pusher is None:
            return None
        from vulcan.infrastructure.monitoring.live import LiveTraces

        return LiveTraces(pusher, self._owed(pusher))

    def _owed(self, pusher: Pusher) -> Iterator[list[StoredEvent]]:
        """Logs of the newest jobs of which Langfuse has not got all; from connections that hold up nobody else's."""
        from vulcan.infrastructure.store import SqliteEventStore

        path = self.settings.state_dir / "events.sqlite3"
        for job in self.store.jobs()[-NEWEST_JOBS:]:
            with SqliteEventStore(path, self.blobs) as store:
                log = store.read(job) if pusher.owes(store, job) else []
            if log:
                yield log

    def metrics_endpoint(self, address: str) -> MetricsEndpoint:
        """Where a Prometheus server can fetch the figures of all jobs; `address` is `[HOST:]PORT`."""
        from vulcan.application.metrics import prometheus_text
        from vulcan.application.running import RunningStats
        from vulcan.infrastructure.monitoring.endpoint import MetricsEndpoint, address_of

        figures = RunningStats(self.store)
        figures()  # the first time takes long where there are many jobs
        return MetricsEndpoint(lambda: prometheus_text(figures()), *address_of(address))

    def send_metrics(self, stats: Stats, began: float) -> str:
        """Send figures to the OpenTelemetry collector; returns where it is."""
        from vulcan.infrastructure.monitoring.otlp import headers_of, send_metrics

        settings = self.settings.monitoring
        if not settings.otlp_endpoint:
            raise UserError(
                "no collector is configured", hint="Set OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318"
            )
        headers = headers_of(settings.otlp_headers)
        send_metrics(stats, settings.otlp_endpoint, headers, began, self.clock.now())
        return masked(settings.otlp_endpoint)

    def make_model(self, name: str = "") -> Model:
        """The model of a name; by default the one that the settings name."""
        from vulcan.infrastructure.llm.registry import make_model

        return make_model(name or self.settings.model.name, self._model_access())

    def own_models(self) -> dict[str, str]:
        """Names of models that single agents have of their own."""
        model = self.settings.model
        named = {
            "analyst": model.analyst,
            "coder": model.coder,
            "test author": model.test_author,
            "reviewer": model.reviewer,
        }
        return {agent: name for agent, name in named.items() if name}

    def tuning(self) -> Tuning:
        """How models are asked."""
        from vulcan.infrastructure.agents.history import MAX_CHARACTERS
        from vulcan.infrastructure.agents.journaled import Waiting
        from vulcan.infrastructure.agents.replies import Price
        from vulcan.infrastructure.agents.run import Tuning

        model = self.settings.model
        history = MAX_CHARACTERS
        if model.context_window is not None:
            history = min(history, int(model.context_window * CHARACTERS_PER_TOKEN))
        price = None
        if model.input_price is not None or model.output_price is not None:
            price = Price(model.input_price or 0.0, model.output_price or 0.0)
        return Tuning(history, Waiting(model.patience), self._request_settings(), price)

    def _request_settings(self) -> dict[str, object]:
        model = self.settings.model
        given = {
            "max_tokens": model.max_tokens,
            "temperature": model.temperature,
            "thinking": {"default": None, "off": False}.get(model.effort.value, model.effort.value),
            "extra_headers": _headers(model.headers) or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def check_model(self) -> None:
        """See whether the model that the settings name can be asked; raises `UserError` where something is missing."""
        from vulcan.application.requests import need_model
        from vulcan.infrastructure.llm.registry import check_model

        need_model(self.settings.model.name)
        for name in (self.settings.model.name, *self.own_models().values()):
            check_model(name, self._model_access())
        _headers(self.settings.model.headers)

    async def ask_model(self, name: str = "") -> str:
        """Ask a model whether it is there; returns the name that it answers under."""
        from vulcan.infrastructure.llm.asking import ask_whether_there

        return await ask_whether_there(self.make_model(name))

    def services_asked(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Each outside service that is configured, with what asks whether it is there."""
        from vulcan.infrastructure.monitoring import reachable
        from vulcan.infrastructure.monitoring.otlp import headers_of

        monitoring, prefect = self.settings.monitoring, self.settings.workflow.prefect_api_url
        if access := self.langfuse_access():
            yield "Langfuse", lambda: reachable.ask_langfuse(access)
        if endpoint := monitoring.otlp_endpoint:
            headers = headers_of(monitoring.otlp_headers)
            yield "OpenTelemetry collector", lambda: masked(reachable.ask_collector(endpoint, headers))
        if prefect:
            yield "Prefect", lambda: masked(reachable.ask_prefect(prefect))
        if self.settings.dust.workspace and not self.settings.model.name.startswith("dust:"):
            yield "Dust", lambda: f"{len(asyncio.run(self._dust_agents()))} agents"

    async def _dust_agents(self) -> list[object]:
        from vulcan.infrastructure.llm.dust.access import Patience
        from vulcan.infrastructure.llm.dust.client import DustClient

        client = DustClient(self.dust_access().checked(), Patience(tries=1, deadline=10.0))
        try:
            return list(await client.agents())
        finally:
            await client.close()

    def effective_settings(self, repository: Path | None) -> tuple[Effective, ...]:
        """Each setting with where its value comes from."""
        from vulcan.infrastructure.settings import explain_settings

        return explain_settings(repository, self.environ, {})

    @property
    def settings_file(self) -> Path:
        """Where the user's own settings are, whether there are any or not."""
        from vulcan.infrastructure.settings import user_file

        return user_file(self.environ)

    @property
    def keys(self) -> StoredKeys:
        """The keys that were given to `vulcan init`."""
        return StoredKeys(self.settings_file.parent)

    def key_variables(self, model: str) -> tuple[str, ...]:
        """The variables of which one must hold the key for a model; none where it needs none."""
        if model.startswith("dust:"):
            return (self.settings.dust.api_key_env,)
        from vulcan.infrastructure.llm.providers import PROVIDERS, provider_of

        provider = provider_of(model)
        return PROVIDERS[provider].keys if provider in PROVIDERS else (self.settings.model.api_key_env,)

    def set_model(self, values: Mapping[str, str]) -> Path:
        """Write values under [model] of the user's own settings; returns the file."""
        from vulcan.infrastructure.keys import with_setting

        with_setting(self.settings_file, "model", values)
        return self.settings_file

    def missing_extras(self) -> tuple[str, ...]:
        """Extras of this distribution that the settings need and that are not installed."""
        from vulcan.infrastructure.llm.registry import missing_extras

        settings = self.settings
        names = {settings.model.name, *self.own_models().values()} - {""}
        found = {extra for name in names for extra in missing_extras(name, self._model_access())}
        wanted = {
            "langfuse": bool(settings.monitoring.langfuse_public_key),
            "prefect": bool(settings.workflow.prefect_api_url),
        }
        absent = (name for name, used in wanted.items() if used and find_spec(name) is None)
        return (*sorted(found), *absent)

    def _model_access(self) -> Access:
        from vulcan.infrastructure.llm.registry import Access

        model = self.settings.model
        return Access(
            model.base_url, model.api_key, self.dust_access(), self.environ, key_name=model.api_key_env
        )

    def dust_access(self) -> DustAccess:
        """The Dust workspace that the settings name; it may be incomplete."""
        from vulcan.infrastructure.llm.dust.access import DustAccess

        dust = self.settings.dust
        shared = self.settings.state_dir / "limits"
        return DustAccess(dust.workspace, dust.url, dust.api_key, dust.messages_per_minute, shared)

    async def models(self) -> Listing:
        """What models are reachable."""
        from vulcan.infrastructure.llm.catalogue import list_models

        model = self.settings.model
        return await list_models(model.base_url, model.api_key, self.dust_access(), self.environ)

    async def set_up_dust(self, name: str, effort: str, editor: str) -> Made:
        """Make a Dust agent for a model."""
        from vulcan.infrastructure.llm.dust.agents import choice_of, set_up

        return await set_up(self.dust_access(), choice_of(name, effort), editor)

    def tidy_up(self) -> None:
        """Remove what killed processes left in temporary folders, beside what is done meanwhile."""
        state = self.settings.state_dir
        places = [
            Path(tempfile.gettempdir()),
            *map(Path, TEMPORARY),
            state / "jobs",
            state / "trees",
            state / "setup",
        ]
        threading.Thread(target=sweep, args=tuple(dict.fromkeys(places)), name="tidy-up").start()

    def tidy(self, keep: int, *, dry_run: bool) -> Freed:
        """Remove ended jobs' folders, and caches beyond `keep` bytes; nothing that a living job uses."""
        from vulcan.domain.events import EnvironmentPrepared
        from vulcan.domain.job import Ended
        from vulcan.infrastructure.housekeeping import InUse, tidy

        jobs = dict(self.desk.jobs())
        living = [job for job, state in jobs.items() if state.worker is not None and is_alive(state.worker)]
        prepared = (each.event for job in living for each in self.store.read(job))
        in_use = InUse(
            frozenset(event.digest for event in prepared if isinstance(event, EnvironmentPrepared)),
            frozenset(job for job, state in jobs.items() if isinstance(state.next_stage(), Ended)),
            self.toolbox.mount().source,
            living=bool(living),
        )
        return tidy(self.settings.state_dir, in_use, keep, self.clock.now(), dry_run=dry_run)

    @staticmethod
    def warm_up() -> None:
        """Load the agents beside what waits for git and the sandbox: the first model request goes out sooner."""
        threading.Thread(target=_load_agents, name="warm-up").start()

    @cached_property
    def desk(self) -> Desk:
        """Where people's requests are taken."""
        return Desk(self.store, self.blobs, self.clock, self.doubts)

    def doubts(self) -> str:
        """Why a job may not be found; raises `VulcanError` where the log is damaged."""
        self.store.check()
        return self.lost_jobs()

    def lost_jobs(self) -> str:
        """What to say where there are folders of jobs that the log does not know; else nothing."""
        folder, log = self.settings.state_dir / "jobs", self.settings.state_dir / "events.sqlite3"
        kept = {
            each.parent.name for each in folder.glob("*/workspace.key") if JOB_ID.fullmatch(each.parent.name)
        }
        lost = sorted(kept - set(self.store.jobs()))
        if not lost:
            return ""
        names = ", ".join(lost[:NAMED]) + (f" and {len(lost) - NAMED} more" if len(lost) > NAMED else "")
        return (
            f"The log {log} does not know jobs whose folders are in {folder} ({names}): it was damaged, replaced or cut. "
            "Restore it from a backup, together with its -wal file; if nobody misses these jobs, remove their folders."
        )

    @cached_property
    def conversations(self) -> SqliteEventStore:
        """The conversations' logs: a chain of their own, apart from the jobs'."""
        from vulcan.infrastructure.store import SqliteEventStore

        make_reachable(self.settings.state_dir)
        return SqliteEventStore(self.settings.state_dir / "conversations.sqlite3", self.blobs)

    def workers(self, options: Sequence[str]) -> WorkerProcesses:
        """Processes that work on jobs in the background, each with these command-line options."""
        from vulcan.infrastructure.workflow.processes import WorkerProcesses

        folder = self.settings.state_dir / "workers"
        return WorkerProcesses(self.store, is_alive, folder, options, self.environ)

    def talk(
        self,
        conversation: str,
        repository: Path,
        options: Sequence[str],
        by: str,
        *,
        ask: bool = True,
        blind: bool = False,
    ) -> Talk:
        """Open a conversation about a repository; `options` go to the processes that work on its jobs."""
        from vulcan.application.converse.log import ConversationLog
        from vulcan.application.converse.talk import Services as TalkServices
        from vulcan.application.converse.talk import Talk
        from vulcan.application.requests import Order

        settings = self.settings
        conversant = LazyConversant(self) if settings.model.name else None
        workers = self.workers(options)
        model = settings.model.name

        def choose_model(name: str) -> str:
            nonlocal model
            if name:
                from vulcan.infrastructure.llm.registry import check_model

                check_model(name, self._model_access())
                workers.use_model(name)
                model = name
            return model

        def order(instruction: str) -> Order:
            chosen = (model, settings.budget, settings.review)
            return Order(instruction, repository, *chosen, by=by, ask=ask, blind=blind)

        services = TalkServices(
            desk=self.desk,
            workers=workers,
            source=self.source(),
            order=order,
            subject=lambda job: self.subject(job, repository),
            undo=lambda job: self.undo(job, by),
            tests=lambda job: self.run_tests(job, repository),
            pull=self.pull,
            pulled=self.pulled,
            model=choose_model,
            interpreter=conversant,
            answerer=conversant,
            budget=settings.budget,
            by=by,
        )
        return Talk(ConversationLog(conversation, self.conversations, self.blobs), services)

    def subject(self, job: str, repository: Path) -> Subject:
        """What a question is about: a job with its newest commit, or the repository as it is checked out."""
        from vulcan.application.converse.questions import Subject
        from vulcan.domain.job import fold

        log = self.store.read(job) if job else []
        state = fold((stored.event, stored.at) for stored in log)
        root, commit = repository, state.newest_commit
        if state.request is not None:
            root = Path(state.request.repository)
        else:
            found = self.source().inspect(repository)
            root, commit = found.root, found.head
            self.repository(root).fetch(root, commit)
        project = self.project(root)
        return Subject(log, state, project.repository, commit, lambda: project.reading(commit), self.kept)

    async def run_tests(self, job: str, repository: Path) -> str:
        """Run the project's tests on a job's newest commit, or on the commit that is checked out; says how it went."""
        from vulcan.application.suite_page import run_tests

        state = self.desk.log(job).job if job else None
        if state is not None and state.request is not None:
            root, base = Path(state.request.repository), state.request.base_commit
            commit, of = state.newest_commit, f"job {job}'s newest commit"
        else:
            found = self.source().inspect(repository)
            root, base, commit = found.root, found.head, found.head
            unseen = f", without what is not committed ({found.dirty} files)" if found.dirty else ""
            of = f"{found.branch or 'what is checked out'}{unseen}"
        if commit == base:
            self.repository(root).fetch(root, commit)
        said = await run_tests(self.project(root).services, job, commit, base)
        return f"{of} ({commit[:10]}): {said}"

    async def pull(self, job: str) -> str:
        """Fast-forward the branch that a job was merged into, where the person has it checked out; says what became of it."""
        request = self._request_of(job)
        project, branch = self.project(Path(request.repository)), request.base_branch
        target = await project.forge.branches.head(branch)
        if not target:
            raise UserError(f"the forge has no branch {branch}")
        try:
            old = project.source.advance(project.root, branch, target)
        except UserError as error:
            by_hand = f"By hand: git pull {project.repository.git_dir} {branch}"
            raise UserError(error.message, hint=f"{error.hint} {by_hand}".strip()) from error
        if not old:
            return f"Your {branch} has it already."
        changed = project.repository.changes(old, target)
        return f"Your {branch} is brought forward from {old[:10]} to {target[:10]}: {len(changed)} files changed."

    def pulled(self, job: str) -> bool:
        """Whether what a job merged is in what is checked out in its repository."""
        root, deployment = Path(self._request_of(job).repository), self.desk.log(job).job.deployment
        merge, head = deployment.merge_commit if deployment else "", self.source().inspect(root).head
        repository = self.repository(root)
        repository.fetch(root, head)
        return bool(merge) and repository.is_ancestor(merge, head)

    def _request_of(self, job: str) -> JobRequested:
        request = self.desk.log(job).job.request
        if request is None:
            raise UserError(f"job {job} holds no request")
        return request

    async def undo(self, job: str, by: str) -> tuple[str, ...]:
        """Remove what a job made."""
        project = self.project(Path(self._request_of(job).repository))
        return await self.desk.undo(job, by, project.source, project.forge, project.directories)

    @staticmethod
    def recipe_from(source: str, given: Mapping[str, object]) -> Recipe:
        """What a person says of a recipe; raises `UserError` for what can't be."""
        from vulcan.infrastructure.recipe_settings import parse_recipes

        return parse_recipes(source, [given], by_repository=False)[0]

    @staticmethod
    def recipe_toml(recipe: Recipe) -> str:
        """A recipe as a repository's settings say it."""
        from vulcan.infrastructure.recipe_writing import recipe_toml

        return recipe_toml(recipe)

    @staticmethod
    def write_recipe(root: Path, recipe: Recipe) -> str:
        """Write a recipe into a repository's settings; returns what was changed."""
        from vulcan.infrastructure.recipe_writing import write_recipe

        return write_recipe(root, recipe)

    def finder(
        self, root: Path, commit: str, named: Recipe | None, tell: Callable[[str, str], None]
    ) -> Finder:
        """Finds the recipe of a commit; `named` is what the command line says of it, before all else."""
        from vulcan.application.setup.finding import Finder

        project = self.project(root)
        project.repository.fetch(root, commit)
        known = self.settings.environments
        path = part_of(known)
        own = [recipe for recipe in known if not recipe.by_repository]
        given = (recipe for recipe in known if recipe.by_repository and recipe.path == path)
        standing = next(given, Recipe(path, by_repository=True))
        grounds = TrialGrounds(project, [replace(named, path=path), *own] if named else own)
        return Finder(grounds, project.repository, commit, standing, tell)

    def engineering(self, root: Path, commit: str, by: str) -> Engineering | None:
        """What finds out how a project's tests are run, where a model is configured."""
        settings, started = self.settings, time.monotonic()
        if not settings.model.name:
            return None
        from vulcan.application.setup.finding import Engineering, log_of
        from vulcan.infrastructure.agents.engineer import Engineer

        asked = f"vulcan setup of {commit} with {settings.model.name}"

        def engineer() -> Engineer:
            self.check_model()
            return Engineer(self.make_model(), self.prompts(), self.tuning())

        return Engineering(
            engineer,
            lambda: log_of(self.conversations, self.blobs, self.clock.now(), str(root), asked, by),
            lambda: self.project(root).reading(commit),
            settings.budget,
            lambda: time.monotonic() - started,
        )

    @cached_property
    def sandbox(self) -> Sandbox:
        """The strongest sandbox that this machine offers."""
        from vulcan.infrastructure.sandbox import choose_sandbox

        chosen = self.settings.sandbox
        return choose_sandbox(chosen.minimum.value, unsafe=chosen.unsafe)

    async def canary(self) -> list[CanaryCheck]:
        """Try to break the sandbox."""
        from vulcan.infrastructure.sandbox import canary

        return await canary(self.sandbox)

    @staticmethod
    def program(name: str) -> Path:
        """A program that Vulcan brings along; raises `VulcanError` where it is missing."""
        from vulcan.infrastructure.testing.toolbox import find_binary

        return find_binary(name)

    @cached_property
    def toolbox(self) -> Toolbox:
        """Helpers that boxes need."""
        from vulcan.infrastructure.testing.toolbox import Toolbox

        return Toolbox(self.settings.state_dir / "tools")

    def source(self) -> GitSource:
        """Users' repositories, of which the state folder holds copies."""
        self.need_state_folder()
        from vulcan.infrastructure.git import GitSource

        return GitSource(self.repository)

    def repository(self, root: Path) -> GitRepository:
        """The host's own repository for a user's one; also the local forge's."""
        from vulcan.infrastructure.git import GitRepository

        digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:10]
        name = re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-.") or "project"
        return GitRepository(self.settings.state_dir / "forge" / f"{name}-{digest}.git")

    def project(self, root: Path) -> Project:
        """What is needed to work on one repository."""
        return Project(self, root)


def _headers(lines: Sequence[str]) -> dict[str, str]:
    """Headers of `Name: value` lines."""
    pairs = [line.partition(":") for line in lines]
    if wrong := next(
        (line for line, (name, colon, _) in zip(lines, pairs, strict=True) if not (name and colon)), ""
    ):
        raise UserError(f"headers under [model]: {wrong} is no header", hint="Write each as Name: value")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _load_agents() -> None:
    import vulcan.infrastructure.agents.team
    import vulcan.infrastructure.llm.chat_completions  # noqa: F401 - loaded for those who come later


def open_vulcan(
    repository: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]
) -> Vulcan:
    """The installation, with all settings read."""
    from vulcan.infrastructure.settings import load_settings, user_file

    stored = {
        name: key
        for name, key in StoredKeys(user_file(environ).parent).read().items()
        if not environ.get(name)
    }
    os.environ.update(stored)  # where the providers' own libraries look for them
    environ = {**environ, **stored}
    mask_errors(Masker(secrets_of(environ)))
    os.environ.setdefault("PYDANTIC_AI_NO_BANNER", "1")  # it would write into people's terminals
    return Vulcan(load_settings(repository, environ, overrides), environ)


class Project:
    """The services and the pipeline for one repository."""

    def __init__(self, vulcan: Vulcan, root: Path) -> None:
        self._vulcan, self.root = vulcan, root
        self.repository = vulcan.repository(root)
        self.source = vulcan.source()

    @cached_property
    def directories(self) -> Directories:
        """Workspaces and clean checkouts."""
        return self.directories_in(self.state_dir, self._vulcan.settings.environments)

    @property
    def state_dir(self) -> Path:
        """Where all that Vulcan makes is kept."""
        return self._vulcan.settings.state_dir

    def directories_in(self, folder: Path, recipes: Sequence[Recipe], *, anew: bool = False) -> Directories:
        """Workspaces, clean checkouts and environments below a folder.

        Args:
            folder: holds them.
            recipes: what is said of the project's environments.
            anew: whether packages are installed below that folder, too, instead of where all jobs have theirs.
        """
        from vulcan.infrastructure.environment.builder import UvEnvironments
        from vulcan.infrastructure.workspace.directories import Directories

        vulcan, settings = self._vulcan, self._vulcan.settings
        shared = settings.state_dir / "environments"
        environments = UvEnvironments(
            folder / "environments",
            vulcan.sandbox,
            vulcan.toolbox.mount(),
            settings.sandbox.limits,
            vulcan.environ,
            settings.tests.dependencies,
            settings.setup.allow_hosts,
            recipes,
            packages=folder / "environments" if anew else shared,
            shared=shared,
        )
        jobs, trees = folder / "jobs", folder / "trees"
        make_reachable(jobs)
        make_reachable(trees)
        limits = settings.sandbox.limits
        checkers = vulcan.toolbox.checkers()
        return Directories(jobs, self.repository, vulcan.sandbox, environments, limits, trees, checkers)

    @cached_property
    def forge(self) -> LocalForge:
        """The embedded forge."""
        from vulcan.infrastructure.local_forge import LocalForge

        return LocalForge(self.repository, self._checks)

    async def _checks(self, commit: str) -> tuple[bool, str, float]:
        checks = ProjectChecks(self.services, self._vulcan.settings.checks)
        return await checks.run(commit, self.repository.fork_point(commit))

    @cached_property
    def services(self) -> Services:
        """Adapters for the stages."""
        from vulcan.infrastructure.store.runs import FileKeptRuns
        from vulcan.infrastructure.testing.inspector import Inspector
        from vulcan.infrastructure.testing.runners import RecipeRunner
        from vulcan.infrastructure.testing.static import PythonChecks

        vulcan, settings = self._vulcan, self._vulcan.settings
        team = LazyTeam(vulcan)
        inside = (vulcan.sandbox, vulcan.toolbox, settings.sandbox.limits)
        return Services(
            analyst=team,
            coder=team,
            test_author=team,
            reviewer=team,
            checkouts=self.directories,
            repository=self.repository,
            source=self.source,
            forge=self.forge,
            sandbox=vulcan.sandbox,
            runner=RecipeRunner(*inside),
            inspector=Inspector(*inside),
            static=PythonChecks(*inside),
            runs=FileKeptRuns(settings.state_dir / "runs"),
            tests=TestSettings(settings.tests.timeout, settings.tests.test_timeout, settings.tests.arguments),
            limits=settings.sandbox.limits,
        )

    def reading(self, commit: str) -> AbstractAsyncContextManager[Workspace]:
        """The files of a commit for an agent that only reads."""
        return self.directories.reading(commit)

    async def bring(self, commit: str, branch: str) -> None:
        """Bring the job's base into the host's repository, and the forge's branch up to it."""
        self.repository.fetch(self.root, commit)
        await self.forge.sync_branch(branch, commit)

    def engine(self, observers: Sequence[Observer]) -> WorkflowEngine:
        """Prefect where a server is configured, else inline."""
        from vulcan.application.stages import stage_functions

        vulcan = self._vulcan
        vulcan.tidy_up()
        stages = stage_functions(self.services)
        pipeline = Pipeline(vulcan.store, vulcan.blobs, vulcan.clock, stages, this_lease(), observers)
        url = vulcan.settings.workflow.prefect_api_url
        if url:
            from vulcan.infrastructure.workflow import PrefectEngine

            return PrefectEngine(pipeline, api_url=url)
        from vulcan.infrastructure.workflow import InlineEngine

        return InlineEngine(pipeline)


def part_of(recipes: Sequence[Recipe]) -> str:
    """The folder of which a job uses the environment: the root, or what settings name first where they don't name it."""
    paths = [recipe.path for recipe in recipes]
    return paths[0] if paths and "." not in paths else "."


class TrialGrounds:
    """Where `vulcan setup` tries recipes: folders of their own below the state folder, gone at the end.

    Args:
        named: what the user says of the project's environments; it counts before what is tried.
    """

    def __init__(self, project: Project, named: Sequence[Recipe]) -> None:
        self._project, self._named = project, tuple(named)

    @asynccontextmanager
    async def open(self, recipe: Recipe, *, fresh: bool) -> AsyncGenerator[Services, None]:
        """Services on a ground of their own; see the port."""
        home = self._project.state_dir / "setup"
        make_reachable(home)
        folder = Path(tempfile.mkdtemp(prefix=owned("setup"), dir=home))
        folder.chmod(0o711)
        try:
            recipes = (*self._named, recipe)
            directories = self._project.directories_in(folder, recipes, anew=fresh)
            yield replace(self._project.services, checkouts=directories)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def make_reachable(folder: Path) -> None:
    """Make a state folder; as root, others may pass through it, since boxes run as another user."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise VulcanError(
            f"the state folder {folder} can't be made: {error.strerror}",
            hint=ANOTHER_FOLDER,
        ) from error
    if not os.access(folder, os.W_OK):
        raise VulcanError(f"the state folder {folder} can't be written", hint=ANOTHER_FOLDER)


# ------------------------------------------------------------------------------------------ the lease


def is_alive(worker: Worker) -> bool:
    """Whether a worker still lives; one on another machine counts as alive, since nobody can tell here."""
    if worker.host != socket.gethostname():
        return True
    return worker.started != 0 and start_time(worker.pid) == worker.started


def this_lease() -> Lease:
    """This process as a worker."""
    pid = os.getpid()
    return Lease(Worker(socket.gethostname(), pid, start_time(pid)), is_alive)
