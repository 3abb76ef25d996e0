"""One piece of work of one agent, whoever it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic_ai import Agent
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import Tool
from pydantic_ai.usage import UsageLimits

from vulcan.application.ports import CallJournal, Workspace
from vulcan.domain.errors import ModelUnavailable
from vulcan.infrastructure.agents.briefings import said
from vulcan.infrastructure.agents.history import MAX_CHARACTERS, bounded, characters
from vulcan.infrastructure.agents.journaled import JournaledModel, Waiting
from vulcan.infrastructure.agents.tools import Tools

RETRIES = 3
OVERVIEW = 1_000
"""Characters with which the first message of an agent begins in every round of a job."""


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work of one agent.

    Attributes:
        key: stable name; replies are recorded under `key/agent/turn`.
        message: the first message.
        told: how many steering messages the first message holds.
    """

    agent: str
    key: str
    message: str
    turns: int
    told: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What an agent's model can take.

    Attributes:
        history: characters of the history that is sent.
        waiting: for how long a busy service is waited for.
    """

    history: int = MAX_CHARACTERS
    waiting: Waiting = Waiting()


class AgentRun:
    """One piece of work of one agent: a fresh context, its prompt (version and text), tools, a bounded loop."""

    def __init__(
        self,
        work: Work,
        prompt: tuple[str, str],
        model: Model,
        workspace: Workspace | None,
        journal: CallJournal,
        show: Callable[[str], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._work, self._journal, self._told = work, journal, work.told
        version, self._instructions = prompt
        self._limits = limits or Limits()
        self._longest = self._limits.history
        self._model = JournaledModel(
            model,
            journal,
            work.key,
            work.agent,
            work.turns,
            version,
            show,
            self._limits.waiting,
            self._shorter,
        )
        self._workspace = workspace

    @property
    def tools(self) -> Tools:
        """The tools of this run; only work with a workspace has any."""
        assert self._workspace is not None  # noqa: S101 - said by the caller's own arguments
        return Tools(self._workspace, self._journal, self._model, self._work.agent)

    async def go(self, tools: Sequence[Tool[object]], output: Any) -> Any:
        """Loop until the agent finishes.

        Raises:
            ModelUnavailable: the model's replies can't be used, also after it was told why.
        """
        agent: Agent[object, Any] = Agent(
            self._model,
            instructions=self._instructions,
            tools=tools,
            output_type=output,
            retries=RETRIES,
            capabilities=[ProcessHistory(self._current)],
            model_settings=self._settings(),
            name=self._work.agent,
        )
        limits = UsageLimits(request_limit=None)
        try:
            with agent.parallel_tool_call_execution_mode("sequential"):
                result = await agent.run(self._work.message, usage_limits=limits)
        except UnexpectedModelBehavior as error:
            raise ModelUnavailable(
                f"the model's replies as {self._work.agent} can't be used: {error}",
                hint="Try again with `vulcan resume`, or with a stronger model.",
            ) from error
        return result.output

    def _settings(self) -> ModelSettings:
        """Caching of all that stays the same from turn to turn, in each provider's own way."""
        beginning = f"{self._work.agent}\n{self._work.message[:OVERVIEW]}"
        key = hashlib.sha256(beginning.encode(errors="replace")).hexdigest()[:32]
        return cast("ModelSettings", {"cache": True, "openai_prompt_cache_key": key})

    async def _current(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """The history, with what the person has said since the last call at its end, and bounded."""
        said_so_far = self._journal.steering()
        news = said_so_far[self._told :]
        self._told = len(said_so_far)
        last = messages[-1]
        if news and isinstance(last, ModelRequest):
            parts = [*last.parts, *(UserPromptPart(said(text)) for text in news)]
            messages = [*messages[:-1], replace(last, parts=parts)]
        return await bounded(messages, self._longest)

    async def _shorter(self, messages: list[ModelMessage]) -> list[ModelMessage] | None:
        """Half of a history that the model can't read at once, and the same bound from here on; None where it can't be."""
        before = characters(messages)
        self._longest = before // 2
        shorter = await bounded(messages, self._longest)
        return shorter if characters(shorter) < before else None
