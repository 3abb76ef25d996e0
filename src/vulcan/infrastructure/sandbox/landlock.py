"""The fallback where user namespaces are refused: Landlock for files, a filter that allows no sockets."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from vulcan.application.ports import BoxSpec
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import profile, seccomp
from vulcan.infrastructure.sandbox.plan import (
    Address,
    Layout,
    Plan,
    Planner,
    memory_file,
    program,
    python,
    server_arguments,
)
from vulcan.infrastructure.sandbox.served import ServedSandbox
from vulcan.infrastructure.sandbox.unconfined import processes_of, real_layout
from vulcan.infrastructure.sandbox.user import User

CREATE_RULESET = 444
VERSION_FLAG = 1
OLDEST = 3  # the first that can refuse to truncate a file

READABLE = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/lib32",
    *profile.SHOWN_ETC,
    *(f"/etc/{name}" for name in profile.ETC),
    "/etc/ssl/openssl.cnf",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/version",
    "/sys/devices/system/cpu",
)
"""What a box sees of the machine; nothing of /proc that tells of other processes."""

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def landlock_version() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION_FLAG)))


class LandlockSandbox(ServedSandbox):
    """Boxes that see the host's paths, as far as rules allow, and have no network and no sockets at all.

    `/workspace` and mounts are at their real paths; `workspace_path` and `inside` of the box say where. There
    is no network namespace, and Landlock says nothing on UDP and on sockets in the file system (the session
    bus, agents), so the filter refuses `socket()` for every family, and IPC by key.
    """

    @property
    def name(self) -> str:
        """What is recorded in the evidence."""
        return "landlock"

    _by_port = True

    def _prepare(
        self, spec: BoxSpec, user: User, proxy: Address | None, stack: ExitStack
    ) -> tuple[Planner, Layout]:
        version = landlock_version()
        if version < OLDEST:
            raise SandboxUnavailable(
                f"The kernel's Landlock is too old (version {version}; {OLDEST} is needed)."
                if version
                else "The kernel has no Landlock.",
                hint="Use a kernel of 6.2 or newer with Landlock in its `lsm=` list, or install bubblewrap.",
            )
        syscalls = seccomp.program(namespaces=False, tcp=proxy is not None)
        layout = real_layout(spec, user, stack)
        rules = _rules(spec, layout) + (["p", str(proxy.port)] if proxy else [])
        return partial(_plan, spec=spec, layout=layout, user=user, syscalls=syscalls, rules=rules), layout


def _plan(
    server: int,
    stack: ExitStack,
    *,
    spec: BoxSpec,
    layout: Layout,
    user: User,
    syscalls: bytes,
    rules: Sequence[str],
) -> Plan:
    listed = memory_file("rules", b"\0".join(map(os.fsencode, rules)), stack)
    code = memory_file("syscalls", syscalls, stack)
    launcher = memory_file("confine", program("confine"), stack)
    script = memory_file("server", program("server"), stack)
    serve = python(f"/dev/fd/{script}", server, *server_arguments(spec.limits, processes_of(user)))
    command = [*python(f"/dev/fd/{launcher}", listed, code, layout.workspace), *serve]
    scratch = (layout.home, layout.temporary)
    return Plan(tuple(command), (server, listed, code, launcher, script), scratch=scratch)


def _rules(spec: BoxSpec, layout: Layout) -> list[str]:
    rules: list[str] = []
    for path in READABLE:
        rules += ["r", path]
    for path in (*DEVICES, layout.home, layout.temporary):
        rules += ["w", path]
    rules += ["w" if spec.writable else "r", str(spec.workspace)]
    for mount in spec.mounts:
        rules += ["w" if mount.writable else "r", str(mount.source)]
    return rules
