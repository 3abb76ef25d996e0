"""Static checks in a box: ruff always, mypy where the project configures it."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from vulcan.application.ports import Box, BoxSpec, Limits, PreparedEnvironment, Sandbox
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

TIMEOUT = 120.0
OUTPUT_LIMIT = 2_000_000
LARGEST_FILE = 1024**2
DEFAULT_RULES = "E9,F,B006,B008,B015,B018,PLE"
RUFF_CONFIG = ("ruff.toml", ".ruff.toml")
_MYPY_LINE = re.compile(r"^(?P<path>[^:]+\.pyi?):(?P<line>\d+):(?:\d+:)? error: (?P<text>.*)$")


class PythonChecks:
    """The `StaticChecks` for Python projects."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._sandbox, self._toolbox, self._limits = sandbox, toolbox, limits

    async def check(
        self, checkout: Path, environment: PreparedEnvironment, paths: Sequence[str]
    ) -> tuple[Finding, ...]:
        """All findings on the Python files among `paths` that exist in the checkout."""
        files = [p for p in paths if p.endswith((".py", ".pyi")) and (checkout / p).is_file()]
        if not files:
            return ()
        mounts = (*environment.mounts, self._toolbox.mount())
        spec = BoxSpec(checkout, False, mounts, dict(environment.environment), self._limits)
        async with self._sandbox.open(spec) as box:
            found = [*await _ruff(box, checkout, files)]
            if configures(checkout, "mypy", ("mypy.ini", ".mypy.ini")):
                found += await _mypy(box, environment, files)
        return tuple(found)


def configures(checkout: Path, tool: str, files: Iterable[str]) -> bool:
    """Whether a project says how a tool is to check it."""
    if any((checkout / name).is_file() for name in files):
        return True
    return f"[tool.{tool}".encode() in _plain(checkout / "pyproject.toml")


def _plain(path: Path) -> bytes:
    """What a regular file begins with; nothing where there is none, or a link, which may lead to a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(LARGEST_FILE) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""


async def _ruff(box: Box, checkout: Path, files: Sequence[str]) -> list[Finding]:
    """The project's own rules where it has some; else those whose findings are faults, not taste."""
    rules = [] if configures(checkout, "ruff", RUFF_CONFIG) else ["--isolated", "--select", DEFAULT_RULES]
    argv = [f"{box.inside(TARGET)}/ruff", "check", "--no-cache", "--output-format", "json", "--force-exclude"]
    result = await box.run([*argv, *rules, "--", *files], timeout=TIMEOUT, output_limit=OUTPUT_LIMIT)
    try:
        reports = json.loads(result.output)
    except ValueError:
        text = f"ruff could not run: {result.output.strip()[-300:]}"
        return [Finding("ruff", Owner.PERSON, text, Severity.WARNING)]
    return [
        Finding(
            "ruff",
            Owner.CODER,
            f"{report['code'] or 'syntax error'}: {report['message']}",
            path=str(report["filename"]).removeprefix(f"{box.workspace_path}/"),
            line=int(report["location"]["row"]),
        )
        for report in reports
    ]


async def _mypy(box: Box, environment: PreparedEnvironment, files: Sequence[str]) -> list[Finding]:
    argv = [box.inside(environment.python), "-m", "mypy", "--no-error-summary", "--cache-dir=/dev/null"]
    result = await box.run([*argv, "--", *files], timeout=TIMEOUT, output_limit=OUTPUT_LIMIT)
    matches = (_MYPY_LINE.match(line) for line in result.output.splitlines())
    return [
        Finding("mypy", Owner.CODER, m["text"], path=m["path"], line=int(m["line"])) for m in matches if m
    ]
