"""One piece of work of one agent, whoever it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pydantic_ai import Agent, ModelRetry
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.exceptions import ContentFilterError, OutputTokenLimitExceeded, UnexpectedModelBehavior
from pydantic_ai.messages import ModelMessage, ModelRequest, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import Tool
from pydantic_ai.usage import UsageLimits

from vulcan.application.ports import CallJournal, Workspace
from vulcan.domain.errors import ModelUnavailable
from vulcan.infrastructure.agents.arguments import in_plain_words
from vulcan.infrastructure.agents.briefings import said
from vulcan.infrastructure.agents.history import MAX_CHARACTERS, bounded, characters
from vulcan.infrastructure.agents.journaled import JournaledModel, Waiting
from vulcan.infrastructure.agents.replies import Price
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


CUT_OFF = "Your reply was cut off at its limit of tokens, so nothing was done. Go on in smaller steps, with tool calls."
CALL_AS_TEXT = "You wrote a tool call as text, so nothing was done. Call the tool itself; if you are done, answer in plain words."


def is_call_as_text(text: str, tools: Sequence[str]) -> bool:
    """Whether words are a tool call that the service did not recognise as one."""
    bare = text.strip().removeprefix("```json").removeprefix("```").strip()
    if bare.startswith(("<tool_call", "<function=", "[TOOL_CALLS]", "<|tool_call")):
        return True
    try:
        data, _ = json.JSONDecoder().raw_decode(bare)
    except ValueError:
        return False
    data = data[0] if isinstance(data, list) and data else data
    return isinstance(data, dict) and (data.get("name") or data.get("tool") or data.get("function")) in tools


def unusable(error: UnexpectedModelBehavior, model: str, agent: str) -> ModelUnavailable:
    """What it means that a model's replies can't be used, also after it was told why."""
    better = "go on with another model: vulcan resume --model NAME (what led to nothing is asked anew)"
    if isinstance(error, OutputTokenLimitExceeded):
        words, hint = "are cut off at its limit of tokens", f"Raise max_tokens under [model], or {better}"
    elif isinstance(error, ContentFilterError):
        words, hint = "are held back by its content filter", f"Say the instruction otherwise, or {better}"
    else:
        first = str(error.message).split(". ", maxsplit=1)[0]
        words, hint = f"can't be used, also after it was told why ({first})", better[0].upper() + better[1:]
    return ModelUnavailable(f"the replies of {model} as {agent} {words}", hint=hint)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What an agent's model can take, and how it is asked.

    Attributes:
        history: characters of the history that is sent.
        waiting: for how long a busy service is waited for.
        settings: of Pydantic AI for each request, such as `temperature`.
        price: instead of the provider's list price.
    """

    history: int = MAX_CHARACTERS
    waiting: Waiting = Waiting()
    settings: Mapping[str, Any] = field(default_factory=dict)
    price: Price | None = None


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
        tuning: Tuning | None = None,
    ) -> None:
        self._work, self._journal, self._told = work, journal, work.told
        version, self._instructions = prompt
        self._tuning = tuning or Tuning()
        self._longest = self._tuning.history
        self._model = JournaledModel(
            model,
            journal,
            work.key,
            work.agent,
            work.turns,
            version,
            show,
            self._tuning.waiting,
            self._shorter,
            self._tuning.price,
        )
        self._workspace = workspace

    @property
    def tools(self) -> Tools:
        """The tools of this run; only work with a workspace has any."""
        assert self._workspace is not None  # noqa: S101 - said by the caller's own arguments
        return Tools(self._workspace, self._journal, self._model, self._work.agent)

    async def go(
        self, tools: Sequence[Tool[object]], output: Any, check: Callable[[Any], Any] | None = None
    ) -> Any:
        """Loop until the agent finishes with what `check` takes; it raises `ModelRetry` for what goes back.

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
        if check is not None:
            agent.output_validator(check)
        if output is str:
            agent.output_validator(self._whole_words([tool.name for tool in tools]))
        while True:
            try:
                return await self._loop(agent)
            except UnexpectedModelBehavior as error:
                trouble = unusable(error, self._model.model_name, self._work.agent)
                self._model.drop_bad_tail(trouble.message)
                spare: Model | None = getattr(self._model.wrapped, "spare", None)
                if spare is None:
                    raise trouble from error
                self._model.restart(spare)
                self._told = self._work.told

    async def _loop(self, agent: Agent[object, Any]) -> Any:
        with agent.parallel_tool_call_execution_mode("sequential"):
            result = await agent.run(self._work.message, usage_limits=UsageLimits(request_limit=None))
        return result.output

    def forget(self, reason: str) -> None:
        """Let nothing of this piece of work count any more, so that going on with the job asks anew."""
        self._model.drop_all(reason)

    def _whole_words(self, tools: Sequence[str]) -> Callable[[str], str]:
        """Takes closing words that are whole, and no tool call in disguise."""

        def check(text: str) -> str:
            if self._model.last is not None and self._model.last.finish_reason == "length":
                raise ModelRetry(CUT_OFF)
            if is_call_as_text(text, tools):
                raise ModelRetry(CALL_AS_TEXT)
            return text

        return check

    def _settings(self) -> ModelSettings:
        """Caching of all that stays the same from turn to turn, in each provider's own way."""
        beginning = f"{self._work.agent}\n{self._work.message[:OVERVIEW]}"
        key = hashlib.sha256(beginning.encode(errors="replace")).hexdigest()[:32]
        return cast("ModelSettings", {"cache": True, "openai_prompt_cache_key": key, **self._tuning.settings})

    async def _current(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """The history, with what the person has said since the last call at its end, and bounded."""
        said_so_far = self._journal.steering()
        news = said_so_far[self._told :]
        self._told = len(said_so_far)
        last = messages[-1]
        if news and isinstance(last, ModelRequest):
            parts = [*last.parts, *(UserPromptPart(said(text)) for text in news)]
            messages = [*messages[:-1], replace(last, parts=parts)]
        return await bounded(in_plain_words(messages), self._longest)

    async def _shorter(self, messages: list[ModelMessage]) -> list[ModelMessage] | None:
        """Half of a history that the model can't read at once, and the same bound from here on; None where it can't be."""
        before = characters(messages)
        self._longest = before // 2
        shorter = await bounded(messages, self._longest)
        return shorter if characters(shorter) < before else None
