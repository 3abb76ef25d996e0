"""Runs programs that use the sandbox as another user, for tests that are started by root."""

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import vulcan

STARTERS = ["root", "user"] if os.geteuid() == 0 else ["user"]
OTHER_USER = 5000
PACKAGES = ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py")


@contextmanager
def started_by(starter):
    """The start of a command line that runs Python as root or as a normal user, and its environment.

    A copy of the package lies where the user can read it, and its folder for state belongs to it.
    """
    state = Path(tempfile.mkdtemp(prefix="vulcan-starter-", dir="/tmp"))
    try:
        shutil.copytree(
            Path(vulcan.__file__).parent,
            state / "src" / "vulcan",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        for program in Path(__file__).parent.glob("sandbox_*.py"):
            shutil.copy(program, state)
        for name in PACKAGES:
            source = Path(find_spec(name).origin)
            if source.name == "__init__.py":
                shutil.copytree(
                    source.parent, state / "packages" / name, ignore=shutil.ignore_patterns("__pycache__")
                )
            else:
                shutil.copy(source, state / "packages")
        (state / "tmp").mkdir()
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(state / "src"),
            "TMPDIR": str(state / "tmp"),
            "HOST_TOKEN": "FAKESECRET-host",
        }
        yield _python(starter, state), environment, state
    finally:
        shutil.rmtree(state)


def _python(starter, state):
    if starter == "root" or os.geteuid() != 0:
        return [sys.executable, "-B"]
    for path in (state, *state.rglob("*")):
        os.lchown(path, OTHER_USER, OTHER_USER)
    drop = ["/usr/bin/setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"]
    # Not this interpreter, which may lie in a home that only root can enter.
    return [*drop, "/usr/bin/python3", "-B"]
