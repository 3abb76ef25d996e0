"""A model's mind for a model server: each agent of a job or a conversation has its own script."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from fakes.model_server import Answer, Body, calls, text

Script = Callable[[Body], Answer] | Sequence[Answer]

AGENTS = {
    "submit_requirements": "analyst",
    "submit_review": "reviewer",
    "submit_tests": "test_author",
    "submit_reading": "interpreter",
    "edit": "coder",
    "search": "answerer",
}


def agent_of(body: Body) -> str:
    """Who asks, by the tools that it brings."""
    names = {tool["function"]["name"] for tool in body.get("tools", ())}
    return next(agent for tool, agent in AGENTS.items() if tool in names)


def said(body: Body) -> str:
    """All that a request says, in one text."""
    return json.dumps(body["messages"], ensure_ascii=False)


class Brain:
    """Answers by agent; an agent that comes to the end of its list says its last answer again."""

    def __init__(self, **scripts: Script) -> None:
        self._scripts = scripts
        self.asked: list[tuple[str, Body]] = []

    def __call__(self, body: Body) -> Answer:
        agent = agent_of(body)
        self.asked.append((agent, body))
        script = self._scripts[agent]
        if callable(script):
            return script(body)
        return script[min(len(self.of(agent)), len(script)) - 1]

    def of(self, agent: str) -> list[Body]:
        return [body for who, body in self.asked if who == agent]


def reading(intent: str, *, certain: bool = True, **more: Any) -> Answer:
    """What an interpreter submits."""
    return calls(("submit_reading", {"intent": intent, "certain": certain, **more}))


def requirements(*criteria: str, **more: Any) -> Answer:
    return calls(("submit_requirements", {"summary": "Make add add", "criteria": list(criteria), **more}))


EDIT = calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}))
APPROVED = calls(("submit_review", {"findings": []}))


def tests_of(content: str, **tied: Sequence[str]) -> list[Answer]:
    """A test file and the tests in it, each with its criteria."""
    path = "tests/test_add.py"
    named = [{"test": f"{path}::{name}", "criteria": list(criteria)} for name, criteria in tied.items()]
    return [calls(("write", {"path": path, "content": content})), calls(("submit_tests", {"tests": named}))]


tests_of.__test__ = False  # type: ignore[attr-defined]

ADD_TEST = "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"


def good_brain(**more: Script) -> Brain:
    """All that the small project's fix needs."""
    scripts: dict[str, Script] = {
        "analyst": [requirements("add(2, 3) returns 5")],
        "coder": [EDIT, text("add adds now.")],
        "reviewer": [APPROVED],
        "test_author": tests_of(ADD_TEST, test_add=["AC-1"]),
    }
    return Brain(**(scripts | more))
