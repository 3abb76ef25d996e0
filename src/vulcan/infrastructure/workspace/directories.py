"""The `Checkouts` port: a job's workspace, and clean checkouts for evidence."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import mkdtemp

from vulcan.application.ports import (
    Box,
    BoxSpec,
    Checkout,
    CommandResult,
    EnvironmentBuilder,
    Limits,
    PreparedEnvironment,
    Sandbox,
)
from vulcan.application.services import Repository
from vulcan.infrastructure.workspace.files import read_file, write_file

SHELL = "/bin/bash"
KEY_FILE = "workspace.key"


class Directories:
    """Directories of jobs below one folder.

    Args:
        root: must be reachable for the user that runs inside boxes.
    """

    def __init__(
        self,
        root: Path,
        repository: Repository,
        sandbox: Sandbox,
        environments: EnvironmentBuilder,
        limits: Limits,
    ) -> None:
        self._root, self._repository, self._sandbox = root, repository, sandbox
        self._environments, self._limits = environments, limits
        self._prepared: dict[str, PreparedEnvironment] = {}
        self._lock = asyncio.Lock()

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
            marker.write_text(f"{key} {start}")
        self._sandbox.hand_over(directory)
        async with AsyncExitStack() as stack:
            yield JobWorkspace(self, stack, job, directory, start)

    async def open_box(self, stack: AsyncExitStack, job: str, directory: Path, start: str) -> Box:
        """A box on the workspace with the project's dependencies; made when the first command needs it."""
        environment = await self._environment(job, start)
        copy_generated(environment, directory)
        self._sandbox.hand_over(directory)
        spec = BoxSpec(
            workspace=directory,
            mounts=environment.mounts,
            environment=environment.environment,
            limits=self._limits,
        )
        return await stack.enter_async_context(self._sandbox.open(spec))

    @asynccontextmanager
    async def clean(self, job: str, commit: str, base: str = "") -> AsyncIterator[Checkout]:
        """A clean checkout, removed afterwards."""
        del base
        with _temporary(self._root / job / "checkouts") as directory:
            checkout = directory / "checkout"
            self._repository.checkout(commit, checkout)
            environment = await self._environment(job, commit, checkout)
            copy_generated(environment, checkout)
            self._sandbox.hand_over(checkout)
            yield Checkout(checkout, environment)

    async def _environment(self, job: str, commit: str, checkout: Path | None = None) -> PreparedEnvironment:
        if commit in self._prepared:
            return self._prepared[commit]
        async with self._lock:
            if commit not in self._prepared:
                if checkout is not None:
                    self._prepared[commit] = await self._environments.prepare(checkout)
                else:
                    with _temporary(self._root / job / "checkouts") as directory:
                        self._repository.checkout(commit, directory / "checkout")
                        self._prepared[commit] = await self._environments.prepare(directory / "checkout")
        return self._prepared[commit]

    def snapshot(self, directory: Path, base: str) -> str:
        """Store the workspace as a tree, without what installing the project generates in it."""
        tree = self._repository.snapshot(directory, base)
        prepared = self._prepared.get(base)
        generated = generated_files(prepared) if prepared else []
        return self._repository.overlay(tree, base, generated) if generated else tree

    def remove(self, job: str) -> None:
        """Remove all directories of the job."""
        shutil.rmtree(self._root / job, ignore_errors=True)


class JobWorkspace:
    """An open workspace: is itself the `Workspace` that agents get as `files`."""

    def __init__(
        self, directories: Directories, stack: AsyncExitStack, job: str, directory: Path, start: str
    ) -> None:
        self._directories, self._stack = directories, stack
        self._job, self._directory, self._start = job, directory, start
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
            self._box = await self._directories.open_box(self._stack, self._job, self._directory, self._start)
        return await self._box.run([SHELL, "-c", command], timeout=timeout)

    def read(self, path: str) -> bytes:
        """Content of a regular file."""
        return read_file(self._directory, path)

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a regular file."""
        write_file(self._directory, path, content)


def generated_files(environment: PreparedEnvironment) -> list[str]:
    """Paths of what installing the project generates in its tree."""
    if environment.generated is None or not environment.generated.is_dir():
        return []
    files = (p for p in sorted(environment.generated.rglob("*")) if p.is_file() and not p.is_symlink())
    return [str(p.relative_to(environment.generated)) for p in files]


def copy_generated(environment: PreparedEnvironment, directory: Path) -> None:
    """Copy what installing the project generates (such as a version module) where it is missing."""
    generated = environment.generated
    if generated is None:
        return
    for name in generated_files(environment):
        source, target = generated / name, directory / name
        if not target.exists() and _plain(target.parent, directory):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _plain(folder: Path, root: Path) -> bool:
    """No link on the way from root to folder."""
    return not any(p.is_symlink() for p in (folder, *folder.parents) if p != root and root in p.parents)


@contextmanager
def _temporary(parent: Path) -> Iterator[Path]:
    parent.mkdir(parents=True, exist_ok=True)
    directory = Path(mkdtemp(dir=parent))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
