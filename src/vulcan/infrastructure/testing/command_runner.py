"""Runs a project's own test command in a single-use box, and reads what it reports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vulcan.application.ports import (
    Box,
    CommandResult,
    Limits,
    PreparedEnvironment,
    Sandbox,
    TestRequest,
    TestRunResult,
)
from vulcan.domain.environment import Recipe, ReportForm
from vulcan.domain.testing import Outcome, TestResult, TestRun
from vulcan.infrastructure.testing.emptying import empty_lines
from vulcan.infrastructure.testing.reports import exit_code, go, junit, node, tap
from vulcan.infrastructure.testing.reports.go_cover import covered
from vulcan.infrastructure.testing.reports.parsed import DamagedReportError, Report, asked, merged
from vulcan.infrastructure.testing.single_use import (
    OUTPUT_SHOWN,
    REPORT_TARGET,
    TEMPORARY,
    how_it_ended,
    read_report_file,
    report_folder,
    test_box,
    too_much,
)
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

PRINTED, FILES, NODE_REPORT, MODULES, COVER = "printed", "files", "node.jsonl", "modules", "cover.out"
NODE_REPORTER = "vulcan_node.mjs"
SHELL = ("/bin/bash", "-o", "pipefail", "-c")
MOST_FILES = 5_000
NOTE_OUTPUT = 2_000
NOT_EMPTIED = "the functions of the change can't be emptied"
BAD = frozenset({Outcome.FAILED, Outcome.ERROR})
PARSERS: Mapping[ReportForm, Callable[[Report], tuple[TestResult, ...]]] = {
    ReportForm.JUNIT: junit.parse,
    ReportForm.TAP: tap.parse,
    ReportForm.GO: go.parse,
    ReportForm.NODE: node.parse,
}
_GO_NAME = re.compile(r"^\w+$")


@dataclass(frozen=True, slots=True)
class _Left:
    """What a command left: its reports, and what it printed beside them."""

    texts: tuple[str, ...]
    printed: str
    modules: tuple[str, ...]
    cover: str


class CommandRunner:
    """The `TestRunner` for whatever a command line can start, in any language."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._sandbox, self._toolbox, self._limits = sandbox, toolbox, limits

    async def run(
        self, checkout: Path, environment: PreparedEnvironment, request: TestRequest
    ) -> TestRunResult:
        """Run the command on a checkout; of tests that can't be asked for one by one all run, and are left out."""
        recipe = environment.recipe
        with report_folder(checkout, self._sandbox) as folder:
            async with test_box(
                self._sandbox, self._toolbox, self._limits, checkout, environment, folder
            ) as box:
                variables = _variables(box, recipe, request)
                if request.empty_bodies and not await empty_lines(box, request.empty_bodies, variables):
                    return TestRunResult(TestRun((), 2, note=NOT_EMPTIED))
                result = await box.run(
                    [*SHELL, _script(box, recipe, request)],
                    timeout=request.timeout,
                    output_limit=OUTPUT_SHOWN,
                    environment=variables,
                )
                root = box.workspace_path
            return _judged(_read(folder, recipe), root, recipe, request, result)


# ---------------------------------------------------------------------------------------- how it is started


def _script(box: Box, recipe: Recipe, request: TestRequest) -> str:
    """The command in the recipe's folder; its output, or the files that it writes, end up beside the checkout."""
    report = box.inside(REPORT_TARGET)
    command = (
        shlex.join([*shlex.split(recipe.command), *request.arguments])
        if request.arguments
        else recipe.command
    )
    lines = [f"cd {shlex.quote(str(PurePosixPath(box.workspace_path, recipe.path)))} || exit 126"]
    if recipe.report is ReportForm.GO:
        lines += [
            '[ ! -d vendor ] || export GOFLAGS="$GOFLAGS -mod=vendor"',
            f"GOFLAGS= go list -m >{report}/{MODULES}",
        ]
    files = _pattern(recipe.report_path)
    if files:
        lines.append(f"rm -rf -- {files}")
    lines += [f"( {command}\n) >{report}/{PRINTED}", "code=$?"]
    if files:
        lines += [f"mkdir {report}/{FILES}", f"cp --parents -- {files} {report}/{FILES}/"]
    return "\n".join([*lines, "exit $code"])


def _pattern(path: str) -> str:
    """A path for the shell, whose stars and question marks it may expand."""
    return "".join(part if part in "*?" else shlex.quote(part) for part in re.split(r"([*?])", path) if part)


def _variables(box: Box, recipe: Recipe, request: TestRequest) -> dict[str, str]:
    temporary = box.inside(TEMPORARY)
    variables = {"CI": "true", "npm_config_cache": f"{temporary}/.npm", "npm_config_update_notifier": "false"}
    if recipe.report is ReportForm.NODE:
        variables["NODE_OPTIONS"] = (
            f"--test-reporter={box.inside(TARGET)}/{NODE_REPORTER} "
            f"--test-reporter-destination={box.inside(REPORT_TARGET)}/{NODE_REPORT}"
        )
    if recipe.report is ReportForm.GO:
        variables |= {
            "GOFLAGS": " ".join(_go_flags(box, recipe, request)),
            "GOCACHE": f"{temporary}/go-build",
            "GOPATH": f"{temporary}/go",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
        }
    return variables


def _go_flags(box: Box, recipe: Recipe, request: TestRequest) -> Iterable[str]:
    yield "-count=1"
    if "-json" not in recipe.command:
        yield "-json"
    names = {test.partition("::")[2].partition("/")[0] for test in request.ids}
    if names and all(map(_GO_NAME.match, names)):
        yield f"-run=^({'|'.join(sorted(names))})$"
    if request.measure:
        yield f"-coverprofile={box.inside(REPORT_TARGET)}/{COVER}"


# ------------------------------------------------------------------------------------------ what it says


def _read(folder: Path, recipe: Recipe) -> _Left | None:
    """What lies in the report's folder; None if any of it is too long."""
    printed = read_report_file(folder / PRINTED)
    if recipe.report is ReportForm.NODE:
        texts: list[str | None] = [read_report_file(folder / NODE_REPORT)]
    elif recipe.report_path:
        texts = [read_report_file(path) for path in _files(folder / FILES)]
    else:
        texts = [printed]
    more = [read_report_file(folder / name) for name in (MODULES, COVER)]
    if None in (printed, *texts, *more) or sum(map(len, filter(None, texts))) > 2 * len(texts) * 64 * 1024**2:
        return None
    return _Left(
        tuple(text for text in texts if text), printed or "", tuple((more[0] or "").split()), more[1] or ""
    )


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if not path.is_symlink() and path.is_file())
    return found[:MOST_FILES]


def _judged(
    left: _Left | None, root: str, recipe: Recipe, request: TestRequest, result: CommandResult
) -> TestRunResult:
    """What the report says, checked against how the command ended."""
    if left is None:
        return too_much(result)
    note = how_it_ended(request, result)
    folder = "" if recipe.path == "." else recipe.path
    reports = [Report(text, result.output, root, folder, left.modules) for text in left.texts]
    try:
        results = _results(reports or [Report("", result.output, root, folder)], recipe, result)
    except DamagedReportError as error:
        results, note = (), note or _no_report(left, recipe, result, str(error))
    note = note or _contradiction(results, recipe, result, left)
    kept = asked(results, request.ids) if recipe.report is not ReportForm.EXIT_CODE else results
    run = TestRun(kept, result.exit_code, round(result.duration, 3), note)
    lines, statements = covered(left.cover, left.modules, folder, request.measure)
    return TestRunResult(run, lines, statements)


def _results(reports: Iterable[Report], recipe: Recipe, result: CommandResult) -> tuple[TestResult, ...]:
    if recipe.report is ReportForm.EXIT_CODE:
        return tuple(
            r for report in reports for r in exit_code.parse(report, recipe.command, result.exit_code)
        )
    parse = PARSERS[recipe.report]
    return merged([test for report in reports for test in parse(report)])


def _no_report(left: _Left, recipe: Recipe, result: CommandResult, why: str) -> str:
    printed = f"{left.printed[-NOTE_OUTPUT:]}\n{result.output}".strip()[-NOTE_OUTPUT:]
    if left.texts:
        return f"the tests' report is damaged: {why[:300]}"
    where = recipe.report_path or "its output"
    return (
        f"`{recipe.command}` ended with exit code {result.exit_code} and left no {recipe.report.value} report in "
        f"{where}:\n{printed}"
    )


KILLED = frozenset({130, 132, 134, 135, 136, 137, 139, 141, 143, 152, 153})
"""Exit codes that shells give for signals that end a program: its report can break off between two tests."""


def _contradiction(
    results: tuple[TestResult, ...], recipe: Recipe, result: CommandResult, left: _Left
) -> str:
    """An exit code that denies the report: something else failed, or somebody wrote the report."""
    bad = sum(r.outcome in BAD for r in results)
    if result.exit_code == 0 and bad:
        return f"`{recipe.command}` ended with exit code 0, yet {bad} tests failed in its report"
    if result.exit_code in KILLED and result.exit_code != bad:  # mocha's exit code is the number of failures
        return f"`{recipe.command}` was stopped by signal {result.exit_code - 128}: its report may lack tests"
    if result.exit_code and not bad:
        printed = f"{left.printed[-NOTE_OUTPUT:] if recipe.report_path else ''}\n{result.output}".strip()
        return f"`{recipe.command}` ended with exit code {result.exit_code}, yet no test failed in its report:\n{printed}"
    return ""
