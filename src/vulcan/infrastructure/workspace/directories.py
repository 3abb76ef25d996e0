"""The `Checkouts` port: a job's workspace, and clean checkouts for evidence."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath

from vulcan.application.ports import (
    Box,
    BoxSpec,
    Checkout,
    CommandResult,
    EnvironmentBuilder,
    Limits,
    Mount,
    PreparedEnvironment,
    Repository,
    Sandbox,
)
from vulcan.domain.errors import ToolError
from vulcan.infrastructure.host.files import add_file, add_folder, read_file, write_file
from vulcan.infrastructure.workspace.trees import SharedTrees

SHELL = "/bin/bash"
WORKSPACE = "/workspace"
KEY_FILE = "workspace.key"


class Directories:
    """Directories of jobs below one folder.

    Args:
        root: folder of the jobs' workspaces; must be reachable for the user that runs inside boxes.
        trees: folder of clean checkouts, shared by all jobs; as reachable.
        tools: a folder of programs that commands in workspaces find last on their PATH.
    """

    def __init__(
        self,
        root: Path,
        repository: Repository,
        sandbox: Sandbox,
        environments: EnvironmentBuilder,
        limits: Limits,
        trees: Path,
        tools: Mount | None = None,
    ) -> None:
        self._root, self._repository, self._sandbox = root, repository, sandbox
        self._environments, self._limits = environments, limits
        self._prepared: dict[str, PreparedEnvironment] = {}
        self._origins: dict[str, str] = {}
        self._tree_ids: dict[str, str] = {}
        self._plain: dict[str, None] = {}
        self._trees = SharedTrees(trees)
        self._lock = asyncio.Lock()
        self._tools = tools

    @asynccontextmanager
    async def workspace(
        self, job: str, key: str, start: str, resume_tree: str
    ) -> AsyncIterator[JobWorkspace]:
        """The job's workspace, fresh from `start` unless it was opened under the same key before."""
        folder = self._root / job
        directory, marker = folder / "workspace", folder / KEY_FILE
        if marker.is_file() and marker.read_text() == f"{key} {start}" and directory.is_dir():
            if resume_tree:
                self._repository.restore(directory, resume_tree)
        else:
            marker.unlink(missing_ok=True)
            shutil.rmtree(directory, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            self._repository.checkout(start, directory)
            if resume_tree:
                self._repository.restore(directory, resume_tree)
            marker.write_text(f"{key} {start}")
        self._sandbox.hand_over(directory)
        async with AsyncExitStack() as stack:
            yield JobWorkspace(self, stack, directory, start)

    async def open_box(self, stack: AsyncExitStack, directory: Path, start: str) -> Box:
        """A box on the workspace with the project's dependencies; made when the first command needs it."""
        environment = await self._environment(start, self._repository.fork_point(start))
        copy_generated(environment, directory)
        spec = BoxSpec(
            workspace=directory,
            mounts=(*environment.mounts, *((self._tools,) if self._tools else ())),
            environment=with_tools(environment.environment, self._tools),
            limits=self._limits,
        )
        return await stack.enter_async_context(self._sandbox.open(spec))

    @asynccontextmanager
    async def reading(self, commit: str) -> AsyncIterator[ReadOnlyFiles]:
        """The files of a commit for an agent that changes nothing: the tree that all who read it share."""
        prepared = self._prepared.get(self._origins.get(commit, commit))
        async with AsyncExitStack() as stack:
            tree = stack.enter_context(self._tree(commit, prepared))
            yield ReadOnlyFiles(self._sandbox, BoxSpec(tree, writable=False, limits=self._limits), stack)

    @asynccontextmanager
    async def clean(self, job: str, commit: str, base: str = "") -> AsyncIterator[Checkout]:  # noqa: ARG002
        """A clean checkout, shared with all who ask for the same files."""
        environment = await self._environment(commit, base)
        with self._tree(commit, environment) as checkout:
            yield Checkout(checkout, environment)

    def _tree(
        self, commit: str, environment: PreparedEnvironment | None = None
    ) -> AbstractContextManager[Path]:
        """The files of a commit, with what building added to its folders where that is known."""
        added = [*generated_files(environment), *mount_points(environment)] if environment else []
        name = self._tree_id(commit) + (f"-{environment.digest[:12]}" if environment and added else "")

        def make(folder: Path) -> None:
            self._check_out(commit, folder)
            if environment:
                copy_generated(environment, folder)
                for place in mount_points(environment):
                    add_folder(folder, place)
            self._sandbox.hand_over(folder)

        if not added:
            self._plain.setdefault(name, None)
        return self._trees.open(name, make)

    def _check_out(self, commit: str, folder: Path) -> None:
        """The files of a commit; beside a tree that this process has used before, only what differs is written."""
        other = next((name for name in self._plain if self._trees.has(name)), "")
        if not other:
            self._repository.checkout(commit, folder)
            return
        with self._trees.open(other, lambda again: self._repository.checkout(other, again)) as there:
            self._repository.checkout_beside(commit, folder, other, there)

    def _tree_id(self, commit: str) -> str:
        if commit not in self._tree_ids:
            self._tree_ids[commit] = self._repository.overlay(commit, commit, ())
        return self._tree_ids[commit]

    async def _environment(self, commit: str, base: str = "") -> PreparedEnvironment:
        """The environment built from `base`, or from the commit itself where building reads what differs."""
        async with self._lock:
            origin = self._origin(commit, base)
            if origin not in self._prepared:
                newer_than = end_of_week(self._repository.committed_at(base or commit))
                with self._tree(origin) as checkout:
                    self._prepared[origin] = await self._environments.prepare(
                        checkout, self._tree_id(origin), newer_than
                    )
        return self._prepared[origin]

    def _origin(self, commit: str, base: str) -> str:
        """What the environment of a commit is built from."""
        if commit not in self._origins:
            changed = self._repository.changes(base, commit) if base and base != commit else ()
            rebuilds = any(self._environments.reads(artifact.path) for artifact in changed)
            self._origins[commit] = commit if rebuilds else base or commit
        return self._origins[commit]

    def snapshot(self, directory: Path, base: str) -> str:
        """Store the workspace as a tree, without what installing the project generates in it."""
        tree = self._repository.snapshot(directory, base)
        prepared = self._prepared.get(self._origins.get(base, base))
        generated = generated_files(prepared) if prepared else []
        return self._repository.overlay(tree, base, generated) if generated else tree

    def remove(self, job: str) -> None:
        """Remove all directories of the job."""
        shutil.rmtree(self._root / job, ignore_errors=True)


class JobWorkspace:
    """An open workspace: is itself the `Workspace` that agents get as `files`."""

    def __init__(self, directories: Directories, stack: AsyncExitStack, directory: Path, start: str) -> None:
        self._directories, self._stack = directories, stack
        self._directory, self._start = directory, start
        self._box: Box | None = None

    @property
    def files(self) -> JobWorkspace:
        """Files and commands."""
        return self

    def snapshot(self) -> str:
        """Store the files as a tree; returns its id."""
        return self._directories.snapshot(self._directory, self._start)

    async def run(self, command: str, timeout: float) -> CommandResult:
        """Run a shell command in the job's box."""
        if self._box is None:
            self._box = await self._directories.open_box(self._stack, self._directory, self._start)
        return await self._box.run([SHELL, "-c", command], timeout=timeout)

    def read(self, path: str) -> bytes:
        """Content of a regular file."""
        return read_file(self._directory, path)

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a regular file."""
        write_file(self._directory, path, content)


class ReadOnlyFiles:
    """A `Workspace` of which neither the host nor a command can change anything."""

    def __init__(self, sandbox: Sandbox, spec: BoxSpec, stack: AsyncExitStack) -> None:
        self._sandbox, self._spec, self._stack = sandbox, spec, stack
        self._box: Box | None = None

    async def run(self, command: str, timeout: float) -> CommandResult:
        """Run a shell command, in a box that is opened for the first one."""
        if self._box is None:
            self._box = await self._stack.enter_async_context(self._sandbox.open(self._spec))
        return await self._box.run([SHELL, "-c", command], timeout=timeout)

    def read(self, path: str) -> bytes:
        """Content of a regular file."""
        return read_file(self._spec.workspace, path)

    def write(self, path: str, content: bytes) -> None:  # noqa: ARG002 - the port's
        """Refused: others read the same files."""
        raise ToolError(f"{path} can't be written: these files are only to be read.")


def with_tools(variables: Mapping[str, str], tools: Mount | None) -> Mapping[str, str]:
    """The variables with a folder of programs last on PATH, so that the project's own come first."""
    if tools is None or "PATH" not in variables:
        return variables
    return {**variables, "PATH": f"{variables['PATH']}:{tools.target}"}


def generated_files(environment: PreparedEnvironment) -> list[str]:
    """Paths of what installing the project generates in its tree."""
    if environment.generated is None or not environment.generated.is_dir():
        return []
    files = (p for p in sorted(environment.generated.rglob("*")) if p.is_file() and not p.is_symlink())
    return [str(p.relative_to(environment.generated)) for p in files]


def mount_points(environment: PreparedEnvironment) -> list[str]:
    """Paths of folders that building adds as a whole: boxes mount them there, which in a read-only tree needs a folder."""
    targets = (PurePosixPath(mount.target) for mount in environment.mounts)
    return [str(target.relative_to(WORKSPACE)) for target in targets if target.is_relative_to(WORKSPACE)]


def copy_generated(environment: PreparedEnvironment, directory: Path) -> None:
    """Copy what building adds to the project's folders (such as a version module) where nothing is."""
    for name in generated_files(environment):
        if environment.generated is not None:
            add_file(directory, name, environment.generated / name)


def end_of_week(at: float) -> str:
    """The first day after the ISO week of a time: versions of a project's date, the same for a week's commits."""
    if at <= 0:
        return ""
    day = datetime.fromtimestamp(at, UTC).date()
    return (day + timedelta(days=8 - day.isoweekday())).isoformat()
