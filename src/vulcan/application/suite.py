"""Whole suites, run once for all that goes into them: the same files in the same environment, started the same way."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from vulcan.application.jobs.log import JobLog
from vulcan.application.ports import Checkout, PreparedEnvironment, TestRequest
from vulcan.application.services import Services
from vulcan.domain.codec import encode
from vulcan.domain.events import EnvironmentPrepared
from vulcan.domain.testing import TestRun

FORMAT = 1
"""Goes up when the same inputs come to mean other results, such as with another way to start the tests."""


def note_environment(log: JobLog, environment: PreparedEnvironment) -> None:
    """Record once with what dependencies the tests are run, and what is missing of them."""
    known = log.job.environment
    if known is None or known.digest != environment.digest:
        log.append(EnvironmentPrepared(environment.digest, environment.notes))


async def run_suite(services: Services, job: str, commit: str, base: str) -> TestRun:
    """The whole suite of a commit or tree, in a clean checkout of it."""
    async with services.checkouts.clean(job, commit, base) as checkout:
        return await suite_of(services, checkout, commit)


async def suite_of(services: Services, checkout: Checkout, commit: str) -> TestRun:
    """The whole suite of an open checkout; only a whole run is kept for the next time."""
    key = suite_key(services, checkout, commit)
    kept = services.runs.find(key)
    if kept is not None:
        return replace(kept, reused=True)
    request = services.tests.request()
    run = (await services.runner.run(checkout.path, checkout.environment, request)).run
    if not run.note:
        services.runs.keep(key, run)
    return run


def suite_key(services: Services, checkout: Checkout, commit: str) -> str:
    """Digest of all that goes into a run; a run in another sandbox, or with other limits, is another run."""
    environment = checkout.environment
    tree = services.repository.overlay(commit, commit, ())
    parts = {
        "format": FORMAT,
        "tree": tree,
        "environment": environment.digest,
        "python": environment.python,
        "variables": sorted(environment.environment.items()),
        "recipe": encode(environment.recipe),
        "request": _fingerprint(services.tests.request()),
        "limits": repr(services.limits),
        "sandbox": services.sandbox.name,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _fingerprint(request: TestRequest) -> list[object]:
    return [request.timeout, request.test_timeout, list(request.arguments)]
