"""A kept-alive box as its users see it; the same for every kind of sandbox."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from vulcan.application.ports import BoxSpec, CommandResult, Limits
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox.output import Window, render
from vulcan.infrastructure.sandbox.plan import Layout, Planner, memory_file
from vulcan.infrastructure.sandbox.process import BoxEnded, BoxProcess, Exit
from vulcan.infrastructure.sandbox.user import User

KILL_SECONDS = 5.0
TIMED_OUT = 124
KILLED = 137
CANNOT_RUN = 126
ENDED_BEFORE = "the box had ended and was opened anew; background processes and temporary files are gone"
ENDED_UNDER = "the box ended under the command; background processes and temporary files are gone"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the waiting for a command ended; `exit` is None where the box ended under it."""

    exit: Exit | None
    timed_out: bool = False


class ServedBox:
    """A box whose commands a server inside it starts, one at a time.

    If a command takes the server with it, the box is opened anew for the next command, and the result's note
    says so: what ran in the background and what lay in temporary folders is gone then.
    """

    def __init__(self, planner: Planner, layout: Layout, spec: BoxSpec, user: User) -> None:
        self._planner = planner
        self._layout = layout
        self._spec = spec
        self._user = user
        self._process: BoxProcess | None = None
        self._closed = False
        self._seq = 0
        self._one_command = asyncio.Lock()

    @property
    def workspace_path(self) -> str:
        """The workspace as commands see it: `/workspace`, or its real path without a mount namespace."""
        return self._layout.workspace

    def inside(self, target: str) -> str:
        """Where a mount's target of the spec, or a path below it, is for commands."""
        return self._layout.inside(target)

    async def start(self) -> None:
        """Start the box; raises `SandboxUnavailable` where it can't be had."""
        self._process = await BoxProcess.start(self._planner, self._spec.limits, self._user)

    async def close(self) -> None:
        """Kill everything in the box and wait for its end."""
        self._closed = True
        if self._process:
            self._process.hang_up()
        async with self._one_command:
            await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process:
            await process.end()

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        output_limit: int = 10_000,
        environment: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run a command to its end; see the port `Box`."""
        async with self._one_command:
            return await self._run(argv, timeout, Window(output_limit), environment or {})

    async def _run(
        self, argv: Sequence[str], seconds: float, window: Window, environment: Mapping[str, str]
    ) -> CommandResult:
        begin = time.perf_counter()
        notes: list[str] = []
        process = await self._running(notes)
        with ExitStack() as stack:
            file = memory_file("command", self._payload(argv, environment), stack)
            outcome = await self._attempt(process, seconds, window, file)
            if outcome.exit and not outcome.exit.started:
                notes.append("the box was full of processes; all in the background were stopped")
                await process.sweep()
                outcome = await self._attempt(process, seconds, window, file)
            output = _output(file, outcome.exit, window)
        notes += [_limit_note(word, self._spec.limits) for word in await process.passed()]
        if outcome.timed_out:
            notes.append(f"stopped after {seconds:g} seconds")
        if outcome.exit is None:
            notes.append(ENDED_UNDER)
            await self._end()
        return CommandResult(
            exit_code=_code(outcome),
            output=output,
            total_bytes=outcome.exit.total if outcome.exit else 0,
            duration=time.perf_counter() - begin,
            timed_out=outcome.timed_out,
            note="; ".join(notes),
        )

    async def _running(self, notes: list[str]) -> BoxProcess:
        """The process behind the box, a new one if the last has ended."""
        if self._process and self._process.ended():
            notes.append(ENDED_BEFORE)
            await self._end()
        if self._closed:
            raise SandboxUnavailable("The box is closed.", hint="Open a new one.")
        if self._process is None:
            self._process = await BoxProcess.start(self._planner, self._spec.limits, self._user)
        return self._process

    def _payload(self, argv: Sequence[str], environment: Mapping[str, str]) -> bytes:
        if not argv or any("\0" in word for word in argv):
            raise ValueError("A command needs at least one word, and no word may hold a NUL.")
        variables = {
            **self._layout.environment(),
            **self._layout.translated(self._spec.environment),
            **environment,
        }
        pairs = [f"{name}={value}" for name, value in variables.items()]
        return b"\0".join(os.fsencode(word) for word in (str(len(argv)), *argv, *pairs))

    async def _attempt(self, process: BoxProcess, seconds: float, window: Window, file: int) -> _Outcome:
        self._seq += 1
        try:
            process.request(self._seq, window.head_bytes, window.tail_bytes, file)
            async with asyncio.timeout(seconds):
                return _Outcome(await process.exit(self._seq))
        except BoxEnded:
            return _Outcome(None)
        except TimeoutError:
            return _Outcome(await self._stop(process), timed_out=True)
        except asyncio.CancelledError:
            if await self._stop(process) is None:
                await self._end()
            raise

    async def _stop(self, process: BoxProcess) -> Exit | None:
        """Kill the command and wait for its end; None if the box does not answer any more."""
        process.kill()
        try:
            async with asyncio.timeout(KILL_SECONDS):
                return await process.exit(self._seq)
        except (BoxEnded, TimeoutError):
            return None


def _output(file: int, end: Exit | None, window: Window) -> str:
    if end is None or not end.started:
        return ""
    kept = os.pread(file, os.fstat(file).st_size, 0)
    return render(kept, end.head_size, end.total, window)


def _code(outcome: _Outcome) -> int:
    if outcome.timed_out:
        return TIMED_OUT
    if outcome.exit is None:
        return KILLED
    return outcome.exit.code if outcome.exit.started else CANNOT_RUN


def _limit_note(kind: str, limits: Limits) -> str:
    mebibyte = 1024**2
    return {
        "memory": f"stopped: its processes used more than {limits.memory // mebibyte} MiB of memory",
        "disk": f"stopped: it wrote more than {limits.disk // mebibyte} MiB to disk",
        "files": "stopped: it made too many temporary files",
        "scratch": "stopped: it kept too much in its temporary folders",
    }[kind]
