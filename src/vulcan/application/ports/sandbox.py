"""Boxes in which nothing of the host is seen but what is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


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
    processes: int = 1024
    file_size: int = 256 * 1024**2
    disk: int = 2 * 1024**3
    cpu_seconds: int = 3_600
    open_files: int = 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """A server that a box may reach through its proxy.

    Attributes:
        scheme: `https` (tunnelled) or `http` (read by the proxy, GET and HEAD only).
        trusted: the user named it, so it may lie on this machine or a private network.
        authorization: the header that the proxy adds for it; commands then ask for `http://HOST:PORT`, never
            see the credentials, and the proxy asks by `https`.
    """

    scheme: str
    host: str
    port: int
    trusted: bool = False
    authorization: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Egress:
    """What a box may reach; everything else is refused and told to `on_refused`, as `HOST:PORT` or a request."""

    origins: tuple[Origin, ...]
    on_refused: Callable[[str], None] = field(default=lambda _: None, repr=False, compare=False)
    upstream: str = field(default="", repr=False)
    """The machine's own proxy, through which the origins are reached; empty: directly."""


@dataclass(frozen=True, slots=True)
class BoxSpec:
    """One box: the workspace is shown at /workspace, which is also where commands start.

    With `overlay` commands can write to the workspace, and all of that is thrown away with the box: the folder
    itself stays as it is, so that several boxes can use it at once. Without `egress` nothing outside of the box can
    be reached.
    """

    workspace: Path
    writable: bool = True
    mounts: tuple[Mount, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    egress: Egress | None = None
    overlay: bool = False


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
