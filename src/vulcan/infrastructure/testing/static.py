"""Static checks in a box, as the project runs them: its settings, its files, its versions where they are there.

Without settings of its own a project is told of faults only (syntax, undefined names), never of taste.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vulcan.application.ports import Box, BoxSpec, CommandResult, Limits, PreparedEnvironment, Sandbox
from vulcan.domain.evidence import Finding, Owner, Severity
from vulcan.infrastructure.testing.checker_settings import (
    FAULTS,
    Table,
    excluded,
    has_flake8,
    mypy_table,
    names_files,
    ruff_rules,
    ruff_table,
)
from vulcan.infrastructure.testing.toolbox import CHECKERS, Toolbox

TIMEOUT = 120.0
OUTPUT_LIMIT = 2_000_000
SHOWN = 300
CHECKED_BY = ("ruff", "flake8", "mypy")
SYNTAX = "syntax"
_FAULT = re.compile(r"E9|F7|F82|syntax|invalid-syntax|name-defined|PLE0?11")
"""Codes of findings that nobody can let stand: the code can't run as it is."""
_MYPY_LINE = re.compile(
    r"^(?P<path>[^:]+\.pyi?):(?P<line>\d+):(?:\d+:)* error: (?P<text>.*?)(?:\s+\[(?P<code>[\w-]+)\])?$"
)
_FLAKE8_LINE = re.compile(r"^(?P<path>[^:]+\.pyi?):(?P<line>\d+): (?P<code>\w+) (?P<text>.*)$")
_INSTALLED = """
import importlib.util, sys
print(*[name for name in sys.argv[1:] if importlib.util.find_spec(name)])
"""
_KEPT = """
import re, sys
count = int(sys.argv[1])
expressions = list(map(re.compile, sys.argv[2 : 2 + count]))
print(*[path for path in sys.argv[2 + count :] if not any(e.search(path) for e in expressions)], sep="\\n")
"""


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
        mounts = (*environment.mounts, self._toolbox.checkers())
        spec = BoxSpec(checkout, False, mounts, dict(environment.environment), self._limits)
        async with self._sandbox.open(spec) as box:
            checkers = _Checkers(box, checkout, environment, files)
            return await checkers.findings()


class _Checkers:
    """The checkers of one checkout."""

    def __init__(
        self, box: Box, checkout: Path, environment: PreparedEnvironment, files: Sequence[str]
    ) -> None:
        self._box, self._checkout, self._files = box, checkout, files
        self._python = [box.inside(environment.python), "-I"]  # nothing of the project shadows a checker
        self._installed: frozenset[str] = frozenset()

    async def findings(self) -> tuple[Finding, ...]:
        installed = await self._run([*self._python, "-c", _INSTALLED, *CHECKED_BY])
        self._installed = frozenset(installed.output.split())
        found = await self._ruff()
        if "flake8" in self._installed and has_flake8(self._checkout):
            found += await self._flake8()
        table = mypy_table(self._checkout)
        if "mypy" in self._installed and table is not None:
            found += await self._mypy(table)
        return tuple(found)

    async def _run(self, argv: Sequence[str]) -> CommandResult:
        """Run a checker; what it says on standard error is no part of its report."""
        quiet = ["/bin/bash", "-c", 'exec "$@" 2>/dev/null', "bash", *argv]
        return await self._box.run(quiet, timeout=TIMEOUT, output_limit=OUTPUT_LIMIT)

    # ------------------------------------------------------------------------------------------ ruff

    async def _ruff(self) -> list[Finding]:
        """By the project's settings where it has some for a file; else faults only."""
        found: list[Finding] = []
        for options, files in _grouped(self._checkout, self._files, own="ruff" in self._installed):
            argv = [*self._ruff_program(), *options, "--", *files]
            reports = _json((await self._run(argv)).output)
            if reports is None:  # settings that this version does not know, or that are broken
                found.append(await self._not_run("ruff", argv))
                basic = [f"{self._box.inside(CHECKERS)}/ruff", *_RUFF, *_FAULTS_ONLY, "--", *files]
                reports = _json((await self._run(basic)).output) or []
            found += map(self._ruff_finding, reports)
        return found

    def _ruff_program(self) -> list[str]:
        if "ruff" in self._installed:
            return [*self._python, "-m", "ruff", *_RUFF]
        return [f"{self._box.inside(CHECKERS)}/ruff", *_RUFF]

    def _ruff_finding(self, report: Any) -> Finding:
        path = str(report["filename"]).removeprefix(f"{self._box.workspace_path}/")
        line = int((report["location"] or {}).get("row", 0))
        return _finding("ruff", str(report["code"] or SYNTAX), str(report["message"]), path, line)

    async def _not_run(self, checker: str, argv: Sequence[str]) -> Finding:
        said = await self._box.run([*argv], timeout=TIMEOUT)
        text = (
            f"{checker} could not check by the project's settings: {' '.join(said.output.split())[-SHOWN:]}"
        )
        return Finding(checker, Owner.PERSON, text, Severity.WARNING)

    # ------------------------------------------------------------------------------- flake8 and mypy

    async def _flake8(self) -> list[Finding]:
        """The folders of the files: what a project excludes is left out only where flake8 finds it itself."""
        form = ["--exit-zero", "--color=never", "--format=%(path)s:%(row)d: %(code)s %(text)s"]
        folders = dict.fromkeys(path.partition("/")[0] for path in self._files)
        result = await self._run([*self._python, "-m", "flake8", *form, "--", *folders])
        return _read("flake8", _FLAKE8_LINE, result.output, self._files)

    async def _mypy(self, table: Table) -> list[Finding]:
        """All that the project has mypy check, or the files themselves where it does not say; of them what is changed."""
        files = [] if names_files(table) else await self._kept(excluded(table))
        if not files and not names_files(table):
            return []
        argv = [*self._python, "-m", "mypy", *_MYPY, *(["--", *files] if files else [])]
        result = await self._run(argv)
        found = _read("mypy", _MYPY_LINE, result.output, self._files)
        if result.exit_code > 1 and not found:
            return [await self._not_run("mypy", argv)]
        return found

    async def _kept(self, expressions: Sequence[str]) -> list[str]:
        """The files without those that the project leaves out; its expressions are tried in the box."""
        if not expressions:
            return list(self._files)
        argv = [*self._python, "-c", _KEPT, str(len(expressions)), *expressions, *self._files]
        return [path for path in (await self._run(argv)).output.split("\n") if path]


_RUFF = ["check", "--no-cache", "--no-fix", "--output-format", "json", "--force-exclude"]
_FAULTS_ONLY = ["--isolated", "--select", ",".join(FAULTS)]
_MYPY = [
    "--no-error-summary",
    "--cache-dir=/dev/null",
    "--no-pretty",
    "--show-error-codes",
    "--hide-error-context",
]


def _grouped(checkout: Path, files: Iterable[str], *, own: bool) -> list[tuple[tuple[str, ...], list[str]]]:
    """Files by the options that ruff needs for them; with a project's own ruff its settings say all."""
    groups: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in files:
        table = ruff_table(checkout, path)
        if table is None:
            groups[tuple(_FAULTS_ONLY)].append(path)
        else:
            rules = () if own else ruff_rules(table)
            groups[("--select", ",".join(rules)) if rules else ()].append(path)
    return list(groups.items())


def _json(output: str) -> list[Any] | None:
    try:
        reports = json.loads(output)
    except ValueError:
        return None
    return reports if isinstance(reports, list) else None


def _read(checker: str, form: re.Pattern[str], output: str, files: Sequence[str]) -> list[Finding]:
    matches = (form.match(line) for line in output.splitlines())
    found = ((m["path"].removeprefix("./"), m) for m in matches if m)
    return [
        _finding(checker, m["code"] or "error", m["text"], path, int(m["line"]))
        for path, m in found
        if path in files
    ]


def _finding(checker: str, code: str, text: str, path: str, line: int) -> Finding:
    standing = not _FAULT.match(code)
    return Finding(checker, Owner.CODER, f"{code}: {text}", path=path, line=line, contestable=standing)
