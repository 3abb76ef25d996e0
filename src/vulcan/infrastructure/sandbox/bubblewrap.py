"""The sandbox of choice: namespaces by bubblewrap, with a system-call filter."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import overlay, profile, seccomp
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
from vulcan.infrastructure.sandbox.user import User

INSTALL = "Install bubblewrap 0.8 or newer: apt-get install bubblewrap (or dnf install bubblewrap)."
BWRAP = "/usr/bin/bwrap"


class BubblewrapSandbox(ServedSandbox):
    """Boxes with a file system, processes, users, IPC and network of their own."""

    @property
    def name(self) -> str:
        """What is recorded in the evidence."""
        return "bubblewrap"

    _by_port = False
    _overlays = True

    def _prepare(
        self,
        spec: BoxSpec,
        user: User,
        proxy: Address | None,
        stack: ExitStack,
    ) -> tuple[Planner, Layout]:
        bwrap = _bwrap()
        syscalls = seccomp.program(namespaces=True)
        socket = proxy.path if proxy else None
        place = overlay.scratch(user, stack) if spec.overlay else None
        return partial(_plan, bwrap, spec, syscalls, socket, place), profile.LAYOUT

    def _hint(self, complaint: str) -> str:
        return hint(complaint)


def _plan(
    bwrap: str,
    spec: BoxSpec,
    syscalls: bytes,
    socket: Path | None,
    place: Path | None,
    server: int,
    stack: ExitStack,
) -> Plan:
    handed: list[int] = [server]

    def data(name: str, content: bytes) -> int:
        handed.append(memory_file(name, content, stack))
        return handed[-1]

    shown = replace(spec, workspace=place / "shown", writable=True) if place else spec
    options = profile.arguments(shown, program("server"), syscalls, data, socket)
    # Not on the command line, where every user of the host could read the paths.
    listed = data("arguments", b"\0".join(os.fsencode(option) for option in options))
    layer = overlay.command(data("overlay", program("overlay")), place, spec.workspace) if place else []
    command = [
        *layer,
        bwrap,
        "--args",
        str(listed),
        "--",
        *python(profile.SERVER, server, *server_arguments(spec.limits)),
    ]
    return Plan(tuple(command), tuple(handed), nested=True, tmpfs=tuple(profile.TMPFS))


def _bwrap() -> str:
    # AppArmor's profile of Ubuntu 24.04 names exactly this path, so it goes before PATH.
    found = BWRAP if os.access(BWRAP, os.X_OK) else shutil.which("bwrap")
    if not found:
        raise SandboxUnavailable("bubblewrap is not installed.", hint=INSTALL)
    return found


def hint(complaint: str) -> str:
    """What to do about a bubblewrap that does not start, by what it said and what the kernel is set to."""
    if "Unknown option" in complaint:
        return INSTALL
    if any(words in complaint for words in ("Can't mkdir", "Can't create file", "Can't find source path")):
        return "A folder of the project or of its environment can't be shown: see the path above, then: vulcan resume"
    for setting, bad, cure in _SETTINGS:
        if _setting(setting) == bad:
            return cure
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "This container's engine refuses user namespaces. Start it with "
            "--security-opt seccomp=unconfined --security-opt systempaths=unconfined, "
            "or allow Landlock as the weakest sandbox."
        )
    return "Run `bwrap --unshare-all --ro-bind / / true` to see what the kernel refuses, or allow Landlock."


_SETTINGS = (
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "User namespaces are switched off: sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "User namespaces are switched off: sudo sysctl -w user.max_user_namespaces=15000",
    ),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        (
            "AppArmor refuses user namespaces: install its profile for /usr/bin/bwrap (apt-get install "
            "apparmor-profiles, copy /usr/share/apparmor/extra-profiles/bwrap-userns-restrict to "
            "/etc/apparmor.d and reload), or "
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
        ),
    ),
)


def _setting(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return ""
