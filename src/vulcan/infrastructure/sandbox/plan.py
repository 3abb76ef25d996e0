"""What a kind of sandbox says so that a box can be started: a command, its descriptors, where things are."""

from __future__ import annotations

import marshal
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from vulcan.application.ports import BoxSpec, Limits, Mount
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox.user import User, require_reachable

SYSTEM_PYTHON = "/usr/bin/python3"
PATH = "/usr/local/bin:/usr/bin:/bin"
HEADER = 16
"""Bytes before the code in a compiled file."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are inside a box.

    Attributes:
        workspace: folder that commands start in.
        home: HOME of commands.
        temporary: TMPDIR of commands.
        targets: where each mount's target really is, if it is elsewhere.
    """

    workspace: str
    home: str
    temporary: str
    targets: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """The variables that every command has."""
        return {
            "PATH": PATH,
            "HOME": self.home,
            "LANG": "C.UTF-8",
            "TMPDIR": self.temporary,
            "TERM": "dumb",
            "GIT_CONFIG_NOSYSTEM": "1",
        }

    def translated(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Variables of a spec, with every path in them, alone or in a list such as PATH, as it is inside."""
        return {name: ":".join(map(self.inside, value.split(":"))) for name, value in variables.items()}

    def inside(self, target: str) -> str:
        """Where the spec's `target`, or a path below it, is inside."""
        for shown, real in sorted(self.targets.items(), reverse=True):
            if target == shown or target.startswith(f"{shown}/"):
                return real + target[len(shown) :]
        return target


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start one box.

    Attributes:
        command: program and arguments that end in the server, run with an empty environment.
        keep: descriptors to hand down to it.
        nested: whether the server is a child of the command rather than the command itself.
        tmpfs: folders of the box that lie in memory and whose files are counted.
        scratch: temporary folders of the box that lie on the host's disk.
    """

    command: tuple[str, ...]
    keep: tuple[int, ...]
    nested: bool = False
    tmpfs: tuple[str, ...] = ()
    scratch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a box's proxy listens: a socket in the file system, or a port of this machine's loopback."""

    path: Path | None = None
    port: int = 0


Planner = Callable[[int, ExitStack], Plan]
"""Makes the plan for a server's socket; what it opens is closed with the stack once the box runs."""


def guest(name: str) -> bytes:
    """The source text of a program that runs in or beside a box."""
    return files("vulcan.infrastructure.sandbox.guest").joinpath(f"{name}.py").read_bytes()


@cache
def program(name: str) -> bytes:
    """The same, compiled where the interpreter that will run it reads our bytecode: half of its start is compiling."""
    source = guest(name)
    if not reads_our_bytecode(Path(SYSTEM_PYTHON).resolve()):
        return source
    code = compile(source, f"<{name}>", "exec", dont_inherit=True, optimize=0)
    return MAGIC_NUMBER + bytes(HEADER - len(MAGIC_NUMBER)) + marshal.dumps(code)


def reads_our_bytecode(interpreter: Path) -> bool:
    """Whether compiled code of this interpreter runs in another one: it is the same for a minor version's releases."""
    version = sys.version_info
    ours = f"cpython-{version.major}{version.minor}"
    return (
        version.releaselevel == "final"
        and sys.implementation.cache_tag == ours
        and interpreter.name == f"python{version.major}.{version.minor}"
    )


def memory_file(name: str, content: bytes, stack: ExitStack) -> int:
    """A descriptor of an anonymous file with `content`."""
    descriptor = os.memfd_create(name)
    stack.callback(os.close, descriptor)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def python(script: str, *arguments: object) -> list[str]:
    """A command that runs a guest program."""
    return [SYSTEM_PYTHON, "-I", "-S", script, *map(str, arguments)]


def server_arguments(limits: Limits, others: int = 0) -> tuple[int, ...]:
    """The server's limits; `others` processes of the same user outside count towards theirs."""
    return (
        limits.memory,
        limits.processes + others,
        limits.file_size,
        limits.cpu_seconds,
        limits.open_files,
    )


def checked(spec: BoxSpec, user: User) -> BoxSpec:
    """The spec with real paths; raises `SandboxUnavailable` where one can't be shown."""
    workspace = require_reachable(spec.workspace, user)
    if not workspace.is_dir():
        raise SandboxUnavailable(f"{workspace} is not a folder.", hint="Give the workspace's folder.")
    mounts = tuple(
        Mount(require_reachable(mount.source, user), _target(mount.target), mount.writable)
        for mount in spec.mounts
    )
    return replace(spec, workspace=workspace, mounts=mounts)


def _target(target: str) -> str:
    path = Path(target)
    if not path.is_absolute() or ".." in path.parts or len(path.parts) == 1:
        raise SandboxUnavailable(
            f"{target!r} can't be a place inside a sandbox.", hint="Give an absolute path without `..`."
        )
    return str(path)


def require_system_python() -> None:
    """Raise if the interpreter that boxes are served by is missing."""
    if not os.access(SYSTEM_PYTHON, os.X_OK):
        raise SandboxUnavailable(
            f"{SYSTEM_PYTHON} is missing; it serves the commands inside a sandbox.",
            hint="Install your distribution's Python 3.10 or newer (apt-get install python3).",
        )
