"""Prompts in Langfuse: what Vulcan stores its SDK reads, what the SDK stores Vulcan uses, and an outage changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from langfuse import Langfuse
from opentelemetry.sdk.trace import TracerProvider

from conftest import GOOD_JOB, Cli
from fakes.langfuse_server import LangfuseServer
from vulcan.domain.errors import NotSent
from vulcan.infrastructure.agents import conversing, engineer
from vulcan.infrastructure.agents.packaged import AGENTS, prompt
from vulcan.infrastructure.agents.team import TURNS
from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess
from vulcan.infrastructure.monitoring.prompts import LangfusePrompts, ManagedPrompts

KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test-secret"}


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made


@pytest.fixture
def keys(server: LangfuseServer) -> dict[str, str]:
    return {**KEYS, "LANGFUSE_BASE_URL": server.url, "VULCAN_MONITORING_PROMPTS": "langfuse"}


@pytest.fixture
def sdk(server: LangfuseServer) -> Iterator[Langfuse]:
    client = Langfuse(
        public_key=f"pk-{server.url}",
        secret_key="sk",
        base_url=server.url,
        tracer_provider=TracerProvider(shutdown_on_exit=False),
    )
    yield client
    client.shutdown()


def library(server: LangfuseServer) -> LangfusePrompts:
    return LangfusePrompts(LangfuseAccess("pk", "sk-lf-test-secret", server.url, timeout=0.5))


def managed(server: LangfuseServer, folder: Path, deadline: float = 5.0) -> ManagedPrompts:
    return ManagedPrompts(library(server), folder, prompt, "production", deadline)


def test_every_agent_has_a_packaged_prompt_with_a_version() -> None:
    assert set(AGENTS) == {*TURNS, *conversing.TURNS, *engineer.TURNS}
    for agent in AGENTS:
        version, text = prompt(agent)
        assert version.isdecimal()
        assert text
        assert "-->" not in text


def test_what_is_pushed_the_sdk_reads(
    cli: Cli, server: LangfuseServer, keys: dict[str, str], sdk: Langfuse
) -> None:
    assert "coder: stored as version 1" in cli("prompts", "push", **keys)
    version, text = prompt("coder")
    read = sdk.get_prompt("vulcan/coder", label=f"vulcan-{version}", cache_ttl_seconds=0)
    assert (read.version, read.prompt) == (1, text)
    assert "coder: is there as version 1" in cli("prompts", "push", **keys)
    assert {len(versions) for versions in server.prompts.values()} == {1}
    assert set(server.prompts) == {f"vulcan/{agent.replace(chr(32), chr(45))}" for agent in AGENTS}


def test_a_further_label_is_a_new_version_once(
    cli: Cli, server: LangfuseServer, keys: dict[str, str]
) -> None:
    cli("prompts", "push", **keys)
    assert "coder: stored as version 2" in cli("prompts", "push", "--label", "production", **keys)
    assert "coder: is there as version 2" in cli("prompts", "push", "--label", "production", **keys)
    version, text = prompt("coder")
    assert server.prompts["vulcan/coder"][1]["labels"] == [f"vulcan-{version}", "production", "latest"]
    cli("prompts", **keys)
    assert "langfuse:2" in cli("prompts", **keys)
    server.prompts["vulcan/coder"][1]["prompt"] = "edited there"
    assert "coder: stored as version 3" in cli("prompts", "push", "--label", "production", **keys)
    assert server.prompts["vulcan/coder"][2]["prompt"] == text


@pytest.mark.sandbox
def test_a_job_is_told_what_the_sdk_stored_and_its_trace_says_so(
    cli: Cli,
    project: Path,
    recording: Callable[[Sequence[str]], str],
    server: LangfuseServer,
    keys: dict[str, str],
    sdk: Langfuse,
) -> None:
    for text in ("You are old.", "You are {{new}}."):
        sdk.create_prompt(name="vulcan/coder", prompt=text, labels=["production"])
    order = ("run", "Make add add", "--repo", str(project), "--model", recording(GOOD_JOB))
    assert "verdict: PROVEN" in cli(*order, **keys)
    cli("traces", "push", **keys)
    told = {
        span["attributes"]["langfuse.observation.prompt.name"]: span["attributes"]
        for span in server.spans.values()
        if span["attributes"]["langfuse.observation.type"] == "generation"
    }
    assert told["vulcan/coder"]["langfuse.observation.metadata.prompt_version"] == "langfuse:2"
    assert told["vulcan/coder"]["langfuse.observation.prompt.version"] == 2
    assert told["vulcan/analyst"]["langfuse.observation.metadata.prompt_version"] == prompt("analyst")[0]
    (page,) = [
        p for p in map(json.loads, cli("prompts", "--json", **keys).splitlines()) if p["agent"] == "coder"
    ]
    assert (page["version"], page["text"]) == ("langfuse:2", "You are {{new}}.")
    assert page["origin"] == "Langfuse, label production"


@pytest.mark.parametrize("fault", ["slow", "cut", 401, 429, 503])
def test_an_outage_changes_no_prompt(server: LangfuseServer, tmp_path: Path, fault: object) -> None:
    server.prompts["vulcan/coder"] = [
        {"type": "text", "prompt": "Be brief.", "version": 7, "labels": ["production"]}
    ]
    assert managed(server, tmp_path)("coder") == ("langfuse:7", "Be brief.")
    server.fault = fault
    during = managed(server, tmp_path, deadline=0.2)
    assert during("coder") == ("langfuse:7", "Be brief.")
    assert during("analyst") == prompt("analyst")  # it was never there
    assert "copy of Langfuse's" in during.origin("coder")
    assert server.posts == 2  # asked once, then no more
    server.fault = 0
    assert during("coder") == ("langfuse:7", "Be brief.")
    del server.prompts["vulcan/coder"]
    assert managed(server, tmp_path)("coder") == prompt("coder")
    server.fault = fault
    assert managed(server, tmp_path, deadline=0.2)("coder") == prompt(
        "coder"
    )  # no copy of what was taken away


@pytest.mark.parametrize(
    "stored", [{"type": "chat", "prompt": []}, {"type": "text", "prompt": " \n"}, {"type": "text"}]
)
def test_what_is_no_text_is_not_used(server: LangfuseServer, tmp_path: Path, stored: dict) -> None:
    server.prompts["vulcan/coder"] = [stored | {"version": 1, "labels": ["production"]}]
    assert managed(server, tmp_path)("coder") == prompt("coder")


def test_a_server_that_is_no_langfuse_and_a_torn_copy(server: LangfuseServer, tmp_path: Path) -> None:
    server.prompts["vulcan/coder"] = [{"prompt": "no version", "version": "x", "labels": ["production"]}]
    with pytest.raises(NotSent, match="without a prompt"):
        library(server).find("vulcan/coder", "production")
    (tmp_path / "coder.json").write_text("{")
    assert managed(server, tmp_path)("coder") == prompt("coder")


def test_without_a_folder_to_write_to_it_still_works(server: LangfuseServer, tmp_path: Path) -> None:
    server.prompts["vulcan/coder"] = [
        {"type": "text", "prompt": "Hi", "version": 1, "labels": ["production"]}
    ]
    (tmp_path / "taken").write_text("")
    assert managed(server, tmp_path / "taken" / "prompts")("coder") == ("langfuse:1", "Hi")


def test_a_list_of_packaged_prompts_needs_no_langfuse(cli: Cli, home: Path) -> None:
    version, _ = prompt("coder")
    (line,) = [line for line in cli("prompts").splitlines() if line.startswith("coder")]
    assert line.split()[1] == version
    assert line.endswith("packaged")
    assert "LANGFUSE_PUBLIC_KEY" in cli("prompts", "push", code=2)
    assert "LANGFUSE_PUBLIC_KEY" in cli("prompts", code=2, VULCAN_MONITORING_PROMPTS="langfuse")
