"""The project's checks, as the local forge's pipeline runs them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from vulcan.application.ports import BoxSpec, Checkout
from vulcan.application.services import Services
from vulcan.application.suite import run_suite, suite_key, suite_of
from vulcan.application.testpaths import is_test_path
from vulcan.domain.environment import ReportForm
from vulcan.domain.generation import ChangeKind, CodeArtifact
from vulcan.domain.testing import Outcome, TestRun

SHOWN = 20
BAD = frozenset({Outcome.FAILED, Outcome.ERROR})
JOB = "pipeline"


class ProjectChecks:
    """All tests, and the commands that the project names; what failed before the change does not count.

    A suite that was run on the same files already is not run again: the evidence has run the existing tests on the
    change, so that of a change that only adds test files these are what is left to run.
    """

    def __init__(self, services: Services, commands: Sequence[str] = ()) -> None:
        self._services, self._commands = services, commands

    async def run(self, commit: str, base: str) -> tuple[bool, str, float]:
        """Whether the checks pass on `commit`, what they said, and seconds."""
        started = time.monotonic()
        run, tests = await self._tests(commit, base)
        failed = {r.id: r for r in run.results if r.outcome in BAD}
        known = await self._known_failures(base) if failed and base and base != commit else set()
        fresh = [r for test, r in failed.items() if test not in known]
        lines = [_headline(run, tests)]
        lines += [f"{r.id}: {r.outcome.value}\n{r.message}" for r in fresh[:SHOWN]]
        if known & set(failed):
            lines.append(f"{len(known & set(failed))} of these failed before the change already")
        passed = not fresh and not run.note
        for command in self._commands:
            ok, text = await self._command(commit, base, command)
            passed = passed and ok
            lines.append(f"$ {command}\n{text}")
        return passed, "\n".join(lines), time.monotonic() - started

    async def _tests(self, commit: str, base: str) -> tuple[TestRun, str]:
        async with self._services.checkouts.clean(JOB, commit, base) as checkout:
            run = await self._beside_known(checkout, commit, base)
            run = run or await suite_of(self._services, checkout, commit)
            recipe = checkout.environment.recipe
        return run, recipe.command or recipe.report.value

    async def _beside_known(self, checkout: Checkout, commit: str, base: str) -> TestRun | None:
        """The kept run of the existing tests on this change, and the test files that it adds; None without one."""
        services, recipe = self._services, checkout.environment.recipe
        changed = services.repository.changes(base, commit) if base and base != commit else ()
        tests = [a for a in changed if is_test_path(a.path)]
        if recipe.command or recipe.report is not ReportForm.PYTEST or not all(map(_only_adds, tests)):
            return None
        added = tuple(a.path for a in tests)
        if not added:
            return None
        existing = services.repository.overlay(commit, base, added)
        kept = services.runs.find(suite_key(services, checkout, existing))
        if kept is None:
            return None
        request = replace(services.tests.request(), ids=added, beside_all=True)
        new = (await services.runner.run(checkout.path, checkout.environment, request)).run
        results = {r.id: r for r in (*kept.results, *new.results)}
        return replace(new, results=tuple(results.values()), reused=True)

    async def _known_failures(self, base: str) -> set[str]:
        run = await run_suite(self._services, JOB, base, base)
        return {r.id for r in run.results if r.outcome in BAD}

    async def _command(self, commit: str, base: str, command: str) -> tuple[bool, str]:
        services = self._services
        async with services.checkouts.clean(JOB, commit, base) as checkout:
            environment = checkout.environment
            spec = BoxSpec(
                checkout.path,
                True,
                environment.mounts,
                dict(environment.environment),
                services.limits,
                overlay=True,
            )
            async with services.sandbox.open(spec) as box:
                result = await box.run(["/bin/bash", "-c", command], timeout=services.tests.timeout)
        return result.exit_code == 0, f"exit code {result.exit_code}\n{result.output}"


def _headline(run: TestRun, command: str) -> str:
    counts = ", ".join(f"{n} {o.value}" for o, n in run.counts.items()) or "no tests"
    kept = "; existing tests as the evidence has run them on these files" if run.reused else ""
    return f"$ {command}: {counts}{f' ({run.note})' if run.note else ''}{kept}"


def _only_adds(artifact: CodeArtifact) -> bool:
    """Whether a file of the change adds tests and can't alter others: no data, nothing that other tests load."""
    path = PurePosixPath(artifact.path)
    collected = path.name.startswith("test") or path.stem.endswith("_test")
    return artifact.kind is ChangeKind.ADDED and path.suffix == ".py" and collected
