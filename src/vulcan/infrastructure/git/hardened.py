"""The only way in which the host runs git.

Nothing that a repository, a person's settings or the environment says makes git start another program: every
call gets an environment made from scratch, an explicit git directory, and settings that overrule all others.
"""

from __future__ import annotations

import functools
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypedDict

from vulcan.domain.errors import UserError, VulcanError

IDENTITY = ("Vulcan", "vulcan@localhost")
LEAST_VERSION = (2, 38)
_PATH = "/usr/local/bin:/usr/bin:/bin"
_TIME_LIMIT = 600.0
_STDERR_SHOWN = 2_000

_SETTINGS: Mapping[str, str] = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "core.pager": "cat",
    "core.editor": "false",
    "core.askPass": "",
    "core.sshCommand": "/bin/false",
    "core.gitProxy": "",
    "core.alternateRefsCommand": ":",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.quotePath": "false",
    "core.bigFileThreshold": "16m",
    "core.filesRefLockTimeout": "5000",
    "core.packedRefsTimeout": "5000",
    "credential.helper": "",
    "diff.external": "",
    "gpg.program": "/bin/false",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
    "safe.bareRepository": "explicit",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "color.ui": "false",
}
_ENVIRONMENT: Mapping[str, str] = {
    "PATH": _PATH,
    "LC_ALL": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_AUTHOR_NAME": IDENTITY[0],
    "GIT_AUTHOR_EMAIL": IDENTITY[1],
    "GIT_COMMITTER_NAME": IDENTITY[0],
    "GIT_COMMITTER_EMAIL": IDENTITY[1],
}


class _Options(TypedDict, total=False):
    env: Mapping[str, str]
    cwd: str
    start_new_session: bool
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Output:
    """What a call printed and how it ended."""

    stdout: bytes
    code: int

    @property
    def text(self) -> str:
        """Standard output without the line end, for ids and names."""
        return self.stdout.decode("utf-8", "surrogateescape").rstrip("\n")

    def records(self) -> list[bytes]:
        """The fields of a NUL-separated answer."""
        return self.stdout.split(b"\0")[:-1]


@dataclass(frozen=True, slots=True)
class HardenedGit:
    """Runs git on one git directory.

    Attributes:
        git_dir: given to git by name, so that it looks for none and trusts none that it finds.
        work_tree: only for the few calls that look at files.
        settings: further settings, on top of the fixed ones.
        owner: user and group to run as, where root works on the repository of somebody else.
        foreign: whether somebody else laid the files that git opens, a FIFO among them perhaps: what waits there for
            ever must not outlive this process, however that ends.
    """

    git_dir: Path
    work_tree: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    owner: tuple[int, int] | None = None
    foreign: bool = False
    time_limit: float = _TIME_LIMIT

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        accept: Collection[int] = (0,),
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Output:
        """Run one command and wait; an exit code outside `accept` is a `VulcanError` with git's own words."""
        try:
            done = subprocess.run(
                self._command(arguments),
                input=stdin,
                capture_output=True,
                check=False,
                timeout=self.time_limit,
                **self._options(environment, cwd),
            )
        except subprocess.TimeoutExpired as error:
            raise _too_slow(arguments, self.time_limit) from error
        if done.returncode not in accept:
            raise _failure(arguments, done.returncode, done.stderr)
        return Output(done.stdout, done.returncode)

    def head_of(self, *arguments: str, limit: int) -> tuple[bytes, bool]:
        """At most `limit` bytes of what a command prints, and whether there was more (it is stopped then)."""
        with self.feed(*arguments, check=False) as process:
            stdin, stdout = _pipes(process)
            stdin.close()
            text = stdout.read(limit + 1)
            if len(text) > limit:
                process.kill()
                return text[:limit], True
            if process.wait(self.time_limit) != 0:
                raise VulcanError(f"git {arguments[0]} failed")
            return text, False

    @contextmanager
    def feed(self, *arguments: str, check: bool = True) -> Iterator[subprocess.Popen[bytes]]:
        """A running command with pipes on both ends; its end is checked when the context closes."""
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                self._command(arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                **self._options(None, None),
            )
            try:
                with process, _killed_on_error(process):
                    yield process
            except BrokenPipeError as error:
                raise _failure(arguments, process.returncode, _content(errors)) from error
            if check and process.returncode != 0:
                raise _failure(arguments, process.returncode, _content(errors))

    def send(self, arguments: Sequence[str], stdin: bytes, to: HardenedGit, receive: Sequence[str]) -> None:
        """Pipe what a command of this repository prints into a command of another one.

        `stdin` is written whole before the other end runs dry, so it must be short (a list of commits).
        """
        with tempfile.TemporaryFile() as errors, self.feed(*arguments) as source:
            own_stdin, own_stdout = _pipes(source)
            with subprocess.Popen(
                to._command(receive),
                stdin=own_stdout,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                **to._options(None, None),
            ) as target:
                own_stdout.close()
                own_stdin.write(stdin)
                own_stdin.close()
                code = _end_of(target, receive, self.time_limit)
            if code != 0 and source.wait() in {0, -signal.SIGPIPE}:
                raise _failure(receive, code, _content(errors))

    def _command(self, arguments: Sequence[str]) -> list[str]:
        command = [*(_dying_with_us() if self.foreign else ()), git_program()]
        for name, value in {**_SETTINGS, **self.settings}.items():
            command += ["-c", f"{name}={value}"]
        command.append(f"--git-dir={self.git_dir}")
        if self.work_tree is not None:
            command.append(f"--work-tree={self.work_tree}")
        return [*command, *arguments]

    def _options(self, environment: Mapping[str, str] | None, cwd: Path | None) -> _Options:
        options: _Options = {
            "env": {**_ENVIRONMENT, **(environment or {})},
            "cwd": str(cwd or "/"),
            "start_new_session": True,
        }
        if self.owner is not None:
            options["user"], options["group"] = self.owner
            options["extra_groups"] = []
        return options


@functools.cache
def git_program() -> str:
    """Absolute path of a git that is new enough; `UserError` where there is none."""
    found = shutil.which("git", path=_PATH)
    if found is None:
        raise UserError("git is not installed", hint="Install git 2.38 or newer.")
    answer = subprocess.run([found, "version"], capture_output=True, check=False, env={"PATH": _PATH})
    version = re.search(rb"(\d+)\.(\d+)", answer.stdout)
    if version is None or (int(version[1]), int(version[2])) < LEAST_VERSION:
        raise UserError(
            f"git is too old: {answer.stdout.decode('utf-8', 'replace').strip()}",
            hint="Install git 2.38 or newer.",
        )
    return found


@functools.cache
def _dying_with_us() -> tuple[str, ...]:
    """What to put before a command so that the kernel ends it with this process; nothing where that is missing."""
    setpriv = shutil.which("setpriv", path=_PATH)
    command = (setpriv or "", "--pdeathsig", "KILL")
    known = setpriv and subprocess.run(
        [*command, "true"], capture_output=True, check=False, env={"PATH": _PATH}
    )
    return command if known and known.returncode == 0 else ()


def read_config(file: Path) -> dict[str, str]:
    """A git configuration file as data: names in lower case, no include followed, the last value wins."""
    if not file.is_file():
        return {}
    listing = HardenedGit(Path("/dev/null"), foreign=True).run(
        "config", "--file", str(file), "--no-includes", "--null", "--list"
    )
    pairs = (record.decode("utf-8", "surrogateescape").partition("\n") for record in listing.records())
    return {name: value for name, _, value in pairs}


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise VulcanError("git was started without pipes")
    return process.stdin, process.stdout


@contextmanager
def _killed_on_error(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.kill()
        raise


def _end_of(process: subprocess.Popen[bytes], arguments: Sequence[str], limit: float) -> int:
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise _too_slow(arguments, limit) from error


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _failure(arguments: Sequence[str], code: int, stderr: bytes) -> VulcanError:
    said = stderr.decode("utf-8", "replace").strip()[-_STDERR_SHOWN:]
    return VulcanError(f"git {arguments[0]} failed ({code}): {said or 'it said nothing'}")


def _too_slow(arguments: Sequence[str], limit: float) -> VulcanError:
    return VulcanError(f"git {arguments[0]} was stopped after {limit:.0f} s")
