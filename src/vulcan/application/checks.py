"""The project's checks, as the local forge's pipeline runs them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from vulcan.application.ports import BoxSpec
from vulcan.application.services import Services
from vulcan.domain.testing import Outcome, TestRun

SHOWN = 20
BAD = frozenset({Outcome.FAILED, Outcome.ERROR})


class ProjectChecks:
    """All tests, and the commands that the project names; what failed before the change does not count."""

    def __init__(self, services: Services, commands: Sequence[str] = ()) -> None:
        self._services, self._commands = services, commands

    async def run(self, commit: str, base: str) -> tuple[bool, str, float]:
        """Whether the checks pass on `commit`, what they said, and seconds."""
        started = time.monotonic()
        run = await self._tests(commit)
        failed = {r.id: r for r in run.results if r.outcome in BAD}
        known = await self._known_failures(base) if failed and base and base != commit else set()
        fresh = [r for test, r in failed.items() if test not in known]
        counts = ", ".join(f"{n} {o.value}" for o, n in run.counts.items()) or "no tests"
        lines = [f"$ pytest: {counts}{f' ({run.note})' if run.note else ''}"]
        lines += [f"{r.id}: {r.outcome.value}\n{r.message}" for r in fresh[:SHOWN]]
        if known & set(failed):
            lines.append(f"{len(known & set(failed))} of these failed before the change already")
        passed = not fresh and not run.note
        for command in self._commands:
            ok, text = await self._command(commit, command)
            passed = passed and ok
            lines.append(f"$ {command}\n{text}")
        return passed, "\n".join(lines), time.monotonic() - started

    async def _tests(self, commit: str) -> TestRun:
        request = self._services.tests.request()
        async with self._services.checkouts.clean("pipeline", commit) as checkout:
            return (await self._services.runner.run(checkout.path, checkout.environment, request)).run

    async def _known_failures(self, base: str) -> set[str]:
        return {r.id for r in (await self._tests(base)).results if r.outcome in BAD}

    async def _command(self, commit: str, command: str) -> tuple[bool, str]:
        services = self._services
        async with services.checkouts.clean("pipeline", commit) as checkout:
            environment = checkout.environment
            spec = BoxSpec(
                checkout.path, True, environment.mounts, dict(environment.environment), services.limits
            )
            async with services.sandbox.open(spec) as box:
                result = await box.run(["/bin/bash", "-c", command], timeout=services.tests.timeout)
        return result.exit_code == 0, f"exit code {result.exit_code}\n{result.output}"
