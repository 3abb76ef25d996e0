"""Keys and passwords of the host never show up in the terminal or in the log, whatever a service says back."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import GOOD_JOB, Cli

KEY = "made-up-key-0123456789"
PASSWORD = "hunter22horses"
BASIC = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
SHORT = base64.b64encode(b"me:pw").decode()


class Echo(ThreadingHTTPServer):
    """Answers everything with `code` and says what it was asked, which no service should."""

    daemon_threads = True
    code = 401

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Echo

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = f"no: {self.path} with {self.headers.get('authorization')}".encode()
        self.send_response(self.server.code)
        self.send_header("content-length", str(len(body)))
        self.send_header("retry-after", "0")
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        """Not into the tests' output."""


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def no_secret(home: Path, *texts: str) -> None:
    """Nothing in the texts and nothing in the state folder holds a secret in any form."""
    stored = [
        path.read_bytes() for path in home.rglob("*") if path.is_file() and "environments" not in path.parts
    ]
    everything = b"\n".join([*(text.encode() for text in texts), *stored])
    for secret in (KEY, PASSWORD, BASIC, SHORT, "me:pw"):
        assert secret.encode() not in everything


def run(cli: Cli, project: Path, *options: str, **environment: str) -> str:
    out = cli("run", "Make add add", "--repo", str(project), *options, code=1, **environment)
    return out + cli("show", **environment) + cli("jobs", **environment)


@pytest.mark.sandbox
@pytest.mark.parametrize("code", [401, 400, 500])
def test_a_key_that_the_model_s_service_says_back(
    cli: Cli, home: Path, project: Path, echo: Echo, code: int
) -> None:
    echo.code = code
    options = ("--model", "any", "--base-url", f"http://{echo.place}/v1")
    out = run(cli, project, *options, OPENAI_API_KEY=KEY, VULCAN_MODEL_PATIENCE="1")
    assert f"HTTP {code}: no: /v1/chat/completions with Bearer [secret]" in out
    no_secret(home, out)


@pytest.mark.sandbox
@pytest.mark.parametrize(
    "url", [f"http://me:{PASSWORD}@{{}}/v1", "http://me:pw@{}/v1", f"http://{{}}/v1?api_key={KEY}"]
)
def test_a_secret_in_the_model_s_address(cli: Cli, home: Path, project: Path, echo: Echo, url: str) -> None:
    out = run(cli, project, "--model", "any", "--base-url", url.format(echo.place))
    assert "[secret]" in out
    no_secret(home, out, cli("models", "--base-url", url.format(echo.place)))


@pytest.mark.sandbox
def test_a_secret_in_dust_s_address(cli: Cli, home: Path, project: Path, echo: Echo) -> None:
    environment = {"DUST_WORKSPACE_ID": "w1", "DUST_API_KEY": KEY}
    environment["VULCAN_DUST_URL"] = f"http://me:pw@{echo.place}"
    out = run(cli, project, "--model", "dust:any", **environment)
    assert "[secret]" in out
    no_secret(home, out, cli("models", **environment))


def test_a_secret_in_langfuse_s_or_a_collector_s_address(
    cli: Cli, home: Path, state: Path, echo: Echo
) -> None:
    assert state == home
    for url in (f"http://me:{PASSWORD}@{echo.place}", f"http://me:pw@{echo.place}/?token={KEY}"):
        keys = {"LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": KEY, "LANGFUSE_BASE_URL": url}
        out = cli("traces", "push", code=1, **keys)
        assert "[secret]" in out
        collector = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{KEY}",
        }
        out += cli("stats", "--send", code=1, **collector)
        no_secret(home, out)


def test_prefect_that_can_not_be_imported_is_named(
    home: Path, project: Path, recording: Callable[[Sequence[str]], str], tmp_path: Path
) -> None:
    (tmp_path / "httpx.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'httpx'\", name='httpx')\n"
    )
    argv = ["run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB)]
    surroundings = {"VULCAN_HOME": str(home), "PREFECT_API_URL": f"http://me:{PASSWORD}@127.0.0.1:9/api"}
    done = subprocess.run(
        [sys.executable, "-m", "vulcan", *argv],
        env={**os.environ, **surroundings, "PYTHONPATH": str(tmp_path)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
    assert "pip install 'vulcan[prefect]'" in done.stderr
