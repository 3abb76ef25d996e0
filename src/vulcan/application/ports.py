"""Every port: what the use cases need of the outside, one to four methods each.

Values that cross a port are frozen dataclasses of the domain or of this file. An adapter raises the errors of
`vulcan.domain.errors` only. A fake passes the same contract suite as the real adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vulcan.domain.budget import Usage
from vulcan.domain.events import Event
from vulcan.domain.evidence import Finding
from vulcan.domain.generation import CodeArtifact
from vulcan.domain.messages import Intent, NoteKind
from vulcan.domain.requirements import Requirement
from vulcan.domain.testing import TestCase, TestRun

# ---------------------------------------------------------------------------------------------- store


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event with its place in the log of one job; `seq` counts from 1, `at` is seconds since the epoch."""

    job: str
    seq: int
    at: float
    event: Event


class EventStore(Protocol):
    """Append-only logs, one a job."""

    def append(self, job: str, expected_seq: int, events: Sequence[Event]) -> list[StoredEvent]:
        """Append after `expected_seq` (0 for a new job).

        The events are durable against a kill of the process when this returns.

        Raises:
            ConcurrentAppend: the log does not end at `expected_seq`; nothing was written.
        """

    def read(self, job: str, after: int = 0) -> list[StoredEvent]:
        """All events with a sequence number above `after`, oldest first; empty for an unknown job."""

    def jobs(self) -> list[str]:
        """All job ids, oldest first."""

    def follow(self, job: str, after: int = 0) -> Iterator[StoredEvent | None]:
        """Events as they come, from any process; yields None whenever there is nothing new for now."""


class BlobStore(Protocol):
    """Large payloads, addressed by the SHA-256 of their content."""

    def put(self, content: bytes) -> str:
        """Store `content` and return its digest (64 hex digits); storing the same again is free."""

    def get(self, digest: str) -> bytes:
        """The content of `digest`; raises `VulcanError` if it is missing or damaged."""


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


# -------------------------------------------------------------------------------------------- sandbox


@dataclass(frozen=True, slots=True)
class Mount:
    """A host path shown inside the box at the absolute path `target`; read-only unless said."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Resource limits of one box: bytes, counts and seconds."""

    memory: int = 2 * 1024**3
    processes: int = 256
    file_size: int = 256 * 1024**2
    disk: int = 2 * 1024**3
    cpu_seconds: int = 600
    open_files: int = 1024


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """One box: the workspace is shown at /workspace, which is also where commands start."""

    workspace: Path
    writable: bool = True
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command did.

    Attributes:
        exit_code: as a shell reports it; 128 + N for signal N; 124 when it was stopped at its time limit.
        output: standard output and error as they came, undecodable bytes replaced; head and tail only if it
            was longer than the limit, with a line between that says how much is left out.
        total_bytes: how much the command printed in all.
        note: why the box stopped it (memory, disk, time), else empty.
    """

    exit_code: int
    output: str
    total_bytes: int
    duration: float
    timed_out: bool = False
    note: str = ""


class Box(Protocol):
    """A sandbox that stays alive between commands."""

    @property
    def workspace_path(self) -> str:
        """Where the workspace is inside: `/workspace`, or its real path where nothing can be mounted."""

    def inside(self, target: str) -> str:
        """Where a mount's target is inside: itself, or its source's real path where nothing can be mounted."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        output_limit: int = 10_000,
        environment: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run `argv` in /workspace and wait for it (not for what it left in the background).

        At `timeout` seconds the command and its children are killed. Cancelling the task kills it too.
        """


class Sandbox(Protocol):
    """Opens boxes; nothing of the host is seen inside but what the spec shows."""

    @property
    def name(self) -> str:
        """`bubblewrap`, `landlock` or `none`: recorded in the evidence."""

    def open(self, spec: BoxSpec) -> AbstractAsyncContextManager[Box]:
        """A box; everything in it is dead when the context ends."""

    def hand_over(self, directory: Path) -> None:
        """Give a directory tree that the host made to the user that runs inside boxes (a no-op for non-root)."""


# --------------------------------------------------------------------------------- workspace and agents


class Workspace(Protocol):
    """The agent's working copy: files and commands, all inside the sandbox.

    Paths are relative to the repository's root; leaving it raises `ToolError`.
    """

    async def run(self, command: str, timeout: float) -> CommandResult:
        """Run a shell command."""

    def read(self, path: str) -> bytes:
        """Content of a regular file."""

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a regular file, and its folders."""


@dataclass(frozen=True, slots=True)
class PreparedEnvironment:
    """A project's dependencies, installed once per digest of what names them.

    Attributes:
        mounts: what to show inside boxes (read-only).
        environment: variables for commands, PATH included.
        python: the interpreter's path inside the box.
        generated: files that installing the project generates in its tree; copied into each clean checkout.
        notes: what could not be installed and similar, for the report.
    """

    digest: str
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    python: str
    generated: Path | None = None
    notes: tuple[str, ...] = ()


class EnvironmentBuilder(Protocol):
    """Prepares a project's dependencies outside of any job."""

    async def prepare(self, checkout: Path) -> PreparedEnvironment:
        """The environment for the project in `checkout`, from the cache or built now."""


@dataclass(frozen=True, slots=True)
class Briefing:
    """What an agent is told: all of it data of the job, rendered by the agent's prompt.

    Attributes:
        call_key: stable name of this piece of work, `stage/round`; replies are found again under it.
        overview: the repository in short (files, conventions), bounded.
        answers: what the person answered to the analyst, in order.
        steering: what the person said while the job was under way, in order.
        rules: standing rules of the conversation that the job comes from.
        diff: the change so far, for reviewers; empty elsewhere.
        interface: signatures and docstrings of what changed, for the test author.
    """

    call_key: str
    instruction: str
    overview: str = ""
    requirement: Requirement | None = None
    findings: tuple[Finding, ...] = ()
    answers: tuple[str, ...] = ()
    steering: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    diff: str = ""
    interface: str = ""


class CallJournal(Protocol):
    """Where agents record each model reply and tool result before the next step, and find them on resume."""

    def recorded(self, key: str) -> str | None:
        """The payload recorded under `key`, or None."""

    def record_reply(
        self, key: str, agent: str, model: str, usage: Usage, payload: str, prompt: str = ""
    ) -> None:
        """Record a model's reply (serialised by the agents room) and the version of the prompt it answers."""

    def record_tool(self, key: str, agent: str, tool: str, summary: str, payload: str) -> None:
        """Record a tool's result."""

    def steering(self) -> tuple[str, ...]:
        """What the person has said up to this moment while the work is under way, in order; asked before each call."""

    def check_budget(self) -> None:
        """Raise `BudgetExceeded` if the next model call may not be made."""


class Analyst(Protocol):
    """Turns an instruction into requirements."""

    async def analyze(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> Requirement:
        """The requirements; raises `ModelUnavailable` where no usable reply can be had."""


class Coder(Protocol):
    """Changes the product's code in the workspace."""

    async def code(self, briefing: Briefing, workspace: Workspace, journal: CallJournal) -> str:
        """Edit the workspace; the summary that comes back decides nothing."""


@dataclass(frozen=True, slots=True)
class AuthoredTests:
    """Tests that the author wrote into the workspace."""

    cases: tuple[TestCase, ...]
    summary: str = ""


class TestAuthor(Protocol):
    """Writes tests from requirements and interface, in a context of its own."""

    async def write_tests(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> AuthoredTests:
        """Write test files into the workspace and tie each test to criteria."""


class Reviewer(Protocol):
    """Reads a change as a colleague would; can object, can't approve."""

    async def review(
        self, briefing: Briefing, workspace: Workspace, journal: CallJournal
    ) -> tuple[Finding, ...]:
        """Objections; an empty tuple says nothing about correctness."""


class OpenWorkspace(Protocol):
    """A job's workspace while a stage works in it."""

    @property
    def files(self) -> Workspace:
        """Files and commands for an agent."""

    def snapshot(self) -> str:
        """Store the files as a tree; returns its id."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A clean checkout with the project's environment; thrown away after use."""

    path: Path
    environment: PreparedEnvironment


class Checkouts(Protocol):
    """Directories of a job: the agents' workspace and clean checkouts that no agent ever sees."""

    def workspace(
        self, job: str, key: str, start: str, resume_tree: str
    ) -> AbstractAsyncContextManager[OpenWorkspace]:
        """The workspace for one stage and round (`key`), fresh from commit `start`.

        If it was already opened under the same key before a kill, its files stay as they are, or are put back
        to `resume_tree` where that is not empty.
        """

    def clean(self, job: str, commit: str) -> AbstractAsyncContextManager[Checkout]:
        """A clean checkout of a commit or tree."""

    def remove(self, job: str) -> None:
        """Remove all directories of the job."""


# ---------------------------------------------------------------------------------- version control


@dataclass(frozen=True, slots=True)
class SourceState:
    """A user's repository as it was found.

    Attributes:
        root: top folder of the work tree.
        head: commit that the job starts from.
        branch: short name of the checked-out branch; empty for a detached HEAD.
        dirty: number of paths with uncommitted changes, which the job does not see and never touches.
        notes: what the person should know (submodules, LFS pointers, shallow clone, ...).
    """

    root: Path
    head: str
    branch: str
    dirty: int
    notes: tuple[str, ...] = ()


class SourceRepository(Protocol):
    """The user's own repository; it is only ever given or relieved of a `vulcan/` branch."""

    def inspect(self, path: Path) -> SourceState:
        """Look at the repository at `path`; raises `UserError` where it can't be used (says what to do)."""

    def publish(self, root: Path, branch: str, commit: str) -> None:
        """Make `branch` point at `commit` in the user's repository, bringing the objects; idempotent."""

    def withdraw(self, root: Path, branch: str) -> bool:
        """Remove a `vulcan/` branch if it is not checked out; False if there was none."""


class VersionControl(Protocol):
    """The host's own object database for a project; no configuration or hook of the user's repository acts."""

    def fetch(self, source: Path, commit: str) -> None:
        """Bring `commit` and its history from the user's repository."""

    def checkout(self, commit: str, directory: Path) -> None:
        """Write the files of `commit` (or of a tree) into the empty or absent `directory`; no `.git` in it."""

    def snapshot(self, directory: Path, base: str) -> str:
        """Store the directory as a tree, ignoring what the project ignores; returns the tree's id."""

    def restore(self, directory: Path, tree: str) -> None:
        """Make the directory's tracked files equal to `tree`; ignored files stay."""


class History(Protocol):
    """Commits and what differs between them."""

    def commit(self, tree: str, parent: str, message: str) -> str:
        """A commit of `tree` on `parent`; the same arguments give the same id (author date = parent's + 1 s)."""

    def diff(self, base: str, head: str, paths: Sequence[str] = ()) -> str:
        """Unified diff between two commits or trees; binary files are named, not shown."""

    def changes(self, base: str, head: str) -> tuple[CodeArtifact, ...]:
        """Files that differ, with line counts."""

    def overlay(self, base: str, other: str, paths: Sequence[str]) -> str:
        """A tree that is `base`, but with `paths` (files) as they are in `other`; absent there means removed."""

    def files(self, commit: str) -> tuple[str, ...]:
        """All paths of a commit or tree."""

    def content(self, commit: str, path: str) -> bytes | None:
        """One file of a commit or tree, None if absent."""


# --------------------------------------------------------------------------------------------- forge


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request; `state` is `open`, `merged` or `closed`."""

    number: int
    title: str
    body: str
    head: str
    base: str
    head_commit: str
    state: str = "open"
    draft: bool = False
    merge_commit: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run of the project's checks on a commit; `log` is the end of what they printed."""

    id: str
    commit: str
    passed: bool
    log: str
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class Release:
    """A tag with notes."""

    tag: str
    commit: str
    notes: str


class Branches(Protocol):
    """Branches of the forge."""

    async def push(self, branch: str, commit: str) -> None:
        """Make `branch` point at `commit`."""

    async def head(self, branch: str) -> str:
        """The commit of `branch`; empty if there is none."""

    async def delete(self, branch: str) -> None:
        """Remove `branch` if it is there."""


class PullRequests(Protocol):
    """Pull requests of the forge; found again by head branch."""

    async def find(self, head: str) -> PullRequest | None:
        """The newest pull request whose head is branch `head`."""

    async def open(self, head: str, base: str, title: str, body: str, *, draft: bool) -> PullRequest:
        """Open one; raises `EffectFailed` if an open one exists for `head`."""

    async def update(self, number: int, *, title: str, body: str, draft: bool, closed: bool) -> PullRequest:
        """Change title, body or state of an open one."""

    async def merge(self, number: int, expected_head: str, message: str) -> PullRequest:
        """Merge it if its head is still `expected_head`; raises `EffectFailed` on a conflict or a moved head."""


class Pipelines(Protocol):
    """Runs of the project's checks."""

    async def find(self, commit: str) -> PipelineRun | None:
        """The newest finished run on `commit`."""

    async def run(self, commit: str) -> PipelineRun:
        """Run the checks on `commit` and wait for them."""


class Releases(Protocol):
    """Published releases; found again by tag."""

    async def find(self, tag: str) -> Release | None:
        """The release of `tag`."""

    async def publish(self, release: Release) -> Release:
        """Tag the commit and publish the notes."""

    async def latest_tag(self) -> str:
        """The newest release's tag, empty if there is none."""


class Forge(Protocol):
    """Where changes are delivered."""

    @property
    def branches(self) -> Branches: ...
    @property
    def pull_requests(self) -> PullRequests: ...
    @property
    def pipelines(self) -> Pipelines: ...
    @property
    def releases(self) -> Releases: ...


# ------------------------------------------------------------------------------------------- testing


@dataclass(frozen=True, slots=True)
class TestRequest:
    """Which tests to run and how.

    Attributes:
        ids: node ids or files; empty runs the whole suite.
        timeout: seconds for the whole run.
        test_timeout: seconds for one test; a test that takes longer fails.
        measure: changed lines by path, for coverage.
        stub_absent: give names that the tests import but the code lacks a stand-in that raises when it is used.
        arguments: further arguments for the runner, from the settings.
        empty_bodies: name of a commit's functions to run with emptied bodies, as `path::qualified.name`.
    """

    __test__ = False
    ids: tuple[str, ...] = ()
    timeout: float = 600.0
    test_timeout: float = 60.0
    measure: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    stub_absent: bool = False
    empty_bodies: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestRunResult:
    """A run and, by path where asked, which lines ran and which lines hold statements.

    `readers` says which test files opened the source of a changed file, as `path: what`.
    """

    __test__ = False
    run: TestRun
    lines: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    statements: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    readers: tuple[str, ...] = ()


class TestRunner(Protocol):
    """Runs a project's tests in a single-use box on a clean checkout that is read-only for everybody else."""

    async def run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest
    ) -> TestRunResult:
        """Run and report; a crash or time-out of the run is a note in the result, not an error."""


@dataclass(frozen=True, slots=True)
class TestChanges:
    """Test functions by what happened to their code; node ids without parameters.

    `altered` also names files that support tests; `tricks` says what could forge results, as `path: what`.
    """

    __test__ = False
    new: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    tricks: tuple[str, ...] = ()


class CodeInspector(Protocol):
    """Reads a project's source in a box (parsing hostile text is not the host's business)."""

    async def interface(self, base: Path, head: Path, paths: Sequence[str]) -> str:
        """Signatures and docstrings of public names in `paths` at head, what changed first; bounded."""

    async def changed_functions(self, base: Path, head: Path, paths: Sequence[str]) -> tuple[str, ...]:
        """Functions new or different at head, as `path::qualified.name`."""

    async def changes_values(self, base: Path, head: Path, paths: Sequence[str]) -> bool:
        """Whether the change also touches what stands outside of functions, such as constants."""

    async def compare_tests(self, base: Path, head: Path, paths: Sequence[str]) -> TestChanges:
        """Test functions that differ between two checkouts, as node ids without parameters."""


class StaticChecks(Protocol):
    """Linters and type checkers in a box."""

    async def check(
        self, checkout: Path, environment: PreparedEnvironment, paths: Sequence[str]
    ) -> tuple[Finding, ...]:
        """All findings on `paths`; the caller compares with the base's to keep only the new ones."""


# -------------------------------------------------------------------------------------- conversation


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a model takes a message to want; it permits nothing.

    Attributes:
        certain: whether the model sees no other reading.
        text: the message made whole, where it leans on what was said before; else empty.
        reply: what Vulcan answers to small talk, or asks back.
        remember: what is to be kept as data.
    """

    intent: Intent
    certain: bool
    text: str = ""
    reply: str = ""
    remember: tuple[tuple[NoteKind, str], ...] = ()


class Interpreter(Protocol):
    """Reads what a person's message wants, where neither command nor exact words say it."""

    async def interpret(
        self, call_key: str, context: str, message: str, journal: CallJournal
    ) -> Interpretation:
        """The intent; raises `ModelUnavailable` where no usable reply can be had."""


class Answerer(Protocol):
    """Answers questions about a job or a repository, with sources."""

    async def answer(
        self,
        call_key: str,
        context: str,
        question: str,
        workspace: Workspace,
        journal: CallJournal,
        show: Callable[[str], None],
    ) -> str:
        """The answer; its words go to `show` as they come, as far as the model streams."""


class Workers(Protocol):
    """Processes that work on jobs beside the conversation."""

    def start(self, job: str) -> None:
        """Have the job worked on until it waits or has ended; a job that is being worked on is left alone."""

    def pause(self, job: str) -> bool:
        """Ask the job's worker to let go, as Ctrl-C does; False if there is none."""

    def busy(self, job: str) -> bool:
        """Whether a living process works on the job."""

    def trouble(self, job: str) -> str:
        """Why the job's last process came to nothing, where the job's log does not say it; else empty."""


# ------------------------------------------------------------------------------------------ workflow


class WorkflowEngine(Protocol):
    """Drives a job through the pipeline; the event log, not the engine, is the job's memory."""

    async def run(self, job: str) -> None:
        """Work on the job until it waits for a person or has ended; safe to call again after a kill."""


class Observer(Protocol):
    """Follows a job while it is worked on (progress, metrics); never changes it."""

    def saw(self, stored: StoredEvent) -> None:
        """Called after each append."""
