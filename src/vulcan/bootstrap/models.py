"""The models that the settings name, and the agents on them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vulcan.domain.errors import UserError

if TYPE_CHECKING:
    from vulcan.application.ports import AuthoredTests, Briefing, CallJournal, Interpretation, Workspace
    from vulcan.application.ports.models import DustAgent, ModelListing
    from vulcan.application.prompts import PromptSource
    from vulcan.bootstrap.container import Container
    from vulcan.domain.evidence import Finding
    from vulcan.domain.requirements import Requirement
    from vulcan.infrastructure.agents.conversing import ConversationAgents
    from vulcan.infrastructure.agents.run import Tuning
    from vulcan.infrastructure.agents.team import Team
    from vulcan.infrastructure.llm.dust.access import DustAccess
    from vulcan.infrastructure.llm.registry import Access, Model
    from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess
    from vulcan.infrastructure.monitoring.prompts import LangfusePrompts, ManagedPrompts

CHARACTERS_PER_TOKEN = 2.5
"""Of code; some of what a model can read is left for its reply."""


class ModelWiring:
    """The `Models` port, and what agents need of models."""

    def __init__(self, container: Container) -> None:
        self._container, self._settings = container, container.settings

    def check(self, name: str = "") -> None:
        """See whether a model (default: those that are set) can be asked; raises `UserError` where something is missing."""
        from vulcan.application.jobs.commands import need_model
        from vulcan.infrastructure.llm.registry import check_address, check_model

        if name:
            check_model(name, self._access())
            return
        need_model(self._settings.model.name)
        names = (self._settings.model.name, *self.own_models().values())
        for each in names:
            check_model(each, self._access())
        if self._settings.model.base_url_said:
            check_address(names, self._access())
        _headers(self._settings.model.headers)

    def warm_up(self) -> None:
        """Load the agents beside what waits for git and the sandbox: the first model request goes out sooner."""
        threading.Thread(target=_load_agents, name="warm-up").start()

    async def ask(self, name: str = "") -> str:
        """Ask a model whether it is there; returns the name that it answers under."""
        from vulcan.infrastructure.llm.asking import ask_whether_there

        return await ask_whether_there(self.make(name))

    async def list(self) -> ModelListing:
        """What models are reachable."""
        from vulcan.infrastructure.llm.catalogue import list_models

        model = self._settings.model
        return await list_models(model.base_url, model.api_key, self.dust_access(), self._container.environ)

    async def set_up_dust(self, name: str, effort: str, editor: str) -> DustAgent:
        """Make a Dust agent for a model."""
        from vulcan.infrastructure.llm.dust.agents import choice_of, set_up

        return await set_up(self.dust_access(), choice_of(name, effort), editor)

    def key_variables(self, model: str) -> tuple[str, ...]:
        """The variables of which one must hold the key for a model; none where it needs none."""
        if model.startswith("dust:"):
            return (self._settings.dust.api_key_env,)
        from vulcan.infrastructure.llm.providers import PROVIDERS, provider_of

        provider = provider_of(model)
        return PROVIDERS[provider].keys if provider in PROVIDERS else (self._settings.model.api_key_env,)

    def missing_extras(self) -> tuple[str, ...]:
        """Extras of this distribution that the settings need and that are not installed."""
        from vulcan.infrastructure.llm.registry import missing_extras

        settings = self._settings
        names = {settings.model.name, *self.own_models().values()} - {""}
        found = {extra for name in names for extra in missing_extras(name, self._access())}
        wanted = {
            "langfuse": bool(settings.monitoring.langfuse_public_key),
            "prefect": bool(settings.workflow.prefect_api_url),
        }
        absent = (name for name, used in wanted.items() if used and find_spec(name) is None)
        return (*sorted(found), *absent)

    def make(self, name: str = "") -> Model:
        """The model of a name; by default the one that the settings name."""
        name = name or self._settings.model.name
        if "model" in self._container.replaced:
            return self._container.replaced["model"](name)
        from vulcan.infrastructure.llm.registry import make_model

        return make_model(name, self._access())

    def own_models(self) -> dict[str, str]:
        """Names of models that single agents have of their own."""
        model = self._settings.model
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

        model = self._settings.model
        history = MAX_CHARACTERS
        if model.context_window is not None:
            history = min(history, int(model.context_window * CHARACTERS_PER_TOKEN))
        price = None
        if model.input_price is not None or model.output_price is not None:
            price = Price(model.input_price or 0.0, model.output_price or 0.0)
        return Tuning(history, Waiting(model.patience), self._request_settings(), price)

    def _request_settings(self) -> dict[str, object]:
        model = self._settings.model
        given = {
            "max_tokens": model.max_tokens,
            "temperature": model.temperature,
            "thinking": {"default": None, "off": False}.get(model.effort.value, model.effort.value),
            "extra_headers": _headers(model.headers) or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def dust_access(self) -> DustAccess:
        """The Dust workspace that the settings name; it may be incomplete."""
        from vulcan.infrastructure.llm.dust.access import DustAccess

        dust = self._settings.dust
        shared = self._settings.state_dir / "limits"
        return DustAccess(dust.workspace, dust.url, dust.api_key, dust.messages_per_minute, shared)

    def ask_dust(self) -> str:
        """Ask the Dust workspace whether it is there; returns what it has."""
        return f"{len(asyncio.run(self._dust_agents()))} agents"

    async def _dust_agents(self) -> Sequence[object]:
        from vulcan.infrastructure.llm.dust.access import Patience
        from vulcan.infrastructure.llm.dust.client import DustClient

        client = DustClient(self.dust_access().checked(), Patience(tries=1, deadline=10.0))
        try:
            return tuple(await client.agents())
        finally:
            await client.close()

    def _access(self) -> Access:
        from vulcan.infrastructure.llm.registry import Access

        model, environ = self._settings.model, self._container.environ
        return Access(model.base_url, model.api_key, self.dust_access(), environ, key_name=model.api_key_env)

    # ------------------------------------------------------------------------------------------ prompts

    def langfuse_access(self) -> LangfuseAccess | None:
        """Where Langfuse is, if it is configured."""
        settings = self._settings.monitoring
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
        settings = self._settings.monitoring
        if settings.prompts == "packaged":
            return None
        from vulcan.infrastructure.agents.packaged import prompt
        from vulcan.infrastructure.monitoring.prompts import ManagedPrompts

        library = self.prompt_library()
        name = hashlib.sha256(library.receiver.encode()).hexdigest()[:16]
        folder = self._settings.state_dir / "prompts" / name
        return ManagedPrompts(library, folder, prompt, settings.prompts_label)

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


class LazyTeam:
    """The agents, made when the first of them is needed: what needs no model loads no model."""

    def __init__(self, models: ModelWiring) -> None:
        self._models = models

    @cached_property
    def _team(self) -> Team:
        from vulcan.infrastructure.agents.team import Team

        models = self._models
        own = {agent: models.make(name) for agent, name in models.own_models().items()}
        return Team(models.make(), models.prompts(), models.tuning(), own)

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


class LazyConversationAgents:
    """The conversation's agents, made when a message needs a model."""

    def __init__(self, models: ModelWiring) -> None:
        self._models = models

    @cached_property
    def _agents(self) -> ConversationAgents:
        from vulcan.infrastructure.agents.conversing import ConversationAgents

        return ConversationAgents(self._models.make(), self._models.prompts(), self._models.tuning())

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
