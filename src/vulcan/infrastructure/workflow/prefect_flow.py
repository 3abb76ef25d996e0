"""One attempt at a job as a Prefect flow run. Importing this imports Prefect."""

from __future__ import annotations

import logging
import signal
import threading
from contextlib import AbstractContextManager
from typing import Any

import httpx
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)
from prefect.states import Cancelled, Completed, Failed

from vulcan.domain.errors import VulcanError
from vulcan.domain.events import JobOutcome, Stage
from vulcan.domain.job import Ended, Next, Waiting, WaitingFor
from vulcan.infrastructure.workflow.pipeline import Pipeline, walk

_log = logging.getLogger(__name__)


def connected(api_url: str, client_retries: int) -> AbstractContextManager[Any]:
    """Prefect's settings for a job: this server, and never a temporary one of Prefect's own."""
    return temporary_settings(
        {
            PREFECT_API_URL: api_url,
            PREFECT_CLIENT_MAX_RETRIES: client_retries,
            PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False,
        }
    )


async def require_server(api_url: str) -> None:
    """Raise `VulcanError` unless the server answers."""
    async with get_client() as client:
        trouble = await client.api_healthcheck()
    if trouble is not None:
        raise VulcanError(
            f"the Prefect server at {api_url} can't be reached: {trouble or type(trouble).__name__}",
            hint="Start it (prefect server start), correct PREFECT_API_URL, or unset it to run jobs inline.",
        )


class Attempt:
    """One attempt at a job, which is claimed already."""

    def __init__(self, pipeline: Pipeline, job: str) -> None:
        self._pipeline = pipeline
        self._job = job
        self._error: BaseException | None = None
        self._sigterm = signal.getsignal(signal.SIGTERM)

    async def run(self) -> None:
        """Walk as a flow, and without it where Prefect itself fails: the log is the memory, not Prefect."""
        trouble: object = "its flow ended early"
        as_flow = flow(name="vulcan-job", flow_run_name=self._job, persist_result=False, retries=0)
        drive = as_flow(self._drive)
        try:
            await drive(return_state=True)
        except (httpx.HTTPError, OSError, PrefectException) as error:
            trouble = error
        if self._error is not None:
            raise self._error
        if isinstance(self._pipeline.next(self._job), Stage):
            _log.warning("job %s goes on without Prefect: %s", self._job, trouble)
            await walk(self._pipeline, self._job, self._advance)

    async def _drive(self) -> State[Any]:
        self._keep_sigterm()
        try:
            await walk(self._pipeline, self._job, self._advance_as_task)
        except VulcanError as error:
            self._error = error
            raise
        return _flow_state(self._pipeline.next(self._job))

    def _keep_sigterm(self) -> None:
        # Prefect has put a handler in place that would end the process's event loop from within.
        if threading.current_thread() is threading.main_thread() and self._sigterm is not None:
            signal.signal(signal.SIGTERM, self._sigterm)

    async def _advance_as_task(self, stage: Stage, round_: int) -> None:
        as_task = task(
            name=stage.value,
            task_run_name=f"{stage.value}/{round_}",
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=0,
        )
        run_stage: Any = as_task(
            self._advance_to_state
        )  # its types don't know an async task with return_state
        await run_stage(return_state=True)
        if self._error is not None:
            raise self._error

    async def _advance_to_state(self) -> State[Any]:
        try:
            await self._pipeline.advance(self._job)
        except BaseException as error:
            self._error = error
            raise
        return _task_state(self._pipeline.next(self._job))

    async def _advance(self, stage: Stage, round_: int) -> None:
        del stage, round_
        await self._pipeline.advance(self._job)


def _task_state(due: Next) -> State[Any]:
    """A stage that has failed leaves its job waiting for another worker."""
    if isinstance(due, Waiting) and due.waiting_for is WaitingFor.RESUME:
        return Failed(message=due.reason)
    return Completed(message=_words(due))


def _flow_state(due: Next) -> State[Any]:
    if due in (Ended(JobOutcome.FAILED), Ended(JobOutcome.NOT_STARTED)):
        return Failed(message=_words(due))
    if due == Ended(JobOutcome.CANCELLED):
        return Cancelled(message=_words(due))
    return _task_state(due)


def _words(due: Next) -> str:
    if isinstance(due, Stage):
        return f"next: {due.value}"
    if isinstance(due, Ended):
        return f"ended: {due.outcome.value}"
    return f"waits for {due.waiting_for.value}: {due.reason}"
