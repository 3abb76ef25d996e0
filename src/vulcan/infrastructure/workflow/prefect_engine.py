"""Jobs driven as Prefect flows: one flow run for each attempt at a job, one task run for each stage.

Prefect schedules and shows; the job's memory is its log alone. So nothing is cached, persisted or retried by
Prefect, a job that waits ends its flow, and the next attempt is a new flow run. This module is light: Prefect
itself, which takes more than a second to import, comes with `prefect_flow` when a job is first driven.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from vulcan.domain.errors import UserError
from vulcan.infrastructure.workflow.pipeline import Pipeline, claimed, released_when_stopped


class PrefectEngine:
    """Drives jobs through a running Prefect server; never starts a server itself.

    Args:
        pipeline: the job's side.
        api_url: of the server, as in `http://127.0.0.1:4200/api`.
        client_retries: how often a request is tried again, after 2, 4, 8, ... seconds, while the server is
            away; after that the job goes on without Prefect.
    """

    def __init__(self, pipeline: Pipeline, *, api_url: str, client_retries: int = 4) -> None:
        if not api_url:
            raise UserError(
                "no Prefect server is configured",
                hint="Set PREFECT_API_URL to a running server (prefect server start), or run the job inline.",
            )
        self._pipeline = pipeline
        self._api_url = api_url.rstrip("/")
        self._client_retries = client_retries

    async def run(self, job: str) -> None:
        """Work on the job until it waits for a person or has ended.

        Raises:
            VulcanError: the server can't be reached; nothing was claimed, the caller may run the job inline.
        """
        prefect_flow = _prefect_flow()
        with prefect_flow.connected(self._api_url, self._client_retries):
            await prefect_flow.require_server(self._api_url)
            if not await claimed(self._pipeline, job):
                return
            async with released_when_stopped(self._pipeline, job):
                await prefect_flow.Attempt(self._pipeline, job).run()


def _prefect_flow() -> ModuleType:
    """What drives flows; heavy, so imported late."""
    try:
        with _own_logging():
            from vulcan.infrastructure.workflow import prefect_flow  # noqa: PLC0415
    except ImportError as error:
        raise UserError(
            f"PREFECT_API_URL is set, but Prefect can't be used: {error}",
            hint="Install it (pip install 'vulcan[prefect]'), or unset PREFECT_API_URL to run jobs inline.",
        ) from error
    return prefect_flow


@contextmanager
def _own_logging() -> Iterator[None]:
    # Importing Prefect puts its console in place of the root logger's handlers.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("prefect").propagate = False  # its server shows what it logs
