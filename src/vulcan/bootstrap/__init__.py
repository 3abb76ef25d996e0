"""The composition root: the only place that knows adapters, settings and use cases at once. It wires, lazily, and does nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from vulcan.application.masking import Masker, secrets_of
from vulcan.bootstrap.container import Container, Replacements
from vulcan.bootstrap.models import LazyConversationAgents, ModelWiring
from vulcan.domain.errors import mask_errors
from vulcan.infrastructure.host.clock import SystemClock
from vulcan.infrastructure.keys import StoredKeys

if TYPE_CHECKING:
    from vulcan.application.api import Vulcan
    from vulcan.application.conversation.service import Conversations
    from vulcan.application.jobs.service import Jobs
    from vulcan.application.observability.service import Observability
    from vulcan.application.settings import Settings
    from vulcan.application.verification import Verifier
    from vulcan.bootstrap.installation import InstallationWiring
    from vulcan.bootstrap.project import SetupWiring
    from vulcan.infrastructure.workflow.processes import WorkerProcesses


class Application:
    """Implements `application.api.Vulcan` on one state folder; its `container` is for tests and embedders."""

    def __init__(self, container: Container) -> None:
        self.container = container

    @property
    def settings(self) -> Settings:
        """What is set."""
        return self.container.settings

    @cached_property
    def jobs(self) -> Jobs:
        """Ordering jobs, looking at them and working on them."""
        from vulcan.application.jobs.commands import JobCommands
        from vulcan.application.jobs.queries import JobQueries
        from vulcan.application.jobs.runner import JobRunner
        from vulcan.application.jobs.service import Jobs

        at = self.container
        queries = JobQueries(lambda: at.store, at.blobs, at.clock, at.project, at.lost_jobs)
        commands = JobCommands(lambda: at.store, at.clock, queries, at.source, at.project)
        return Jobs(commands, queries, JobRunner(queries, at.project))

    @cached_property
    def verifier(self) -> Verifier:
        """Judging anybody's change."""
        from vulcan.application.verification import Verifier

        at = self.container
        return Verifier(at.source, at.project, at.scratch_store, at.blobs, at.clock)

    @cached_property
    def conversations(self) -> Conversations:
        """Talking about a repository and its jobs."""
        from vulcan.application.conversation.service import Conversations, Surroundings

        at = self.container
        agents = LazyConversationAgents(self.models) if at.settings.model.name else None
        around = Surroundings(at.settings, at.source, at.project, self.models, self._workers, agents, agents)
        return Conversations(lambda: at.conversations, at.blobs, at.clock, self.jobs, around)

    def _workers(self, options: Sequence[str]) -> WorkerProcesses:
        from vulcan.infrastructure.host.lease import is_alive
        from vulcan.infrastructure.workflow.processes import WorkerProcesses

        at = self.container
        return WorkerProcesses(at.store, is_alive, at.settings.state_dir / "workers", options, at.environ)

    @cached_property
    def models(self) -> ModelWiring:
        """The models that are set, and what else is reachable."""
        return ModelWiring(self.container)

    @cached_property
    def setup(self) -> SetupWiring:
        """Finding out how a project's tests are run."""
        from vulcan.bootstrap.project import SetupWiring

        return SetupWiring(self.container)

    @cached_property
    def observability(self) -> Observability:
        """Figures, traces and the activity log."""
        from vulcan.application.observability.service import Observability
        from vulcan.bootstrap.monitoring import MonitoringWiring

        at = self.container
        monitoring = MonitoringWiring(at, self.models)
        return Observability(
            lambda: at.store, lambda: at.conversations, self.jobs.queries, at.masker, monitoring
        )

    @cached_property
    def installation(self) -> InstallationWiring:
        """Vulcan on this machine."""
        from vulcan.bootstrap.installation import InstallationWiring

        return InstallationWiring(self.container, self.models, self.jobs.queries)


def bootstrap(
    repository: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    **replacements: Unpack[Replacements],
) -> Vulcan:
    """The application of one installation, with all settings read.

    Args:
        repository: its settings count, too.
        environ: the process's environment.
        overrides: dotted keys of settings, such as `budget.cost`, with their values.
        replacements: adapters in place of the usual ones.

    Raises:
        UserError: a setting that can't be.
    """
    return application(repository, environ, overrides, **replacements)


def application(
    repository: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
    **replacements: Unpack[Replacements],
) -> Application:
    """As `bootstrap`, with the adapters in reach."""
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
    settings = load_settings(repository, environ, overrides)
    container = Container(settings, environ, replacements, SystemClock())
    mask_errors(container.masker)
    return Application(container)
