"""The host's hold on one running box: its supervisor process and two sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import IO, Self

from vulcan.application.ports import Limits
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox.plan import Plan, Planner, memory_file, program, python
from vulcan.infrastructure.sandbox.user import User, drop_arguments

START_SECONDS = 30.0
END_SECONDS = 10.0
SWEEP_SECONDS = 10.0
MOST_TEMPORARY_FILES = 100_000
MOST_TEMPORARY_BYTES = 256 * 1024**2
PACKET = 4096
ENDED = b""
SWEPT = b"swept"


class BoxEnded(Exception):  # noqa: N818 - not an error of the caller; never leaves this room
    """Nothing is left that could answer."""


@dataclass(frozen=True, slots=True)
class Exit:
    """The server's word on a command; `started` is False where no process could be made for it."""

    code: int = 0
    total: int = 0
    head_size: int = 0
    started: bool = True


@dataclass(slots=True)
class BoxProcess:
    """A running box. Hanging up on the supervisor ends it, and so does this process's death."""

    supervisor: subprocess.Popen[bytes]
    control: socket.socket
    server: socket.socket
    errors: IO[bytes]
    running: int = 0
    doomed: bool = False
    sweeping: bool = False
    limits_passed: list[str] = field(default_factory=list)

    @classmethod
    async def start(cls, planner: Planner, limits: Limits, user: User) -> Self:
        """Start a box and wait until it serves."""
        with ExitStack() as stack:
            control, control_inside = _pair(stack)
            server, server_inside = _pair(stack)
            errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the box
            stack.callback(errors.close)
            with ExitStack() as handed:
                handed.callback(control_inside.close)
                handed.callback(server_inside.close)
                plan = planner(server_inside.fileno(), handed)
                supervisor = _spawn(
                    plan,
                    limits=limits,
                    user=user,
                    control=control_inside.fileno(),
                    errors=errors,
                    stack=handed,
                )
            box = cls(supervisor, control, server, errors)
            stack.pop_all()
        try:
            await box._ready()
        except BaseException:
            await box.end()
            raise
        return box

    async def _ready(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                word = await self._packet()
        except (BoxEnded, TimeoutError) as failure:
            raise SandboxUnavailable(f"The sandbox did not start: {self._complaint()}") from failure
        if word != b"ready":
            raise SandboxUnavailable(f"The sandbox answered {word!r} at its start.")

    def _complaint(self) -> str:
        """What the programs printed about why they failed."""
        with suppress(subprocess.TimeoutExpired):
            self.supervisor.wait(1)
        text = os.pread(self.errors.fileno(), PACKET, 0).decode("utf-8", "replace")
        return " ".join(text.split()) or "no reason given."

    async def _packet(self) -> bytes:
        try:
            packet = await asyncio.get_running_loop().sock_recv(self.server, PACKET)
        except ConnectionError as failure:
            raise BoxEnded from failure
        if packet == ENDED:
            raise BoxEnded
        return packet

    def request(self, seq: int, head: int, tail: int, file: int) -> None:
        """Ask for a command; its arguments stand in the memory file, where its output will too."""
        self.running, self.doomed = 0, False
        try:
            socket.send_fds(self.server, [b"run %d %d %d" % (seq, head, tail)], [file])
        except OSError as failure:
            raise BoxEnded from failure

    async def exit(self, seq: int) -> Exit:
        """Wait for the command's end. May be called again after a time-out."""
        while True:
            verb, number, *rest = (await self._packet()).split()
            if int(number) != seq:
                continue
            if verb == b"started":
                self.running = int(rest[0])
                if self.doomed:
                    self.kill()
            elif verb == b"full":
                return Exit(started=False)
            else:
                code, total, head_size = map(int, rest)
                return Exit(code, total, head_size)

    def kill(self) -> None:
        """Have the running command, its descendants and its session killed."""
        self.doomed = True
        if self.running:
            self._tell(b"kill %d" % self.running)

    async def sweep(self) -> None:
        """Have everything in the box killed but its server, and wait for it."""
        self._tell(b"sweep")
        self.sweeping = True
        await self._swept()

    async def _swept(self) -> None:
        """Wait until the supervisor has killed what it is killing; it would take the next command along."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                while self.sweeping and (word := await loop.sock_recv(self.control, PACKET)) != ENDED:
                    self._note(word)

    def _tell(self, word: bytes) -> None:
        with suppress(OSError):
            self.control.send(word)

    async def passed(self) -> list[str]:
        """The limits for which the supervisor killed everything since the last call."""
        with suppress(OSError):
            while (word := self.control.recv(PACKET)) != ENDED:
                self._note(word)
        await self._swept()
        words, self.limits_passed = self.limits_passed, []
        return words

    def _note(self, word: bytes) -> None:
        self.sweeping = word != SWEPT
        if word != SWEPT:
            self.limits_passed.append(word.decode().removeprefix("limit "))

    def ended(self) -> bool:
        """Whether the server is gone."""
        try:
            return self.server.recv(1, socket.MSG_PEEK) == ENDED
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def hang_up(self) -> None:
        """Have everything killed, without waiting."""
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_WR)

    async def end(self) -> None:
        """Hang up and wait until nothing of the box is alive."""
        self.hang_up()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._supervisor_gone()
        except TimeoutError:
            self.supervisor.kill()
        finally:
            # Also when the waiting was cancelled: the supervisor ends by itself within milliseconds.
            self.control.close()
            self.server.close()
            self.errors.close()
            self._collect()

    async def _supervisor_gone(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while await loop.sock_recv(self.control, PACKET) != ENDED:
                pass

    def _collect(self) -> None:
        try:
            self.supervisor.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()


def _pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    stack.callback(ours.close)
    return ours, theirs


def _spawn(
    plan: Plan, *, limits: Limits, user: User, control: int, errors: IO[bytes], stack: ExitStack
) -> subprocess.Popen[bytes]:
    script = memory_file("supervisor", program("supervisor"), stack)
    command = [
        *drop_arguments(user),
        *python(f"/dev/fd/{script}", control, os.getpid(), limits.memory, limits.disk, MOST_TEMPORARY_FILES),
        ",".join(plan.tmpfs),
        str(MOST_TEMPORARY_BYTES),
        "\n".join(plan.scratch),
        ",".join(map(str, plan.keep)),
        "1" if plan.nested else "0",
        *plan.command,
    ]
    try:
        return subprocess.Popen(
            command,
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            pass_fds=(control, script, *plan.keep),
            start_new_session=True,
        )
    except OSError as failure:
        raise SandboxUnavailable(f"The sandbox did not start: {failure}.") from failure
