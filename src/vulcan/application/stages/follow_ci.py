"""follow_ci: wait for the forge's pipeline on the pull request's head."""

from __future__ import annotations

from vulcan.application.jobs.effects import perform
from vulcan.application.jobs.log import JobLog
from vulcan.application.services import Services
from vulcan.domain.errors import VulcanError
from vulcan.domain.events import PipelineFinished


async def follow_ci(services: Services, log: JobLog) -> None:
    """Run the project's checks in the forge and record how they ended."""
    commit = log.job.newest_commit
    pipelines = services.forge.pipelines

    async def look_up() -> str:
        run = await pipelines.find(commit)
        return run.id if run else ""

    async def act() -> str:
        return (await pipelines.run(commit)).id

    await perform(log, f"follow_ci/{commit}", f"run the checks on {commit[:10]}", look_up=look_up, act=act)
    run = await pipelines.find(commit)
    if run is None:
        raise VulcanError(f"the forge has no pipeline run on {commit[:10]}")
    log.append(PipelineFinished(run.id, run.commit, run.passed, run.log))
