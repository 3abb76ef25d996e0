"""A stand-in for every provider: it speaks the wire format of the path that it is asked at, and follows a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fakes.model_server import Answer
from fakes.wires import Said, Wire, wire_of

Body = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    raw: bytes
    wire: str

    @property
    def body(self) -> Body:
        return json.loads(self.raw)

    @property
    def words(self) -> str:
        return self.raw.decode()


class ProviderServer:
    """Answers from a script, as `ModelServer` does; what it knows of a request is the names of its tools."""

    def __init__(self, script: list[Answer] | Callable[[Body], Answer]) -> None:
        self.asked: list[Asked] = []
        self._script, self._lock = script, threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                with suppress(ConnectionError):
                    outer.answer(self, raw)

            def log_message(self, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler, raw: bytes) -> None:
        wire, body = wire_of(handler.path), json.loads(raw)
        with self._lock:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            self.asked.append(Asked(handler.path, headers, raw, type(wire).__name__))
            number = len(self.asked)
            answer = self._next(number, wire, body)
        model = body.get("model") or handler.path.rpartition("models/")[2].partition(":")[0]
        _send(handler, wire, Said(number, answer, model), streamed=wire.streamed(handler.path, body))

    def _next(self, number: int, wire: Wire, body: Body) -> Answer:
        if not callable(self._script):
            return self._script[min(number, len(self._script)) - 1]
        tools = [{"function": {"name": name}} for name in wire.tools(body)]
        return self._script({"tools": tools, "messages": body})


def _send(handler: BaseHTTPRequestHandler, wire: Wire, said: Said, *, streamed: bool) -> None:
    answer = said.answer
    handler.close_connection = True
    handler.send_response(answer.get("status", 200))
    for name, value in answer.get("headers", {}).items():
        handler.send_header(name.replace("_", "-"), value)
    kind = wire.stream_type if streamed and "status" not in answer else "application/json"
    handler.send_header("content-type", kind)
    handler.send_header("connection", "close")
    if "status" in answer:
        told = answer.get("body") or wire.refusal(answer["status"], answer.get("said", "scripted"))
        _whole(handler, json.dumps(told).encode())
    elif not streamed:
        whole = json.dumps(wire.whole(said)).encode()
        _whole(handler, whole, cut=bool(answer.get("cut")))
    else:
        handler.end_headers()
        for number, frame in enumerate(wire.frames(said)):
            if answer.get("cut") and number == 2:
                return
            handler.wfile.write(frame)
            handler.wfile.flush()


def _whole(handler: BaseHTTPRequestHandler, body: bytes, *, cut: bool = False) -> None:
    handler.send_header("content-length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if cut else body)


@contextmanager
def providing(script: list[Answer] | Callable[[Body], Answer]) -> Iterator[ProviderServer]:
    server = ProviderServer(script)
    server.start()
    try:
        yield server
    finally:
        server.stop()


MODELS = {
    "anthropic": "anthropic:claude-sonnet-5-5",
    "azure": "azure:gpt-5",
    "bedrock": "bedrock:us.anthropic.claude-sonnet-4-6",
    "google": "google:gemini-2.5-pro",
    "groq": "groq:openai/gpt-oss-120b",
    "litellm": "litellm:claude-sonnet-5-5",
    "mistral": "mistral:magistral-medium-latest",
    "ollama": "ollama:qwen3:8b",
    "openai": "openai:gpt-5",
    "openai-responses": "openai-responses:gpt-5",
    "openrouter": "openrouter:anthropic/claude-sonnet-4.5",
    "base-url": "qwen3:8b",
}
"""A model of each provider."""


def surroundings(provider: str, url: str) -> dict[str, str]:
    """Variables with which a provider's models are asked at a stand-in, each with a key of its own."""
    key = f"key-of-{provider}"
    return {
        "anthropic": {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": key},
        "azure": {"AZURE_OPENAI_ENDPOINT": f"{url}/openai/v1/", "AZURE_OPENAI_API_KEY": key},
        "bedrock": {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": "secret",
        },
        "google": {"GOOGLE_GEMINI_BASE_URL": url, "GOOGLE_API_KEY": key},
        "groq": {"GROQ_BASE_URL": f"{url}/groq", "GROQ_API_KEY": key},
        "litellm": {"LITELLM_BASE_URL": f"{url}/litellm", "LITELLM_API_KEY": key},
        "mistral": {"MISTRAL_BASE_URL": f"{url}/mistral", "MISTRAL_API_KEY": key},
        "ollama": {"OLLAMA_BASE_URL": f"{url}/ollama/v1", "OLLAMA_API_KEY": key},
        "openai": {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key},
        "openai-responses": {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key},
        "openrouter": {"OPENROUTER_BASE_URL": f"{url}/openrouter", "OPENROUTER_API_KEY": key},
        "base-url": {"VULCAN_MODEL_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key},
    }[provider]
