"""Whether the services that watch jobs answer: one small request to each."""

from __future__ import annotations

from vulcan.infrastructure.monitoring.http import request
from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess

SECONDS = 10.0


def ask_langfuse(access: LangfuseAccess) -> str:
    """Where Langfuse is; raises `NotSent` where it does not answer, or not with these keys."""
    headers = {"Authorization": access.authorization}
    url = access.base_url.rstrip("/")
    request(f"{url}/api/public/projects", headers, SECONDS, receiver="Langfuse")
    return url


def ask_collector(endpoint: str, headers: dict[str, str]) -> str:
    """Where the collector is; it is sent no metrics, which is fine by the protocol."""
    url = f"{endpoint.rstrip('/')}/v1/metrics"
    sent = {"Content-Type": "application/json", **headers}
    request(url, sent, SECONDS, b'{"resourceMetrics":[]}', receiver="the collector")
    return url


def ask_prefect(url: str) -> str:
    """Where the Prefect server is."""
    request(f"{url.rstrip('/')}/health", {}, SECONDS, receiver="Prefect")
    return url
