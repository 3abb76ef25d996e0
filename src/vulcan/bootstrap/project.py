"""One repository's services, and finding out how its tests are run."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from vulcan.application.services import Services
from vulcan.bootstrap.models import LazyTeam, ModelWiring
from vulcan.domain.environment import Recipe
from vulcan.infrastructure.host.leftovers import owned
from vulcan.infrastructure.state_folder import make_reachable

if TYPE_CHECKING:
    from vulcan.application.ports import Observer, SourceState, WorkflowEngine, Workspace
    from vulcan.application.setup.finding import Engineering, Finder
    from vulcan.bootstrap.container import Container
    from vulcan.infrastructure.agents.engineer import Engineer
    from vulcan.infrastructure.local_forge import LocalForge
    from vulcan.infrastructure.workspace.directories import Directories


class ProjectWiring:
    """The `Project` port: the services and the pipeline for one repository."""

    def __init__(self, container: Container, root: Path) -> None:
        self._container, self.root = container, root
        self.repository = container.repository(root)
        self.source = container.source()

    @cached_property
    def checkouts(self) -> Directories:
        """Workspaces and clean checkouts."""
        return self.checkouts_in(self.state_dir, self._container.settings.environments)

    @property
    def state_dir(self) -> Path:
        """Where all that Vulcan makes is kept."""
        return self._container.settings.state_dir

    def checkouts_in(self, folder: Path, recipes: Sequence[Recipe], *, anew: bool = False) -> Directories:
        """Workspaces, clean checkouts and environments below a folder.

        Args:
            folder: holds them.
            recipes: what is said of the project's environments.
            anew: whether packages are installed below that folder, too, instead of where all jobs have theirs.
        """
        from vulcan.infrastructure.environment.builder import UvEnvironments
        from vulcan.infrastructure.workspace.directories import Directories

        container, settings = self._container, self._container.settings
        shared = settings.state_dir / "environments"
        environments = UvEnvironments(
            folder / "environments",
            container.sandbox,
            container.toolbox.mount(),
            settings.sandbox.limits,
            container.environ,
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
        checkers = container.toolbox.checkers()
        return Directories(jobs, self.repository, container.sandbox, environments, limits, trees, checkers)

    @cached_property
    def forge(self) -> LocalForge:
        """The embedded forge."""
        from vulcan.infrastructure.local_forge import LocalForge

        return LocalForge(self.repository, self._checks)

    async def _checks(self, commit: str) -> tuple[bool, str, float]:
        from vulcan.application.checks import ProjectChecks

        checks = ProjectChecks(self.services, self._container.settings.checks)
        return await checks.run(commit, self.repository.fork_point(commit))

    @cached_property
    def services(self) -> Services:
        """Adapters for the stages."""
        from vulcan.infrastructure.store.runs import FileKeptRuns
        from vulcan.infrastructure.testing.inspector import Inspector
        from vulcan.infrastructure.testing.mutation import PytestMutationTester
        from vulcan.infrastructure.testing.runners import RecipeRunner
        from vulcan.infrastructure.testing.static import PythonChecks

        container, settings = self._container, self._container.settings
        team = LazyTeam(ModelWiring(container))
        inside = (container.sandbox, container.toolbox, settings.sandbox.limits)
        made = Services(
            analyst=team,
            coder=team,
            test_author=team,
            reviewer=team,
            checkouts=self.checkouts,
            repository=self.repository,
            source=self.source,
            forge=self.forge,
            sandbox=container.sandbox,
            runner=RecipeRunner(*inside),
            mutation=PytestMutationTester(*inside),
            inspector=Inspector(*inside),
            static=PythonChecks(*inside),
            runs=FileKeptRuns(settings.state_dir / "runs"),
            tests=settings.tests,
            limits=settings.sandbox.limits,
        )
        return container.replaced["services"](made) if "services" in container.replaced else made

    @property
    def pull_address(self) -> str:
        """What a person can `git pull` from by hand."""
        return str(self.repository.git_dir)

    def reading(self, commit: str) -> AbstractAsyncContextManager[Workspace]:
        """The files of a commit for an agent that only reads."""
        return self.checkouts.reading(commit)

    async def bring(self, commit: str, branch: str) -> None:
        """Bring a job's base into the host's repository, and the forge's branch up to it."""
        self.repository.fetch(self.root, commit)
        await self.forge.sync_branch(branch, commit)

    def engine(self, observers: Sequence[Observer]) -> WorkflowEngine:
        """Prefect where a server is configured, else inline."""
        from vulcan.application.jobs.pipeline import Pipeline
        from vulcan.application.stages import stage_functions
        from vulcan.infrastructure.host.lease import this_lease

        container = self._container
        container.tidy_up()
        stages = stage_functions(self.services)
        pipeline = Pipeline(
            container.store, container.blobs, container.clock, stages, this_lease(), observers
        )
        url = container.settings.workflow.prefect_api_url
        if url:
            from vulcan.infrastructure.workflow import PrefectEngine

            return PrefectEngine(pipeline, api_url=url)
        from vulcan.infrastructure.workflow import InlineEngine

        return InlineEngine(pipeline)


def part_of(recipes: Sequence[Recipe]) -> str:
    """The folder of which a job uses the environment: the root, or what settings name first where they don't name it."""
    paths = [recipe.path for recipe in recipes]
    return paths[0] if paths and "." not in paths else "."


class SetupWiring:
    """The `ProjectSetup` port."""

    def __init__(self, container: Container) -> None:
        self._container = container

    def inspect(self, repository: Path) -> SourceState:
        """Look at the repository at or above a folder."""
        return self._container.source().inspect(repository)

    def tracked(self, root: Path) -> Sequence[str]:
        """Paths of the files of a repository."""
        return self._container.source().tracked(root)

    def finder(
        self, root: Path, commit: str, named: Recipe | None, tell: Callable[[str, str], None]
    ) -> Finder:
        """Finds the recipe of a commit; `named` is what the command line says of it, before all else."""
        from vulcan.application.setup.finding import Finder

        self._container.tidy_up()
        project = self._container.project(root)
        project.repository.fetch(root, commit)
        known = self._container.settings.environments
        path = part_of(known)
        own = [recipe for recipe in known if not recipe.by_repository]
        given = (recipe for recipe in known if recipe.by_repository and recipe.path == path)
        standing = next(given, Recipe(path, by_repository=True))
        grounds = TrialGrounds(project, [replace(named, path=path), *own] if named else own)
        return Finder(grounds, project.repository, commit, standing, tell)

    def engineering(self, root: Path, commit: str, by: str) -> Engineering | None:
        """What finds out how a project's tests are run, where a model is configured."""
        container, started = self._container, time.monotonic()
        settings = container.settings
        if not settings.model.name:
            return None
        from vulcan.application.setup.finding import Engineering, log_of

        asked = f"vulcan setup of {commit} with {settings.model.name}"

        def engineer() -> Engineer:
            from vulcan.infrastructure.agents.engineer import Engineer

            models = ModelWiring(container)
            models.check()
            return Engineer(models.make(), models.prompts(), models.tuning())

        return Engineering(
            engineer,
            lambda: log_of(
                container.conversations, container.blobs, container.clock.now(), str(root), asked, by
            ),
            lambda: container.project(root).reading(commit),
            settings.budget,
            lambda: time.monotonic() - started,
        )

    def recipe_from(self, source: str, given: Mapping[str, object]) -> Recipe:
        """What a person says of a recipe; raises `UserError` for what can't be."""
        from vulcan.infrastructure.recipe_settings import parse_recipes

        return parse_recipes(source, [given], by_repository=False)[0]

    def recipe_toml(self, recipe: Recipe) -> str:
        """A recipe as a repository's settings say it."""
        from vulcan.infrastructure.recipe_writing import recipe_toml

        return recipe_toml(recipe)

    def write_recipe(self, root: Path, recipe: Recipe) -> str:
        """Write a recipe into a repository's settings; returns what was changed."""
        from vulcan.infrastructure.recipe_writing import write_recipe

        return write_recipe(root, recipe)


class TrialGrounds:
    """Where `vulcan setup` tries recipes: folders of their own below the state folder, gone at the end.

    Args:
        named: what the user says of the project's environments; it counts before what is tried.
    """

    def __init__(self, project: ProjectWiring, named: Sequence[Recipe]) -> None:
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
            checkouts = self._project.checkouts_in(folder, recipes, anew=fresh)
            yield replace(self._project.services, checkouts=checkouts)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
