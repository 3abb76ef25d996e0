"""No sandbox at all, for a person who asked for it: a clean environment and limits are what is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.infrastructure.host.leftovers import owned
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
from vulcan.infrastructure.sandbox.profile import LAYOUT
from vulcan.infrastructure.sandbox.served import ServedSandbox
from vulcan.infrastructure.sandbox.user import User, scratch_root


class NoSandbox(ServedSandbox):
    """Plain processes behind the same interface; read-only workspaces and mounts are not enforced."""

    @property
    def name(self) -> str:
        """What is recorded in the evidence."""
        return "none"

    _by_port = True

    def _prepare(
        self,
        spec: BoxSpec,
        user: User,
        proxy: Address | None,  # noqa: ARG002 - everything can be reached
        stack: ExitStack,
    ) -> tuple[Planner, Layout]:
        layout = real_layout(spec, user, stack)
        return partial(_plan, spec, layout, user), layout


def _plan(spec: BoxSpec, layout: Layout, user: User, server: int, stack: ExitStack) -> Plan:
    script = memory_file("server", program("server"), stack)
    serve = python(f"/dev/fd/{script}", server, *server_arguments(spec.limits, processes_of(user)))
    command = ("/usr/bin/env", f"--chdir={layout.workspace}", *serve)
    return Plan(command, (server, script), scratch=(layout.home, layout.temporary))


def real_layout(spec: BoxSpec, user: User, stack: ExitStack) -> Layout:
    """Where things are without a mount namespace; makes the box's own home and temporary folder."""
    scratch = Path(tempfile.mkdtemp(prefix=owned("box"), dir=scratch_root()))
    # The box's user may have made folders unreadable; they are in the system's folder for temporary files.
    stack.callback(shutil.rmtree, scratch, ignore_errors=True)
    folders = [scratch / "home", scratch / "tmp"]
    for folder in folders:
        folder.mkdir(mode=0o700)
    for folder in (*folders, scratch):
        os.chown(folder, user.uid, user.gid)
    home, temporary = map(str, folders)
    targets = {
        LAYOUT.workspace: str(spec.workspace),
        LAYOUT.home: home,
        LAYOUT.temporary: temporary,
        **{mount.target: str(mount.source) for mount in spec.mounts},
    }
    return Layout(str(spec.workspace), home, temporary, targets)


def processes_of(user: User) -> int:
    """Threads that the user runs now, as the kernel counts them against its limit."""
    return sum(_threads(Path(entry.path)) for entry in os.scandir("/proc") if _belongs(entry, user))


def _belongs(entry: os.DirEntry[str], user: User) -> bool:
    try:
        return entry.name.isdigit() and entry.stat().st_uid == user.uid
    except OSError:
        return False


def _threads(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[17])
    except OSError:
        return 0
