"""`vulcan dust setup` and `vulcan models` against our double of Dust and a server of models."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import Cli
from fakes.dust_server import Agent, DustServer, dusty, final

NO_KEYS = dict.fromkeys(
    (
        "ANTHROPIC_API_KEY",
        "OPENAI_API_KEY",
        "GOOGLE_API_KEY",
        "GROQ_API_KEY",
        "MISTRAL_API_KEY",
        "OPENAI_BASE_URL",
    ),
    "",
)
SONNET = ("dust", "setup", "--model", "claude-sonnet-4-6", "--editor", "a@example.com")


def workspace(server: DustServer, key: str = "sk-test") -> dict[str, str]:
    return NO_KEYS | {"DUST_WORKSPACE_ID": "w1", "DUST_API_KEY": key, "VULCAN_DUST_URL": server.url}


def test_setup_makes_one_agent_per_model_and_effort_and_finds_it_again(cli: Cli) -> None:
    with dusty([final("x")], agents=()) as server:
        out = cli(*SONNET, **workspace(server))
        assert "made: vulcan-claude-sonnet-4-6-medium" in out
        assert "--model dust:vulcan-claude-sonnet-4-6-medium" in out
        assert "there already" in cli(*SONNET, **workspace(server))
        cli(*SONNET, "--effort", "light", **workspace(server))
        assert len(server.agents) == 2
    route, body = server.bodies[0]
    assert route == "import"
    generation = body["generation_settings"]
    assert (generation["provider_id"], generation["reasoning_effort"]) == ("anthropic", "medium")
    form = json.loads(generation["response_format"])
    assert form["json_schema"]["schema"]["required"] == ["kind", "text", "calls"]
    assert (body["toolset"], body["agent"]["scope"], body["editors"]) == ([], "hidden", ["a@example.com"])
    assert "exactly one JSON object" in body["instructions"]


@pytest.mark.parametrize("model", ["deepseek/deepseek-chat", "claude-haiku-4-5-20251001", "gemini-2.5-pro"])
def test_a_model_that_honours_no_format_is_given_none(cli: Cli, model: str) -> None:
    with dusty([final("x")], agents=()) as server:
        cli("dust", "setup", "--model", model, "--editor", "a@example.com", **workspace(server))
    assert "response_format" not in server.bodies[0][1]["generation_settings"]


def test_an_agent_that_the_key_does_not_see_is_used_by_its_id(cli: Cli) -> None:
    with dusty([final("x")], agents=(), hides_imports=True) as server:
        out = cli(*SONNET, **workspace(server))
    assert f"--model dust:{next(iter(server.agents))}" in out


def test_what_setup_can_not_do_is_said(cli: Cli) -> None:
    with dusty([final("x")], agents=(), import_refused="workspace_auth_error") as server:
        assert "may make agents" in cli(*SONNET, code=1, **workspace(server))
        assert "whose model" in cli(
            "dust", "setup", "--model", "x", "--editor", "e", code=2, **workspace(server)
        )
        assert "no effort" in cli(*SONNET, "--effort", "huge", code=2, **workspace(server))
        assert "DUST_API_KEY" in cli(*SONNET, code=2, **workspace(server, key=""))
        out = cli(*SONNET, code=1, **workspace(server, key="sk-wrong"))
    assert "invalid_api_key_error" in out
    assert "sk-wrong" not in out


@pytest.fixture
def served() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": "gpt-4o-mini"}, {"id": "our-own"}]}).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()
    thread.join()


def test_models_are_listed_with_their_place_and_price(cli: Cli, served: str) -> None:
    agents = (Agent("a1", "vulcan-claude-sonnet-4-6-light"), Agent("a2", "gpt", "openai", "gpt-5"))
    with dusty([final("x")], agents=agents) as server:
        environment = workspace(server) | {"ANTHROPIC_API_KEY": "k"}
        out = cli("models", "--base-url", served, "--json", **environment)
        page = cli("models", "--base-url", served, **environment)
    rows = {row["name"]: row for row in map(json.loads, out.splitlines())}
    assert rows["recorded:demo"]["price"] == "free"
    assert rows["dust:vulcan-claude-sonnet-4-6-light"]["price"] == "unknown"
    assert rows["dust:gpt"]["detail"].startswith("openai/gpt-5")
    assert rows["gpt-4o-mini"] == {
        "name": "gpt-4o-mini",
        "source": served,
        "price": "0.15 in, 0.60 out",
        "detail": "",
    }
    assert rows["our-own"]["price"] == "unknown"
    assert "anthropic:MODEL" in rows
    assert f"our-own                              {served}: price unknown" in page


def test_a_place_that_does_not_answer_is_named_and_hides_nothing(cli: Cli) -> None:
    with dusty([final("x")]) as server:
        out = cli("models", "--base-url", "http://127.0.0.1:9/v1", **workspace(server, key="sk-wrong"))
    assert "recorded:demo" in out
    assert "note: http://127.0.0.1:9/v1: ConnectError" in out
    assert "note: Dust workspace w1: invalid_api_key_error" in out
    assert "sk-wrong" not in out
