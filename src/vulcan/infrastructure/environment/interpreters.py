"""Python interpreters for environments: the system's, those that uv, pyenv and hosted runners keep, or one that uv brings."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vulcan.application.ports import Mount
from vulcan.domain.errors import UserError

SYSTEM = ("/usr/bin", "/usr/local/bin")
OTHERS = 0o1
_NAME = re.compile(r"python(3\.\d+)$")
_RELEASE = re.compile(r"(\d+\.\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter of the host.

    Attributes:
        path: where it was made to lie; a box sees it there, since it looks for its libraries there.
        prefix: what a box must be shown of it; nothing where it lies in /usr.
        copy: where `prefix` really is, if not there.
    """

    path: Path
    version: str
    prefix: Path | None = None
    copy: Path | None = None

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What a box must be shown of it."""
        return () if self.prefix is None else (Mount(self.copy or self.prefix, str(self.prefix)),)

    @property
    def release(self) -> tuple[int, ...]:
        """Its version as numbers."""
        return tuple(map(int, self.version.split(".")))


def installed(environ: Mapping[str, str], own: Path) -> list[Interpreter]:
    """All interpreters of this machine, the system's first, then from the newest to the oldest.

    Args:
        environ: the host's environment; says where pyenv and the home folder are.
        own: folder of those that Vulcan itself keeps.
    """
    home = Path(environ.get("HOME", "/nonexistent"))
    roots = [
        own,
        Path(environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python"),
        Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environ.get("RUNNER_TOOL_CACHE") or "/opt/hostedtoolcache") / "Python",
    ]
    kept = [found for root in roots for prefix in _prefixes(root) for found in _in_prefix(prefix)]
    return [*_system(), *sorted(kept, key=lambda found: found.release, reverse=True)]


def _system() -> Iterator[Interpreter]:
    for folder in SYSTEM:
        names = ["python3", *(f"python3.{minor}" for minor in range(15, 8, -1))]
        for path in (Path(folder) / name for name in names):
            if path.exists() and (match := _NAME.search(str(path.resolve()))):
                yield Interpreter(path, match[1])


def _prefixes(root: Path) -> list[Path]:
    try:
        entries = sorted(root.iterdir())
    except OSError:
        return []
    return [prefix for entry in entries for prefix in (entry, entry / "x64") if not entry.is_symlink()]


def _in_prefix(prefix: Path) -> Iterator[Interpreter]:
    try:
        names = sorted(path.name for path in (prefix / "bin").iterdir())
    except OSError:
        return
    for name in names:
        if match := _NAME.fullmatch(name):
            release = _RELEASE.search(str(prefix))
            version = release[1] if release and release[1].startswith(f"{match[1]}.") else match[1]
            yield Interpreter(prefix / "bin" / name, version, prefix)


def choose(found: Sequence[Interpreter], pinned: str, fits: Callable[[str], bool]) -> Interpreter | None:
    """The interpreter that a project asks for, or the first that fits what it requires."""
    fitting = [each for each in found if fits(each.version)]
    exact = [each for each in fitting if pinned and _is(each.version, pinned)]
    return next(iter(exact or fitting), None)


def named(path: Path) -> Interpreter:
    """The interpreter that a person names; that of a virtual environment stands for the one it was made from.

    Raises:
        UserError: there is none.
    """
    configuration = path.parent.parent / "pyvenv.cfg"
    if configuration.is_file():
        home = re.search(r"^home\s*=\s*(.+)$", configuration.read_text(errors="replace"), re.MULTILINE)
        path = Path(home[1].strip()) / "python3" if home else path
    real = path.resolve()
    match = _NAME.fullmatch(real.name)
    if not match or not real.is_file():
        raise UserError(
            f"{path} is no Python interpreter",
            hint="Give one such as --python /usr/bin/python3.12, or a version.",
        )
    if str(real.parent) in SYSTEM:
        return Interpreter(real, match[1])
    return Interpreter(real, match[1], real.parent.parent)


def _is(version: str, pinned: str) -> bool:
    return version == pinned or version.startswith(f"{pinned}.") or pinned.startswith(f"{version}.")


def reachable(interpreter: Interpreter, own: Path) -> Interpreter:
    """The interpreter where the boxes' user can read it: copied to `own` if it lies in root's private folders."""
    prefix = interpreter.prefix
    if prefix is None or os.geteuid() != 0 or _passable(prefix):
        return interpreter
    copy = own / "copies" / hashlib.sha256(os.fsencode(prefix)).hexdigest()[:16]
    if not copy.is_dir():
        partial = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(prefix, partial, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        partial.chmod(0o755)
        try:
            partial.rename(copy)
        except OSError:  # another process was faster
            shutil.rmtree(partial)
    return replace(interpreter, copy=copy)


def _passable(prefix: Path) -> bool:
    return all(folder.stat().st_mode & OTHERS for folder in (prefix, *prefix.parents))
