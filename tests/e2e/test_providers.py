"""A whole job through each provider's real library, against a stand-in that speaks the provider's wire format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conftest import Cli
from fakes.brain import good_brain
from fakes.model_server import calls, serving
from fakes.provider_server import MODELS, Asked, providing, surroundings
from fakes.wires import Said

pytestmark = pytest.mark.sandbox
NOBODY = "http://127.0.0.1:9"


def decoys(provider: str) -> dict[str, str]:
    """Keys and addresses of all other providers, which a model of this one must never be asked with."""
    return {
        name: value
        for other in MODELS
        for name, value in surroundings(other, NOBODY).items()
        if name != "VULCAN_MODEL_BASE_URL"
    } | {"VULCAN_MODEL_BASE_URL": "", "OPENAI_BASE_URL": NOBODY}


def of_coder(asked: list[Asked]) -> list[Asked]:
    return [each for each in asked if '"edit"' in each.words and '"submit_tests"' not in each.words]


@pytest.mark.parametrize("provider", MODELS)
def test_a_whole_job_is_proven(cli: Cli, project: Path, provider: str) -> None:
    with providing(good_brain()) as server:
        variables = decoys(provider) | surroundings(provider, server.url)
        out = cli("run", "Make add add", "--repo", str(project), "--model", MODELS[provider], **variables)
    assert "verdict: PROVEN" in out
    for asked in server.asked:
        told = json.dumps(asked.headers)
        assert f"key-of-{provider}" in told, "its own key"
        assert told.count("key-of-") == 1, "and nobody else's"
    first, second = of_coder(server.asked)
    thought = Said(server.asked.index(first) + 1, {})
    assert thought.thought in second.words or thought.sign in second.words, "the thought goes back"
    usage = json.loads(cli("show", "--json"))["usage"]
    assert (usage["calls"], usage["input_tokens"], usage["output_tokens"] >= 300) == (6, 6000, True)


LACKING = [
    ("anthropic:claude-sonnet-5-5", "needs ANTHROPIC_API_KEY", "export ANTHROPIC_API_KEY="),
    ("google:gemini-2.5-pro", "needs GOOGLE_API_KEY or GEMINI_API_KEY", "export GOOGLE_API_KEY="),
    ("azure:gpt-5", "needs AZURE_OPENAI_API_KEY and AZURE_OPENAI_ENDPOINT", "export AZURE_OPENAI_API_KEY="),
    ("bedrock:amazon.nova-pro-v1:0", "needs a region of AWS", "export AWS_DEFAULT_REGION="),
    ("litellm:gpt-5", "needs LITELLM_BASE_URL", "export LITELLM_BASE_URL="),
    ("cohere:command-a", "needs the package of cohere", "pip install 'vulcan-agent[cohere]'"),
    (
        "anthropc:claude-sonnet-5-5",
        "there is no provider anthropc",
        "Did you mean anthropic:claude-sonnet-5-5?",
    ),
    ("google-gla:gemini-2.5-pro", "there is no provider google-gla", "Did you mean google:gemini-2.5-pro?"),
    ("gpt-5", "gpt-5 names no provider", "Did you mean openai:gpt-5?"),
    ("sonnet", "sonnet names no provider", "Did you mean anthropic:sonnet?"),
    ("openrouter:gpt-5", "does not say whose model it is", "openrouter:openai/gpt-5"),
    ("recorded:no-such", "there is no recording no-such", "recorded:PATH"),
    ("dust:gpt-5", "no Dust workspace", "DUST_WORKSPACE_ID"),
    ("openai:gpt-5,mistral:large", "mistral:large needs MISTRAL_API_KEY", "export MISTRAL_API_KEY="),
]
KEYS = [name for provider in MODELS for name in surroundings(provider, NOBODY)]


@pytest.mark.parametrize(("model", "missing", "advice"), LACKING)
def test_what_a_model_lacks_is_said_before_there_is_a_job(
    cli: Cli, project: Path, model: str, missing: str, advice: str
) -> None:
    unset = dict.fromkeys([*KEYS, "GEMINI_API_KEY", "DUST_WORKSPACE_ID"]) | {"OPENAI_API_KEY": "key"}
    unset |= {"OPENROUTER_API_KEY": "key"}
    said, hint = cli("run", "x", "--repo", str(project), "--model", model, code=2, **unset).splitlines()
    assert missing in said
    assert advice in hint
    assert cli("jobs") == ""


@pytest.mark.parametrize(
    ("model", "variable"), [("qwen3", "OPENAI_BASE_URL"), ("ollama:qwen3", "OLLAMA_BASE_URL")]
)
def test_an_address_without_its_scheme_is_refused_before_there_is_a_job(
    cli: Cli, project: Path, model: str, variable: str
) -> None:
    at = {variable: "localhost:9999/v1"}
    said, hint = cli("run", "x", "--repo", str(project), "--model", model, code=2, **at).splitlines()
    assert "localhost:9999/v1 is no URL" in said
    assert "http://localhost:9999/v1" in hint
    assert cli("jobs") == ""


TUNED = {
    "VULCAN_MODEL_EFFORT": "high",
    "VULCAN_MODEL_MAX_TOKENS": "9000",
    "VULCAN_MODEL_TEMPERATURE": "0",
    "VULCAN_MODEL_HEADERS": "'X-Team: tools'",
    "VULCAN_MODEL_INPUT_PRICE": "2",
    "VULCAN_MODEL_OUTPUT_PRICE": "0",
    "VULCAN_MODEL_REVIEWER": "cheap",
}


def test_what_is_set_of_models_is_what_is_asked(cli: Cli, project: Path) -> None:
    with providing(good_brain()) as server:
        at = {"OPENAI_BASE_URL": f"{server.url}/v1", "OPENAI_API_KEY": "key", "VULCAN_MODEL": "dear"} | TUNED
        cli("run", "Make add add", "--repo", str(project), **at)
    for asked in server.asked:
        sent = asked.body
        assert (sent["reasoning_effort"], sent["max_tokens"], sent["temperature"]) == ("high", 9000, 0)
        assert sent["model"] == ("cheap" if "submit_review" in asked.words else "dear")
        assert asked.headers["x-team"] == "tools"
    assert json.loads(cli("show", "--json"))["usage"]["cost"] == pytest.approx(6000 * 2 / 1_000_000)


def test_a_job_that_a_weak_model_spoilt_is_proven_by_a_better_one(cli: Cli, project: Path) -> None:
    wrong = calls(("shell", {"command": {"run": "pytest"}}))
    spoiling, better = good_brain(coder=[wrong]), good_brain()
    key = {"OPENAI_API_KEY": "key"}
    with serving(spoiling) as server:
        place = ("--model", "weak", "--base-url", server.url)
        out = cli("run", "Make add add", "--repo", str(project), *place, code=1, **key)
    assert "the replies of weak as coder can't be used, also after it was told why" in out
    assert "vulcan resume --model NAME" in out
    with serving(better) as server:
        out = cli("resume", "--model", "better", "--base-url", server.url, **key)
    assert "verdict: PROVEN" in out
    assert better.of("analyst") == [], "what was of use is kept"
    assert "shell was not taken" not in json.dumps(better.of("coder")), "and what was not is forgotten"
