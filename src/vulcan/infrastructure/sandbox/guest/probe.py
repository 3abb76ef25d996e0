"""Tries from inside what a box must refuse (`attacks`) and what it must allow (`controls`), a line for each.

Arguments: `attacks`, a file outside, the host's process id and a port it listens on; or `controls` and names.
A line is `name`, `ok` or `bad`, and a detail, separated by tabs.
"""

# As few imports as may be, and what is printed is the answer
# ruff: noqa: PTH118, PTH123, PLC0415, T201

import ctypes
import os
import sys
from collections.abc import Callable

AF_VSOCK = 40
CLONE_NEWUSER = 0x10000000
PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, SECCOMP_FILTER = 39, 21, 2
MOST_FORKS = 256
OWN_VARIABLES = {"PATH", "HOME", "LANG", "TMPDIR", "TERM", "GIT_CONFIG_NOSYSTEM"}

libc = ctypes.CDLL(None, use_errno=True)


def say(name: str, passed: bool, detail: object) -> None:
    """Report one check."""
    print(name, "ok" if passed else "bad", " ".join(str(detail).split()), sep="\t", flush=True)


def refused(name: str, action: Callable[[], object]) -> None:
    """Report whether an action fails."""
    try:
        result = action()
    except OSError as failure:
        say(name, True, failure.strerror or failure)
    else:
        say(name, False, f"it worked: {result!r}"[:100])


def call(function: str, *arguments: object) -> str:
    """A C call that raises on failure."""
    if getattr(libc, function)(*arguments) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return function


def read(path: str) -> bytes:
    """A file that has content; an empty one counts as unreadable."""
    with open(path, "rb") as file:
        content = file.read(4096)
    if not content:
        raise OSError(0, "empty")
    return content


def connect(kind: int, address: tuple[str, int]) -> str:
    """Connect a socket."""
    import _socket

    with_socket = _socket.socket(_socket.AF_INET, kind)
    try:
        with_socket.connect(address)
    finally:
        with_socket.close()
    return f"connected to {address}"


def vsock() -> int:
    """Open a socket to the machine below this virtual one."""
    import _socket

    return _socket.socket(AF_VSOCK, 1).fileno()


def fork_bomb() -> int:
    """Processes that can be made before the limit; they wait for a pipe's end."""
    read_end, write_end = os.pipe()
    made: list[int] = []
    try:
        while len(made) < MOST_FORKS:
            pid = os.fork()
            if not pid:
                os.close(write_end)
                os.read(read_end, 1)
                os._exit(0)
            made.append(pid)
    except OSError:
        pass
    os.close(write_end)
    for pid in made:
        os.waitpid(pid, 0)
    return len(made)


def attacks(outside: str, host: str, port: str) -> None:
    """All that must be refused."""
    refused("host files", lambda: read(outside))
    refused("host environment", lambda: read(f"/proc/{host}/environ"))
    refused("environment of process 1", lambda: read("/proc/1/environ"))
    extra = set(os.environ) - OWN_VARIABLES
    say("clean environment", not extra, f"{len(os.environ)} variables {' '.join(sorted(extra))}")
    refused("host loopback", lambda: connect(1, ("127.0.0.1", int(port))))
    refused("network route", lambda: connect(2, ("192.0.2.1", 9)))
    refused("virtual machine sockets", vsock)
    refused("kernel settings", lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)))
    refused("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
    refused("new namespaces", lambda: call("unshare", CLONE_NEWUSER))
    say("not root", os.getuid() != 0, f"uid {os.getuid()}")
    privileges = (
        libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 and libc.prctl(PR_GET_SECCOMP) == SECCOMP_FILTER
    )
    say("no new privileges", privileges, "no_new_privs and a system-call filter" if privileges else "not set")
    count = fork_bomb()
    say("process limit", count < MOST_FORKS, f"stopped after {count} processes")


def workspace() -> str:
    """Read what the host wrote and leave a file for it."""
    with open("from-host") as file, open("from-box", "w") as answer:
        answer.write(file.read())
    return "read and written"


def asyncio_subprocess() -> str:
    """Start a child as asyncio does."""
    import asyncio

    async def child() -> bytes:
        process = await asyncio.create_subprocess_exec("/bin/echo", "hello", stdout=asyncio.subprocess.PIPE)
        return (await asyncio.wait_for(process.communicate(), 10))[0]

    return asyncio.run(child()).decode()


def serve(family: int, address: str | tuple[str, int]) -> str:
    """Listen, connect and pass a byte."""
    import socket

    with socket.socket(family) as server, socket.socket(family) as client:
        server.bind(address)
        server.listen()
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            accepted.sendall(b"x")
        return f"received {client.recv(1)!r}"


CONTROLS: dict[str, Callable[[], str]] = {
    "workspace": workspace,
    "asyncio subprocess": asyncio_subprocess,
    "unix socket": lambda: serve(1, os.path.join(os.environ["TMPDIR"], "probe.sock")),
    "loopback server": lambda: serve(2, ("127.0.0.1", 0)),
}


def controls(*names: str) -> None:
    """All that must work."""
    for name in names:
        try:
            say(name, True, CONTROLS[name]())
        except OSError as failure:
            say(name, False, failure)


if __name__ == "__main__":
    if sys.argv[1] == "attacks":
        attacks(*sys.argv[2:])
    else:
        controls(*sys.argv[2:])
