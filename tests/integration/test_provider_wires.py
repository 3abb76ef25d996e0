"""Providers' real libraries against a stand-in: what is sent to whom, with which key, and again after a resume."""

from __future__ import annotations

import inspect
import re

import pytest
from pydantic_ai.providers import infer_provider_class

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.coder_loop import dearer_than_ideal
from fakes.model_server import calls, status, text
from fakes.provider_server import MODELS, providing, surroundings
from vulcan.application.ports import Briefing
from vulcan.domain.errors import UserError, VulcanError
from vulcan.infrastructure.agents.team import Team
from vulcan.infrastructure.llm.providers import PROVIDERS
from vulcan.infrastructure.llm.registry import Access, make_model

BRIEFING = Briefing("generate/1", "Make add add", overview="Files:\ncalc.py")
EDIT = calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}))


def team(provider: str, url: str, setenv: pytest.MonkeyPatch) -> Team:
    variables = surroundings(provider, url)
    for name, value in variables.items():
        setenv.setenv(name, value)
    base_url = variables.get("VULCAN_MODEL_BASE_URL") or variables.get("OPENAI_BASE_URL", "")
    access = Access(base_url, variables.get("OPENAI_API_KEY", ""), environ=variables)
    return Team(make_model(MODELS[provider], access))


def workspace() -> MemoryWorkspace:
    return MemoryWorkspace({"calc.py": "def add(a, b):\n    return a - b\n"})


@pytest.mark.parametrize("provider", MODELS)
async def test_a_resumed_run_sends_the_same_bytes(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    journal, files = MemoryJournal(), workspace()
    with providing([EDIT, status(401), text("done")]) as server:
        with pytest.raises(VulcanError):
            await team(provider, server.url, monkeypatch).code(BRIEFING, files, journal)
        assert await team(provider, server.url, monkeypatch).code(BRIEFING, files, journal) == "done"
    _first, refused, again = server.asked
    assert again.raw == refused.raw


@pytest.mark.parametrize("provider", ["anthropic", "openai-responses"])
async def test_a_coder_s_turns_cost_hardly_more_than_with_ideal_caching(provider: str) -> None:
    assert await dearer_than_ideal(provider) <= 1.15


NOT_FOR_JOBS = {
    "elevenlabs",
    "github",
    "google-decisions",
    "openai-decisions",
    "sentence-transformers",
    "system-one",
    "typesafe",
    "voyageai",
}


def test_every_provider_of_the_pinned_library_is_known() -> None:
    cases = re.findall(r"case (.*):\n", inspect.getsource(infer_provider_class))
    names = {name for case in cases for name in re.findall(r"'([a-z-]+)'", case)}
    assert len(names) > 30
    assert names - NOT_FOR_JOBS == set(PROVIDERS)


NOBODY = "http://127.0.0.1:9"
VALUES = {
    "AZURE_OPENAI_ENDPOINT": "http://azure.example/openai/v1/",
    "SNOWFLAKE_ACCOUNT": "account",
    "AWS_DEFAULT_REGION": "us-east-1",
    "GOOGLE_CLOUD_PROJECT": "p",
}
LACKING = ("cohere", "huggingface", "xai", "github-copilot", "openai-chatgpt", "openai-codex")
"""Their packages are not installed for tests, or a person logs in to them in a browser."""
MODEL_NAMES = {"openrouter": "openai/gpt-5", "bedrock-mantle": "openai.gpt-oss-20b"}


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_no_provider_is_asked_at_another_one_s_address_or_with_its_key(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All keys and OpenAI's address are set: each provider takes its own, or says what it lacks."""
    variables = {key: f"key-in-{key}" for known in PROVIDERS.values() for key in known.keys}
    variables |= {name: "http://own.example/v1" for known in PROVIDERS.values() if (name := known.url)}
    variables |= VALUES | {"OPENAI_BASE_URL": NOBODY, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    access = Access("", "key-in-OPENAI_API_KEY", environ=variables)
    name = f"{provider}:{MODEL_NAMES.get(provider, 'some-model')}"
    if provider in LACKING:
        with pytest.raises(UserError, match=provider) as caught:
            make_model(name, access)
        assert caught.value.hint
        return
    model = make_model(name, access)
    assert NOBODY not in str(model.base_url)
    key = str(getattr(getattr(model, "client", None), "api_key", ""))
    own = {f"key-in-{variable}" for variable in PROVIDERS[provider].keys}
    assert key in own or "key-in" not in key
