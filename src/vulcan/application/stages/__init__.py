"""The stages: each reads the job, does its part and appends what happened; none calls another."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from vulcan.application.jobs.pipeline import StageFunction
from vulcan.application.services import Services
from vulcan.application.stages.analyze import analyze
from vulcan.application.stages.deliver import deliver
from vulcan.application.stages.follow_ci import follow_ci
from vulcan.application.stages.generate import generate
from vulcan.application.stages.judge import judge
from vulcan.application.stages.prepare import prepare
from vulcan.application.stages.release import release
from vulcan.application.stages.run_tests import run_tests
from vulcan.application.stages.validate import validate
from vulcan.application.stages.write_tests import write_tests
from vulcan.domain.events import Stage


def stage_functions(services: Services) -> Mapping[Stage, StageFunction]:
    """All stages, bound to the services of one project."""
    return {
        Stage.PREPARE: partial(prepare, services),
        Stage.ANALYZE: partial(analyze, services),
        Stage.GENERATE: partial(generate, services),
        Stage.VALIDATE: partial(validate, services),
        Stage.WRITE_TESTS: partial(write_tests, services),
        Stage.RUN_TESTS: partial(run_tests, services),
        Stage.JUDGE: partial(judge, services),
        Stage.DELIVER: partial(deliver, services),
        Stage.FOLLOW_CI: partial(follow_ci, services),
        Stage.RELEASE: partial(release, services),
    }
