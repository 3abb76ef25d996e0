"""The server inside a box: runs one command at a time and keeps the head and tail of what it prints.

Arguments: the socket's descriptor, then the limits (memory, processes, file size, CPU seconds, open files).
A request is one packet `run SEQ HEAD TAIL` with a memory file that holds, NUL-separated, the count of
arguments, the arguments and `NAME=value` pairs. Answers are `started SEQ PID`, then
`exit SEQ CODE TOTAL HEAD_BYTES` with the kept output written to the same memory file; `full SEQ` says that no
process could be started.
"""

# pathlib costs more than the rest of this program's start
# ruff: noqa: PTH112, PTH118, PTH123

import _signal  # type: ignore[import-not-found]
import _socket
import ctypes
import errno
import fcntl
import os
import resource
import select
import sys

PIPE_BYTES = 1 << 20
REAP_MS = 500
HIGHEST_DESCRIPTOR = 4096
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
SIGINT, SIGKILL, SIGPIPE, SIGTERM, SIGXFSZ = 2, 9, 13, 15, 25
F_SETPIPE_SZ = 1031
CANNOT_RUN, NOT_FOUND = 126, 127


class Capture:
    """The first and the last bytes of a stream, and its length."""

    def __init__(self, head_size: int, tail_size: int) -> None:
        self.head_size = head_size
        self.tail_size = tail_size
        self.head = bytearray()
        self.tail = bytearray()
        self.total = 0

    def take(self, data: bytes) -> None:
        """Add what came."""
        self.total += len(data)
        missing = self.head_size - len(self.head)
        if missing > 0:
            self.head += data[:missing]
            data = data[missing:]
        self.tail += data
        if len(self.tail) > 2 * self.tail_size + PIPE_BYTES:
            del self.tail[: -self.tail_size]

    def kept(self) -> bytes:
        """Head and tail in one; the whole stream if it fitted."""
        return bytes(self.head) + bytes(self.tail[-self.tail_size :])


class Command:
    """A command that was asked for, with its pipe."""

    def __init__(self, seq: int, file: int, capture: Capture) -> None:
        self.seq = seq
        self.file = file
        self.capture = capture
        self.pid = 0
        self.pidfd = -1
        self.pipe = -1

    def start(self, argv: list[bytes], environment: dict[bytes, bytes]) -> None:
        """Spawn it in a session of its own, output going to a new pipe."""
        path = find(argv[0], environment.get(b"PATH", b""))
        self.pipe, write = os.pipe2(os.O_CLOEXEC)
        try:
            widen(self.pipe)
            os.set_blocking(self.pipe, False)
            self.pid = os.posix_spawn(
                path,
                argv,
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write, 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[SIGINT, SIGPIPE, SIGTERM, SIGXFSZ],
            )
        except OSError:
            os.close(self.pipe)
            self.pipe = -1
            raise
        finally:
            os.close(write)
        self.pidfd = os.pidfd_open(self.pid)

    def drain(self, limit: int) -> bool:
        """Take what is in the pipe, at most about `limit` bytes; False at its end."""
        while limit > 0:
            try:
                data = os.read(self.pipe, PIPE_BYTES)
            except BlockingIOError:
                return True
            if not data:
                return False
            self.capture.take(data)
            limit -= len(data)
        return True

    def answer(self, code: int) -> bytes:
        """Write the kept output to the memory file; the packet that says so."""
        os.ftruncate(self.file, 0)
        kept = memoryview(self.capture.kept())
        offset = 0
        while offset < len(kept):
            offset += os.pwrite(self.file, kept[offset:], offset)
        os.close(self.file)
        return b"exit %d %d %d %d" % (self.seq, code, self.capture.total, len(self.capture.head))


def widen(pipe: int) -> None:
    """A bigger pipe means fewer wake-ups; a user with many pipes may be refused one."""
    try:
        fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_BYTES)
    except OSError:
        return


def find(name: bytes, search: bytes) -> bytes:
    """The program's path as a shell would find it; raises FileNotFoundError or PermissionError."""
    if b"/" in name:
        return name
    for folder in search.split(b":"):
        path = os.path.join(folder or b".", name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise FileNotFoundError(errno.ENOENT, "command not found")


class Server:
    """One socket, at most one command, and the pipes that background children still hold."""

    def __init__(self, descriptor: int) -> None:
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, HIGHEST_DESCRIPTOR)
        os.set_inheritable(descriptor, False)
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, descriptor)
        self.poll = select.poll()
        self.poll.register(descriptor, select.POLLIN)
        self.descriptor = descriptor
        self.command: Command | None = None

    def serve(self) -> None:
        """Until the host hangs up."""
        self.socket.send(b"ready")
        while True:
            for descriptor, _ in self.poll.poll(REAP_MS):
                if descriptor == self.descriptor:
                    if not self.receive():
                        return
                elif self.command and descriptor == self.command.pipe:
                    self.drain(self.command)
                elif not self.command or descriptor != self.command.pidfd:
                    self.discard(descriptor)
            self.reap()

    def receive(self) -> bool:
        """Take one request; False at the end."""
        packet, ancillary, _, _ = self.socket.recvmsg(
            256, _socket.CMSG_SPACE(4), getattr(_socket, "MSG_CMSG_CLOEXEC", 0x40000000)
        )
        if not packet:
            return False
        file = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        if self.command:
            self.abandon(self.command)
        _, seq, head, tail = packet.split()
        self.command = Command(int(seq), file, Capture(int(head), int(tail)))
        self.start(self.command)
        return True

    def abandon(self, command: Command) -> None:
        """Let go of a command whose caller did not wait for the end of its killing."""
        os.kill(command.pid, SIGKILL)
        self.forget(command.pidfd)
        os.close(command.file)

    def start(self, command: Command) -> None:
        argv, environment = read_request(command.file)
        try:
            command.start(argv, environment)
        except (OSError, ValueError) as failure:
            self.refuse(command, argv[0], failure)
            return
        self.poll.register(command.pipe, select.POLLIN)
        self.poll.register(command.pidfd, select.POLLIN)
        self.socket.send(b"started %d %d" % (command.seq, command.pid))

    def refuse(self, command: Command, name: bytes, failure: Exception) -> None:
        """Answer for a command that could not be started."""
        self.command = None
        number = getattr(failure, "errno", None)
        if number in {errno.EAGAIN, errno.ENOMEM}:
            os.close(command.file)
            self.socket.send(b"full %d" % command.seq)
            return
        reason = str(getattr(failure, "strerror", None) or failure)
        command.capture.take(name + b": " + reason.encode() + b"\n")
        self.socket.send(command.answer(NOT_FOUND if number == errno.ENOENT else CANNOT_RUN))

    def drain(self, command: Command) -> None:
        if not command.drain(PIPE_BYTES):
            self.forget(command.pipe)
            command.pipe = -1

    def discard(self, descriptor: int) -> None:
        """Throw away what a background child prints after its command has ended."""
        try:
            data = os.read(descriptor, PIPE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.forget(descriptor)

    def forget(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        os.close(descriptor)

    def reap(self) -> None:
        """Collect every child that has ended, the orphans included."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if self.command and pid == self.command.pid:
                self.finish(self.command, os.waitstatus_to_exitcode(status))

    def finish(self, command: Command, code: int) -> None:
        self.command = None
        self.forget(command.pidfd)
        if command.pipe >= 0 and not command.drain(PIPE_BYTES):
            self.forget(command.pipe)
        self.socket.send(command.answer(code if code >= 0 else 128 - code))


def read_request(file: int) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Arguments and environment of a request's memory file."""
    content = os.pread(file, os.fstat(file).st_size, 0)
    count, *fields = content.split(b"\0")
    argv, pairs = fields[: int(count)], fields[int(count) :]
    return argv, dict(pair.split(b"=", 1) for pair in pairs)


def limit(memory: int, processes: int, file_size: int, cpu_seconds: int, open_files: int) -> None:
    """Set hard limits on this process, which every command inherits."""
    for kind, value in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (allowed, allowed))


def prepare() -> None:
    """Make the kernel end commands before anything else, and keep them off this process."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("900")
    except OSError:
        pass  # under Landlock the launcher has done it
    # Python's own handler would let `kill -INT -1` end the server.
    for number in (SIGINT, SIGTERM):
        _signal.signal(number, _signal.SIG_IGN)
    libc = ctypes.CDLL(None)
    if os.getpid() == 1:
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    else:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)


def main() -> None:
    """Confine, then serve."""
    descriptor, *limits = map(int, sys.argv[1:])
    prepare()
    limit(*limits)
    Server(descriptor).serve()


if __name__ == "__main__":
    main()
