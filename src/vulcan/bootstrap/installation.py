"""Vulcan on this machine: settings, keys, state folder, sandbox, prompts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vulcan.domain.errors import masked
from vulcan.infrastructure.keys import StoredKeys
from vulcan.infrastructure.state_folder import make_reachable

if TYPE_CHECKING:
    from vulcan.application.jobs.queries import JobQueries
    from vulcan.application.ports.installation import CanaryCheck, Freed
    from vulcan.application.prompts import PromptPage
    from vulcan.application.settings import Effective
    from vulcan.bootstrap.container import Container
    from vulcan.bootstrap.models import ModelWiring


class InstallationWiring:
    """The `Installation` port."""

    def __init__(self, container: Container, models: ModelWiring, queries: JobQueries) -> None:
        self._container, self._models, self._queries = container, models, queries

    @property
    def keys(self) -> StoredKeys:
        """The keys that were given to `vulcan init`."""
        return StoredKeys(self.settings_file.parent)

    @property
    def settings_file(self) -> Path:
        """Where the user's own settings are, whether there are any or not."""
        from vulcan.infrastructure.settings import user_file

        return user_file(self._container.environ)

    def effective_settings(self, repository: Path | None) -> tuple[Effective, ...]:
        """Each setting with where its value comes from."""
        from vulcan.infrastructure.settings import explain_settings

        return explain_settings(repository, self._container.environ, {})

    def set_model(self, values: Mapping[str, str]) -> Path:
        """Write values under [model] of the user's own settings; returns the file."""
        from vulcan.infrastructure.keys import with_setting

        with_setting(self.settings_file, "model", values)
        return self.settings_file

    def has_variable(self, name: str) -> bool:
        """Whether a variable is set, by the environment or by a stored key."""
        return bool(self._container.environ.get(name))

    def need_state_folder(self) -> None:
        """Make the state folder; raises `VulcanError` where nothing can be kept there."""
        make_reachable(self._container.settings.state_dir)

    def tidy(self, keep: int, *, dry_run: bool) -> Freed:
        """Remove ended jobs' folders, and caches beyond `keep` bytes; nothing that a living job uses."""
        from vulcan.domain.events import EnvironmentPrepared
        from vulcan.domain.job import Ended
        from vulcan.infrastructure.host.lease import is_alive
        from vulcan.infrastructure.housekeeping import InUse, tidy

        container, jobs = self._container, dict(self._queries.jobs())
        living = [job for job, state in jobs.items() if state.worker is not None and is_alive(state.worker)]
        prepared = (each.event for job in living for each in self._queries.events(job))
        in_use = InUse(
            frozenset(event.digest for event in prepared if isinstance(event, EnvironmentPrepared)),
            frozenset(job for job, state in jobs.items() if isinstance(state.next_stage(), Ended)),
            container.toolbox.mount().source,
            living=bool(living),
        )
        return tidy(container.settings.state_dir, in_use, keep, container.clock.now(), dry_run=dry_run)

    def sandbox_name(self) -> str:
        """The strongest sandbox that is accepted."""
        return self._container.sandbox.name

    async def canary(self) -> Sequence[CanaryCheck]:
        """Try to break the sandbox."""
        from vulcan.infrastructure.sandbox import canary

        return await canary(self._container.sandbox)

    def program(self, name: str) -> Path:
        """A program that Vulcan brings along; raises `VulcanError` where it is missing."""
        from vulcan.infrastructure.testing.toolbox import find_binary

        return find_binary(name)

    def services(self) -> Iterator[tuple[str, Callable[[], str]]]:
        """Each outside service that is configured, with what asks whether it is there."""
        from vulcan.infrastructure.monitoring import reachable
        from vulcan.infrastructure.monitoring.otlp import headers_of

        settings = self._container.settings
        monitoring, prefect = settings.monitoring, settings.workflow.prefect_api_url
        if access := self._models.langfuse_access():
            yield "Langfuse", lambda: reachable.ask_langfuse(access)
        if endpoint := monitoring.otlp_endpoint:
            headers = headers_of(monitoring.otlp_headers)
            yield "OpenTelemetry collector", lambda: masked(reachable.ask_collector(endpoint, headers))
        if prefect:
            yield "Prefect", lambda: masked(reachable.ask_prefect(prefect))
        if settings.dust.workspace and not settings.model.name.startswith("dust:"):
            yield "Dust", self._models.ask_dust

    def prompts(self) -> Iterator[PromptPage]:
        """Each agent's prompt as the next job would use it."""
        from vulcan.application.prompts import PromptPage
        from vulcan.infrastructure.agents.packaged import AGENTS, prompt

        managed = self._models.managed_prompts()
        for agent in AGENTS:
            origin = managed.origin(agent) if managed else "packaged"
            yield PromptPage(agent, *(managed or prompt)(agent), origin)

    def push_prompts(self, labels: Sequence[str]) -> Iterator[tuple[str, int, bool]]:
        """Bring the packaged prompts to Langfuse; yields agent, number there and whether it is new."""
        from vulcan.application.prompts import push_prompts
        from vulcan.infrastructure.agents.packaged import AGENTS, prompt

        return push_prompts(AGENTS, prompt, self._models.prompt_library(), labels)
