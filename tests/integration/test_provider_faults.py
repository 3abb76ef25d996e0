"""Faults mean the same whichever provider they come from, through its real library."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.coder_loop import variables
from fakes.model_server import Answer, calls, text
from fakes.provider_server import MODELS, ProviderServer, providing, surroundings
from vulcan.application.ports import Briefing
from vulcan.domain.errors import ModelUnavailable
from vulcan.infrastructure.agents.journaled import Waiting
from vulcan.infrastructure.agents.run import Tuning
from vulcan.infrastructure.agents.team import Team
from vulcan.infrastructure.llm.faults import Patience
from vulcan.infrastructure.llm.registry import Access, make_model

BRIEFING = Briefing("generate/1", "Make add add", overview="Files:\ncalc.py")
EDIT = calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}))
PROVIDERS = [
    "anthropic",
    "bedrock",
    "google",
    "groq",
    "mistral",
    "ollama",
    "openai",
    "openai-responses",
    "openrouter",
]
CUT: Answer = {"content": "half of", "cut": True}


def fault(code: int, said: str = "scripted", **headers: str) -> Answer:
    return {"status": code, "said": said, "headers": headers}


async def code(provider: str, server: ProviderServer, journal: MemoryJournal, patience: float = 0.2) -> str:
    environ = surroundings(provider, server.url)
    with variables(environ):
        access = Access(
            environ.get("OPENAI_BASE_URL", ""),
            environ.get("OPENAI_API_KEY", ""),
            environ=environ,
            patience=Patience(tries=3, pause=0.01),
        )
        tuning = Tuning(waiting=Waiting(patience, first=0.01))
        team = Team(make_model(MODELS[provider], access), tuning=tuning)
        files = MemoryWorkspace({"calc.py": "def add(a, b):\n    return a - b\n"})
        return await team.code(BRIEFING, files, journal)


@pytest.mark.parametrize("passing", [fault(500), fault(502), CUT], ids=["500", "502", "cut"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_passes_is_tried_again(provider: str, passing: Answer) -> None:
    with providing([passing, passing, EDIT, passing, text("done")]) as server:
        assert await code(provider, server, MemoryJournal()) == "done"
    assert len(server.asked) == 5


@pytest.mark.parametrize(
    "busy", [fault(429, retry_after_ms="20", retry_after="0"), fault(529)], ids=["429", "529"]
)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_busy_service_is_waited_for_and_that_is_said(provider: str, busy: Answer) -> None:
    journal = MemoryJournal()
    with providing([busy, EDIT, text("done")]) as server:
        assert await code(provider, server, journal) == "done"
    assert len(server.asked) == 3
    ((agent, seconds, reason),) = journal.waits
    assert (agent, 0 <= seconds <= 0.02) == ("coder", True)
    assert MODELS[provider].rpartition(":")[2][:5] in reason or "scripted" in reason


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_who_asks_for_more_patience_than_there_is_is_not_waited_for(provider: str) -> None:
    journal = MemoryJournal()
    with providing([fault(429, retry_after="60")]) as server, pytest.raises(ModelUnavailable) as caught:
        await code(provider, server, journal)
    assert "it asks for 60 s more" in caught.value.message
    assert "patience under [model]" in caught.value.hint
    assert (len(server.asked), journal.waits) == (1, [])


WORDS: dict[str, tuple[int, str, dict[str, Any]]] = {
    "used up": (402, "You have run out of credits", {}),
    "refuses the key": (401, "invalid api key", {}),
    "is not there": (404, "no such model", {}),
    "refused the request": (400, "that can not be", {}),
}


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_does_not_pass_is_told_apart_and_not_tried_again(provider: str, words: str) -> None:
    status, said, _ = WORDS[words]
    with providing([fault(status, said)]) as server, pytest.raises(ModelUnavailable) as caught:
        await code(provider, server, MemoryJournal())
    assert words in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint
    assert len(server.asked) == 1
