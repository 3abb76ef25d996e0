"""The agents that Vulcan makes in a workspace, one per model and effort, and how they are found again by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vulcan.application.ports.models import DustAgent
from vulcan.domain.errors import ModelUnavailable, UserError
from vulcan.infrastructure.llm.dust.access import DustAccess, Patience
from vulcan.infrastructure.llm.dust.client import DustClient
from vulcan.infrastructure.llm.dust.envelope import PROTOCOL, RESPONSE_FORMAT
from vulcan.infrastructure.llm.dust.errors import DustError

Json = dict[str, Any]

ASKS_FOR_MORE = frozenset({400, 403})
PREFIX = "vulcan-"
EFFORTS = ("medium", "light", "high", "none")
"""Efforts of Dust, in the order in which an agent is looked for when none is named."""

PROVIDERS = ("openai", "anthropic", "mistral", "google_ai_studio", "deepseek", "fireworks", "xai")
_FAMILIES = {
    "claude": "anthropic",
    "gpt": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "gemini": "google_ai_studio",
    "mistral": "mistral",
    "codestral": "mistral",
    "deepseek": "deepseek",
    "accounts/fireworks": "fireworks",
    "grok": "xai",
}
_FORMAT = ("gpt-", "o3", "o4", "claude-sonnet-4-5", "claude-sonnet-4-6", "claude-opus-4-5", "claude-opus-4-6")
_FORMAT_TOO = ("claude-opus-4-7",)


@dataclass(frozen=True, slots=True)
class Choice:
    """A model and an effort."""

    provider: str
    model: str
    effort: str = "medium"

    @property
    def handle(self) -> str:
        """The agent's name in the workspace."""
        return f"{PREFIX}{self.model.rsplit('/', 1)[-1]}-{self.effort}"

    @property
    def formatted(self) -> bool:
        """Whether Dust constrains this model's replies to a schema."""
        return self.model.startswith(_FORMAT + _FORMAT_TOO)


def choice_of(name: str, effort: str) -> Choice:
    """The choice of `MODEL`, or `PROVIDER/MODEL` where the provider can't be told from the name.

    Raises:
        UserError: no such effort, or a provider that can't be told.
    """
    if effort not in EFFORTS:
        raise UserError(f"{effort} is no effort", hint=f"Efforts: {', '.join(EFFORTS)}")
    provider, _, model = name.partition("/")
    if model and provider in PROVIDERS:
        return Choice(provider, model, effort)
    family = next((p for prefix, p in _FAMILIES.items() if name.startswith(prefix)), "")
    if not family:
        known = ", ".join(PROVIDERS)
        raise UserError(
            f"whose model {name} is can't be told", hint=f"Write PROVIDER/MODEL, with one of: {known}"
        )
    return Choice(family, name, effort)


def import_body(choice: Choice, editor: str) -> Json:
    """What Dust's import route takes; `response_format` only where the model honours it."""
    generation: Json = {
        "provider_id": choice.provider,
        "model_id": choice.model,
        "temperature": 0.2,
        "reasoning_effort": choice.effort,
    }
    if choice.formatted:
        generation["response_format"] = RESPONSE_FORMAT
    return {
        "agent": {
            "handle": choice.handle,
            "description": f"The model {choice.model} at effort {choice.effort}, for the coding agent Vulcan.",
            "scope": "hidden",
            "max_steps_per_run": 1,
            "visualization_enabled": False,
        },
        "instructions": PROTOCOL,
        "generation_settings": generation,
        "tags": [],
        "editors": [editor],
        "toolset": [],
    }


async def set_up(access: DustAccess, choice: Choice, editor: str) -> DustAgent:
    """Make the agent unless it is there, and see whether it is found by name, as a job will look for it.

    Raises:
        ModelUnavailable: Dust refuses.
    """
    client = DustClient(access, Patience())
    try:
        return await _set_up(client, choice, editor)
    except DustError as error:
        raise _refused(error, choice) from error
    finally:
        await client.close()


async def _set_up(client: DustClient, choice: Choice, editor: str) -> DustAgent:
    sid = match(choice.handle, await client.agents())
    new = not sid
    if new:
        sid = str((await client.import_agent(import_body(choice, editor)))["sId"])
    found = match(choice.handle, await client.agents())
    return DustAgent(choice.handle, sid, choice.handle if found == sid else sid, new)


def _refused(error: DustError, choice: Choice) -> ModelUnavailable:
    unavailable = error.unavailable(f"the agent {choice.handle} can't be made")
    if error.status in ASKS_FOR_MORE:
        unavailable.hint = "Check that the editor is a member, that the workspace allows the model, and that the key may make agents."
    return unavailable


async def find_agent(client: DustClient, name: str) -> str:
    """The id of an agent by its id, its name, or the model that Vulcan made it for.

    Raises:
        UserError: there is none.
    """
    agents = await client.agents()
    found = match(name, agents)
    if found or await client.has_agent(name):
        return found or name
    names = [str(agent["name"]) for agent in agents]
    close = difflib.get_close_matches(name, names, n=3) or names[:10]
    raise UserError(
        f"the Dust workspace has no agent {name}",
        hint=f"There are: {', '.join(close) or 'none'}. For an agent of its own: vulcan dust setup --model {name}",
    )


def match(name: str, agents: Sequence[Json]) -> str:
    """The id of the agent that a name means; empty if none does."""
    short = name.rsplit("/", 1)[-1]
    wanted = [name, f"{PREFIX}{short}", *(f"{PREFIX}{short}-{effort}" for effort in EFFORTS)]
    if any(agent["sId"] == name for agent in agents):
        return name
    by_name = {str(agent["name"]): str(agent["sId"]) for agent in reversed(agents)}
    return next((by_name[n] for n in wanted if n in by_name), "")
