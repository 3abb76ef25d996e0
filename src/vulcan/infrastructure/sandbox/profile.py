"""What a bubblewrap box shows of the machine: an allow list, in the order that bubblewrap applies it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.infrastructure.sandbox.plan import Layout, guest

LAYOUT = Layout(workspace="/workspace", home="/home/agent", temporary="/tmp")  # noqa: S108 - the box's own
SERVER = "/run/vulcan/server.py"
RELAY = "/run/vulcan/relay.py"
PROXY_SOCKET = "/run/vulcan/proxy.sock"
PROXY_PORT = 3128
MEBIBYTE = 1024**2
TMPFS = {
    LAYOUT.temporary: ("1777", 256 * MEBIBYTE),
    LAYOUT.home: ("0700", 256 * MEBIBYTE),
    "/dev/shm": ("1777", 64 * MEBIBYTE),  # noqa: S108 - the box's own
}
USER = "1000"

ETC = {
    "passwd": b"root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000:agent:/home/agent:/bin/sh\n"
    b"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": b"root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n",
    "hosts": b"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 sandbox\n",
    "nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
}
"""Files of /etc that are made rather than shown."""

SHOWN_ETC = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl/certs", "/etc/localtime")
"""Files of /etc that hold nothing but what programs need to run."""

Data = Callable[[str, bytes], int]
"""Makes a descriptor that holds some bytes."""


def arguments(
    spec: BoxSpec, server: bytes, syscalls: bytes, data: Data, socket: Path | None = None
) -> list[str]:
    """Bubblewrap's options for a spec, up to the command."""
    return [
        *_namespaces(),
        *_system(),
        *_etc(data),
        *_file(data, SERVER, server),
        *_proxy(data, socket),
        *_kernel(),
        *_memory(),
        "--bind" if spec.writable else "--ro-bind",
        str(spec.workspace),
        LAYOUT.workspace,
        *_mounts(spec),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", LAYOUT.workspace),
        *("--add-seccomp-fd", str(data("syscalls", syscalls))),
    ]


def _namespaces() -> list[str]:
    # The server is process 1, so that nothing inside can stop or kill it.
    flags = [
        "--unshare-all",
        "--unshare-user",
        "--disable-userns",
        "--die-with-parent",
        "--new-session",
        "--as-pid-1",
    ]
    return [*flags, "--hostname", "sandbox", "--uid", USER, "--gid", USER, "--cap-drop", "ALL", "--clearenv"]


def _system() -> list[str]:
    shown = ["--ro-bind", "/usr", "/usr"]
    for folder in map(Path, ("/bin", "/sbin", "/lib", "/lib64", "/lib32")):
        if folder.is_symlink():
            shown += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.is_dir():
            shown += ["--ro-bind", str(folder), str(folder)]
    return shown


def _etc(data: Data) -> list[str]:
    shown = ["--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/etc/ssl"]
    for path in SHOWN_ETC:
        shown += ["--ro-bind-try", path, path]
    for name, content in ETC.items():
        shown += _file(data, f"/etc/{name}", content)
    return shown


def _file(data: Data, path: str, content: bytes) -> list[str]:
    # A file of the root's tmpfs, read-only after `--remount-ro /`; a bind for each would cost 0.6 ms.
    return ["--perms", "0444", "--file", str(data("file", content)), path]


def _proxy(data: Data, socket: Path | None) -> list[str]:
    if socket is None:
        return []
    return [*_file(data, RELAY, guest("relay")), "--ro-bind", str(socket), PROXY_SOCKET]


def _kernel() -> list[str]:
    # Bubblewrap protects /proc/sys after a test that misleads it for some callers: bound by hand.
    return ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"]


def _memory() -> list[str]:
    made: list[str] = []
    for folder, (mode, size) in TMPFS.items():
        made += ["--perms", mode, "--size", str(size), "--tmpfs", folder]
    return made


def _mounts(spec: BoxSpec) -> list[str]:
    shown: list[str] = []
    for mount in spec.mounts:
        shown += ["--bind" if mount.writable else "--ro-bind", str(mount.source), mount.target]
    return shown
