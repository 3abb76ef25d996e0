"""Traces to Langfuse: its SDK makes the spans, this posts them, so that every batch is known to be there or not.

The SDK alone blocks at exit while the server is away, and drops what it could not send (docs/architecture/adr, watchers).
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from vulcan import __version__
from vulcan.application.observability.trace import Kind, Score, Span, Trace
from vulcan.application.prompts import FROM_LANGFUSE
from vulcan.domain.errors import NotSent, Refused, UserError
from vulcan.infrastructure.monitoring.http import request

CLOUD = "https://cloud.langfuse.com"
OLDEST = (3, 22)
"""Servers below have no OTLP endpoint."""

RELEASE = f"vulcan {__version__}"
Attributes = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LangfuseAccess:
    """Where Langfuse is and with which keys; `timeout` in seconds for one request."""

    public_key: str
    secret_key: str = field(repr=False)
    base_url: str = CLOUD
    environment: str = "default"
    timeout: float = 10.0

    @property
    def receiver(self) -> str:
        """Names server and project."""
        return f"{self.base_url} {self.public_key}"

    @property
    def authorization(self) -> str:
        """The header's value that proves who asks."""
        pair = f"{self.public_key}:{self.secret_key}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


class LangfuseSink:
    """Sends spans by OTLP and scores by REST, and asks the server's version first."""

    def __init__(self, access: LangfuseAccess) -> None:
        self._access = access
        self._headers = {"Authorization": access.authorization}
        self._host = f"Langfuse at {access.base_url}"
        self._asked = False
        self.latency: float | None = None

    def ready(self) -> None:
        """Ask for the server's version; raises `NotSent` where it does not answer or is too old."""
        answer = self._request("/api/public/health", {})
        try:
            version = str(json.loads(answer)["version"])
            known = tuple(int(part) for part in version.partition("-")[0].split(".")[:2])
        except (KeyError, TypeError, ValueError) as error:
            raise NotSent(
                f"{self._host} is no Langfuse server", hint="Check its URL.", again=False
            ) from error
        if known < OLDEST:
            raise NotSent(
                f"{self._host} has version {version}", hint="Vulcan needs 3.22 or newer.", again=False
            )
        self._asked = True

    def send(self, trace: Trace, spans: Sequence[Span]) -> None:
        """Deliver spans; returns once the server has them."""
        if not self._asked:
            self.ready()
        encoding = _encoding()
        marked = [(span, attributes_of(trace, span, self._access.environment)) for span in spans]
        body = encoding.encoder(self._access.public_key).encode(trace, marked)
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
            "x-langfuse-sdk-name": "python",
            "x-langfuse-public-key": self._access.public_key,
            "x-langfuse-ingestion-version": "4",
        }
        answer = self._request("/api/public/otel/v1/traces", headers, gzip.compress(body, 6))
        if rejected := encoding.rejection(answer):
            raise Refused(f"{self._host} rejects spans: {rejected}", again=False)

    def score(self, trace: Trace, score: Score) -> None:
        """Deliver one score, by the one form that servers of every version take."""
        if not self._asked:
            self.ready()
        body = {
            "id": score.id,
            "traceId": trace.id,
            "name": score.name,
            "value": score.value,
            "dataType": "BOOLEAN" if score.boolean else "NUMERIC",
            "comment": score.comment,
            "environment": self._access.environment,
        }
        headers = {"Content-Type": "application/json"}
        self._request("/api/public/scores", headers, json.dumps(body).encode())

    def _request(self, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
        url = self._access.base_url.rstrip("/") + path
        began = time.monotonic()
        answer = request(url, self._headers | headers, self._access.timeout, body, receiver=self._host)
        self.latency = time.monotonic() - began
        return answer


# ---------------------------------------------------------------------------------------------- mapping

_TYPES = {
    Kind.JOB: "span",
    Kind.STAGE: "span",
    Kind.AGENT: "agent",
    Kind.MODEL: "generation",
    Kind.TOOL: "tool",
}


def attributes_of(trace: Trace, span: Span, environment: str) -> Attributes:
    """A span in Langfuse's own words, which have precedence on the server over all others."""
    values: Attributes = {
        "langfuse.trace.name": "vulcan job",
        "langfuse.trace.tags": trace.tags,
        "session.id": trace.session,
        "user.id": trace.user,
        "langfuse.environment": environment,
        "langfuse.release": RELEASE,
        "langfuse.observation.type": _TYPES[span.kind],
        "langfuse.observation.input": span.input,
        "langfuse.observation.output": span.output,
    }
    if span.error:
        values |= {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": span.error}
    if span.kind is Kind.JOB:
        values |= {"langfuse.trace.input": span.input, "langfuse.trace.output": span.output}
    if span.kind is Kind.MODEL:
        values |= _of_a_model(span)
    values |= {f"langfuse.observation.metadata.{key}": value for key, value in span.metadata.items()}
    return {key: value for key, value in values.items() if value}


def _of_a_model(span: Span) -> Attributes:
    usage = span.usage
    values: Attributes = {
        "langfuse.observation.model.name": span.model,
        "langfuse.observation.usage_details": json.dumps(_tokens(span)),
        "langfuse.observation.prompt.name": span.prompt,
    }
    if usage.cost is None:  # then the server's own price list may know
        values["langfuse.observation.metadata.price"] = "unknown to Vulcan"
    else:
        values["langfuse.observation.cost_details"] = json.dumps({"total": usage.cost})
    if span.prompt_version:
        values["langfuse.observation.metadata.prompt_version"] = span.prompt_version
    managed = span.prompt_version.removeprefix(FROM_LANGFUSE)
    if (
        managed != span.prompt_version and managed.isdecimal()
    ):  # a packaged one's number is none of the server's
        values["langfuse.observation.prompt.version"] = int(managed)
    return values


def _tokens(span: Span) -> dict[str, int]:
    """Parts that the server sums: what is counted in a part of its own is taken out of the whole."""
    usage = span.usage
    fresh = usage.input_tokens - usage.cached_tokens
    written, thought = min(span.cache_write_tokens, fresh), min(span.reasoning_tokens, usage.output_tokens)
    details = {
        "input": fresh - written,
        "input_cached_tokens": usage.cached_tokens,
        "output": usage.output_tokens - thought,
    }
    return details | {
        name: count
        for name, count in (("input_cache_creation", written), ("output_reasoning_tokens", thought))
        if count > 0
    }


def _encoding() -> ModuleType:
    try:
        from vulcan.infrastructure.monitoring import encoding
    except ImportError as error:
        raise UserError(
            f"Langfuse is configured, but its SDK is missing: {error}",
            hint="Install it with: pip install 'vulcan-agent[langfuse]'",
        ) from error
    return encoding
