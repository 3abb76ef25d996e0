"""A coder at work for many turns, as a provider sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import contextmanager

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.caching import anthropic_blocks, anthropic_cost, ideal_cost, openai_blocks, openai_cost
from fakes.model_server import Answer, calls, text
from fakes.provider_server import MODELS, Asked, providing, surroundings
from vulcan.application.ports import Briefing, CommandResult
from vulcan.domain.budget import Budget
from vulcan.infrastructure.agents.team import Team
from vulcan.infrastructure.llm.registry import Access, make_model

TURNS = 30
FILE = "\n".join(f"def function_{n}(value):\n    return value + {n}\n" for n in range(60))
OVERVIEW = "Files:\n" + "\n".join(f"src/package/module_{n}.py" for n in range(120))


def script(turns: int) -> list[Answer]:
    """Looks, edits and runs tests in turn, as coders do."""
    steps = [
        calls(
            ("read", {"path": "calc.py", "start": n, "end": n + 60}),
            ("read", {"path": "calc.py", "start": n + 60}),
        )
        if n % 3 == 0
        else calls(("shell", {"command": f"python -m pytest -q tests/test_{n}.py"}))
        if n % 3 == 1
        else calls(("write", {"path": f"src/new_{n}.py", "content": FILE[: 40 * n]}))
        for n in range(turns - 1)
    ]
    return [*steps, text("done")]


@contextmanager
def variables(values: Mapping[str, str]):
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def asked_by_a_coder(provider: str, turns: int = TURNS) -> list[Asked]:
    """The requests of a coder's piece of work at a stand-in for the provider."""
    with providing(script(turns)) as server, variables(surroundings(provider, server.url)) as _:
        files = MemoryWorkspace(
            {"calc.py": FILE},
            lambda command: CommandResult(0, f"{command}\n" + "line of output\n" * 40, 10, 0.1),
        )
        environ = surroundings(provider, server.url)
        access = Access(
            environ.get("OPENAI_BASE_URL", ""), environ.get("OPENAI_API_KEY", ""), environ=environ
        )
        team = Team(make_model(MODELS[provider], access))
        journal = MemoryJournal(Budget(cost=None, tokens=None, calls=None))
        await team.code(Briefing("generate/1", "Make add add", overview=OVERVIEW), files, journal)
        return server.asked


async def dearer_than_ideal(provider: str) -> float:
    """How many times the input of a coder's work costs what ideal caching would cost."""
    bodies = [asked.body for asked in await asked_by_a_coder(provider)]
    if provider == "anthropic":
        blocks = [anthropic_blocks(body) for body in bodies]
        return anthropic_cost(blocks) / ideal_cost(blocks, write=1.25)
    blocks = [openai_blocks(body) for body in bodies]
    keys = [body.get("prompt_cache_key", "") for body in bodies]
    return openai_cost(blocks, keys) / ideal_cost(blocks, write=1.0)
