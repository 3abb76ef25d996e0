"""Throw-away layers over a workspace: by overlayfs where the kernel lets users mount it, else a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.infrastructure.host.leftovers import owned
from vulcan.infrastructure.sandbox.plan import memory_file, program, python
from vulcan.infrastructure.sandbox.user import User, drop_arguments, hand_over, scratch_root

MOST_FILES = 200_000
MOST_BYTES = 2 * 1024**3
SECONDS = 20.0
SPECIAL = frozenset(",:\\")
"""Characters that part the options of a mount."""


def scratch(user: User, stack: ExitStack) -> Path:
    """An empty folder of the box's user, removed with the stack."""
    folder = Path(tempfile.mkdtemp(prefix=owned("layer"), dir=scratch_root()))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    os.chown(folder, user.uid, user.gid)
    return folder


def command(script: int, place: Path, lower: Path, most_bytes: int = MOST_BYTES) -> list[str]:
    """What to put before a command so that it finds `lower`, with a layer over it, at `place`/shown."""
    return python(f"/dev/fd/{script}", place, lower, most_bytes, MOST_FILES)


def usable(spec: BoxSpec, user: User) -> bool:
    """Whether the kernel can lay a layer over the spec's workspace."""
    return not SPECIAL & set(str(spec.workspace)) and _works(user)


@cache
def _works(user: User) -> bool:
    """Try it: what refuses (an old kernel, AppArmor, a container's engine) differs too much to be asked for."""
    with ExitStack() as stack:
        place, lower = scratch(user, stack), scratch(user, stack)
        script = memory_file("overlay", program("overlay"), stack)
        argv = [*drop_arguments(user), *command(script, place, lower), "/bin/true"]
        try:
            done = subprocess.run(
                argv, env={}, pass_fds=(script,), capture_output=True, timeout=SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def copied(spec: BoxSpec, user: User, stack: ExitStack) -> Path:
    """A copy of the workspace, removed with the stack."""
    folder = scratch(user, stack) / "copy"
    shutil.copytree(spec.workspace, folder, symlinks=True)
    hand_over(folder)
    return folder
