"""A recording Langfuse: its OTLP, score, prompt and health endpoints on a real socket, with faults to order.

Like the real one it keeps one span and one score for each id, whatever is sent again.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

Span = dict[str, Any]
PROMPTS = "/api/public/v2/prompts"


class LangfuseServer:
    """`fault` may be set at any time: a status, `slow`, `cut`, or a function of the request's path and body.

    The health endpoint has no faults, unless `sick` is set. Every answer takes `delay` seconds.
    """

    def __init__(self, version: str = "4.16.0") -> None:
        self.version = version
        self.fault: int | str | Callable[[str, bytes], int] = 0
        self.sick, self.delay = False, 0.0
        self.headers: dict[str, str] = {}
        self.spans: dict[str, Span] = {}
        self.scores: dict[str, dict[str, Any]] = {}
        self.received: list[Span] = []
        self.posts = 0
        self.bodies: list[bytes] = []
        self.rejects = 0
        self.prompts: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - the handler's self is the inner one
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None: ...

            def do_GET(self) -> None:
                self._serve(b"")

            def do_POST(self) -> None:
                self._serve(self.rfile.read(int(self.headers["Content-Length"])))

            def _serve(self, body: bytes) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    status, content = outer._answer(self.path, dict(self.headers), body)
                    if status == -1:
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    self.send_response(status)
                    if status == 429:
                        self.send_header("Retry-After", "7")
                    if status == 302:
                        self.send_header("Location", f"{outer.url}/elsewhere")
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

        return Handler

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        fault = self.fault(path, body) if callable(self.fault) else self.fault
        self._released.wait(self.delay)
        health = path.endswith("/health")
        if health and not self.sick:
            fault = 0
        self.posts += not health
        if fault == "slow":
            self._released.wait(60)
        if fault == "cut":
            return -1, b""
        if isinstance(fault, int) and fault:
            return fault, b"as ordered"
        if health:
            return 200, json.dumps({"status": "OK", "version": self.version}).encode()
        if path == "/api/public/projects":
            return 200, b'{"data":[]}'
        with self._lock:
            self.headers = headers
            if path.startswith(PROMPTS):
                return self._store_prompt(json.loads(body)) if body else self._find_prompt(path)
            return 200, self._keep(path, body)

    def _store_prompt(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        versions = self.prompts.setdefault(asked["name"], [])
        labels = [*dict.fromkeys([*(asked.get("labels") or []), "latest"])]
        for other in versions:  # a label is at one version only
            other["labels"] = [label for label in other["labels"] if label not in labels]
        made = {"type": "text", "config": {}, "tags": [], "commitMessage": None}
        made |= {key: value for key, value in asked.items() if value is not None}
        made |= {"version": len(versions) + 1, "labels": labels}
        versions.append(made)
        return 201, json.dumps(made).encode()

    def _find_prompt(self, path: str) -> tuple[int, bytes]:
        asked = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(asked.query).items()}
        versions = self.prompts.get(unquote(asked.path.removeprefix(f"{PROMPTS}/")), [])
        label = query.get("label", "production")
        for each in versions:
            if (
                (str(each["version"]) == query["version"])
                if "version" in query
                else (label in each["labels"])
            ):
                return 200, json.dumps(each).encode()
        return 404, b'{"message":"Prompt not found","error":"LangfuseNotFoundError"}'

    def _keep(self, path: str, body: bytes) -> bytes:
        if path == "/api/public/scores":
            score = json.loads(body)
            self.scores[score["id"]] = score
            self.bodies.append(body)
            return json.dumps({"id": score["id"]}).encode()
        assert path == "/api/public/otel/v1/traces", path
        raw = gzip.decompress(body)
        self.bodies.append(raw)
        for span in decoded(raw):
            self.received.append(span)
            self.spans[span["id"]] = span
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejects
        return answer.SerializeToString()


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return (
        [_plain(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind)
    )


def decoded(body: bytes) -> list[Span]:
    """The spans of an OTLP request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        {
            "id": span.span_id.hex(),
            "trace": span.trace_id.hex(),
            "parent": span.parent_span_id.hex(),
            "name": span.name,
            "start": span.start_time_unix_nano / 1e9,
            "end": span.end_time_unix_nano / 1e9,
            "status": span.status.code,
            "scope": scope.scope.name,
            "resource": {a.key: a.value.string_value for a in group.resource.attributes},
            "attributes": {a.key: _plain(a.value) for a in span.attributes},
        }
        for group in request.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
