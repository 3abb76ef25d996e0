"""The figures for a Prometheus server to fetch: GET /metrics on the standard library's HTTP server."""

from __future__ import annotations

import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from vulcan.domain.errors import UserError, VulcanError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOCAL = "127.0.0.1"
LONGEST_REQUEST = 10.0
_HIGHEST_PORT = 65_535


class MetricsEndpoint:
    """Serves what `text` gives at the moment of each request.

    Args:
        text: the exposition; called once a request, at times by several threads.
        host: address to listen on.
        port: 0 takes a free one; `url` tells which.
    """

    def __init__(self, text: Callable[[], str], host: str = LOCAL, port: int = 0) -> None:
        self._text = text
        try:
            self._server = _server(host, port, self._handler())
        except OSError as error:
            raise UserError(
                f"{host}:{port} can't be listened on: {error.strerror or error}",
                hint="Choose another port; 0 takes a free one.",
            ) from error

    @property
    def url(self) -> str:
        """Where the figures are."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else host
        return f"http://{name!s}:{port}/metrics"

    def serve(self) -> None:
        """Answer until `stop` is called, or an exception such as KeyboardInterrupt ends it."""
        self._server.serve_forever(poll_interval=0.1)

    def stop(self) -> None:
        """Make `serve`, which runs in another thread, return."""
        self._server.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        text = self._text

        class Handler(BaseHTTPRequestHandler):
            timeout = LONGEST_REQUEST  # a client that says nothing does not keep a thread

            def log_message(self, *_: object) -> None:
                """Scrapes are no news."""

            def do_GET(self) -> None:
                """Answer a scrape."""
                self._answer(*self._found())

            def do_HEAD(self) -> None:
                """Answer without the figures."""
                self._answer(*self._found())

            def _found(self) -> tuple[int, str, str]:
                if self.path.partition("?")[0] != "/metrics":
                    return 404, "text/plain; charset=utf-8", "the figures are at /metrics\n"
                try:
                    return 200, CONTENT_TYPE, text()
                except VulcanError as error:  # a later scrape may find the log again
                    return 503, "text/plain; charset=utf-8", f"{error.message}\n"

            def _answer(self, status: int, kind: str, content: str) -> None:
                body = content.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler


def _server(host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that went away is no error of ours."""

    return Server((host, port), handler)


def address_of(text: str) -> tuple[str, int]:
    """Host and port of `[HOST:]PORT`; an IPv6 address may stand in brackets."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > _HIGHEST_PORT:
        raise UserError(
            f"{text} is no address to serve on", hint="Write PORT or HOST:PORT, such as 9464 or 0.0.0.0:9464."
        )
    return host.strip("[]") or LOCAL, int(port)
