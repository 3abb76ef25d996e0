"""An OpenAI-compatible server whose replies, and faults, are a script."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Answer = dict[str, Any]


def text(content: str) -> Answer:
    return {"content": content}


def calls(*named: tuple[str, Any]) -> Answer:
    """Tool calls; arguments that are no dict are sent as they are, valid or not."""
    return {
        "tool_calls": [
            {
                "index": n,
                "id": f"call_{n}",
                "type": "function",
                "function": {"name": name, "arguments": a if isinstance(a, str) else json.dumps(a)},
            }
            for n, (name, a) in enumerate(named)
        ]
    }


def status(code: int, **headers: str) -> Answer:
    return {"status": code, "headers": headers}


CUT = {"cut": True}
SILENT = {"silent": True}
GARBAGE = {"raw": b"data: {not json\n\n"}
HTML = {"raw": b"<html>bad gateway</html>", "type": "text/html"}
EMPTY = {"raw": b"", "type": "text/event-stream"}


class ModelServer:
    """Answers from `script` (a list, or a function of the request); remembers requests."""

    def __init__(self, script: list[Answer] | Callable[[Body], Answer]) -> None:
        self.requests: list[Body] = []
        self._script = script
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def answer(self, body: Body) -> Answer:
        with self._lock:
            self.requests.append(body)
            if not callable(self._script):
                return self._script[min(len(self.requests), len(self._script)) - 1]
        return self._script(body)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with suppress(ConnectionError):  # whoever asked was killed meanwhile
                    outer.send(self, outer.answer(body))

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.get("silent"):
            self._stop.wait(30)
            handler.close_connection = True
            return
        handler.close_connection = True
        handler.send_response(answer.get("status", 200))
        for name, value in answer.get("headers", {}).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-type", answer.get("type", "text/event-stream"))
        handler.send_header("connection", "close")
        handler.end_headers()
        if "status" in answer:
            said = {"error": {"message": answer.get("said", "scripted")}}
            handler.wfile.write(json.dumps(said).encode())
            return
        if "raw" in answer:
            handler.wfile.write(answer["raw"])
            return
        for chunk in chunks(answer):
            handler.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            handler.wfile.flush()
            if answer.get("cut"):
                return
        handler.wfile.write(b"data: [DONE]\n\n")


def chunks(answer: Answer) -> Iterator[Body]:
    """A streamed completion: the text in two pieces, each tool call in two."""
    content = answer.get("content", "half of")
    half = len(content) // 2 if "tool_calls" not in answer else 0
    if "tool_calls" not in answer:
        yield {"choices": [{"index": 0, "delta": {"role": "assistant", "content": content[:half]}}]}
        yield {"choices": [{"index": 0, "delta": {"content": content[half:]}}]}
    for call in answer.get("tool_calls", ()):
        function = call["function"]
        middle = len(function["arguments"]) // 2
        first = call | {"function": {"name": function["name"], "arguments": function["arguments"][:middle]}}
        rest = {"index": call["index"], "function": {"arguments": function["arguments"][middle:]}}
        yield {"choices": [{"index": 0, "delta": {"tool_calls": [first]}}]}
        yield {"choices": [{"index": 0, "delta": {"tool_calls": [rest]}}]}
    reason = answer.get("stop") or ("tool_calls" if "tool_calls" in answer else "stop")
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 7}}


@contextmanager
def serving(script: list[Answer] | Callable[[Body], Answer]) -> Iterator[ModelServer]:
    server = ModelServer(script)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        time.sleep(0)
