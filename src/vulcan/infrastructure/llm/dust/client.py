"""Dust's routes, as far as a model needs them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx2

from vulcan.domain.errors import masked
from vulcan.infrastructure.llm.dust.access import DustAccess, Patience
from vulcan.infrastructure.llm.dust.errors import NO_TYPE, DustError, refusal
from vulcan.infrastructure.llm.dust.events import Event, read_events

Json = dict[str, Any]
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that was taken: where its answer will be."""

    conversation: str
    user_message: str
    agent_message: str


class DustClient:
    """One workspace over HTTP; to be closed after use, since connections belong to one event loop."""

    def __init__(self, access: DustAccess, patience: Patience) -> None:
        self._access, self._patience = access.checked(), patience
        self._http: httpx2.AsyncClient | None = None

    async def agents(self) -> list[Json]:
        """The agents that the key can see."""
        answer = await self._call("GET", "/assistant/agent_configurations")
        return list(answer["agentConfigurations"])

    async def has_agent(self, agent: str) -> bool:
        """Whether there is an agent of that id; a hidden one may be used although it may not be read."""
        try:
            await self._call("GET", f"/assistant/agent_configurations/{agent}")
        except DustError as error:
            if error.status == httpx2.codes.FORBIDDEN and not error.limited:
                return True
            if error.kind == "agent_configuration_not_found":
                return False
            raise
        return True

    async def import_agent(self, body: Json) -> Json:
        """Make an agent."""
        answer = await self._call("POST", "/assistant/agent_configurations/import", body)
        return dict(answer["agentConfiguration"])

    async def create(self, agent: str, content: str, title: str) -> Asked:
        """A new conversation that begins with a message to the agent."""
        body = {
            "title": title,
            "visibility": "unlisted",
            "blocking": False,
            "skipToolsValidation": True,
            "message": _message(agent, content),
        }
        answer = await self._call("POST", "/assistant/conversations", body)
        conversation, message = answer["conversation"], answer["message"]
        found = _agent_message(conversation, message["sId"])
        return await self._asked(conversation["sId"], message["sId"], found)

    async def post(self, conversation: str, agent: str, content: str) -> Asked:
        """A further message in a conversation."""
        body = {**_message(agent, content), "blocking": False, "skipToolsValidation": True}
        answer = await self._call("POST", f"/assistant/conversations/{conversation}/messages", body)
        sid = answer["message"]["sId"]
        answers = [m for m in answer.get("agentMessages") or () if m.get("parentMessageId") == sid]
        return await self._asked(conversation, sid, answers[0] if answers else None)

    async def _asked(self, conversation: str, message: str, found: Json | None) -> Asked:
        """Under load the agent's message lags behind."""
        pause = self._patience.lag
        for _ in range(self._patience.lag_tries):
            if found is not None:
                return Asked(conversation, message, str(found["sId"]))
            await asyncio.sleep(pause)
            pause = min(2 * pause, 8 * self._patience.lag)
            found = await self._find(conversation, message)
        raise DustError(NO_TYPE, f"no agent answers in conversation {conversation}", 503)

    async def _find(self, conversation: str, message: str) -> Json | None:
        try:
            return _agent_message(await self.conversation(conversation), message)
        except DustError as error:
            if not error.passing:
                raise
            return None

    async def conversation(self, sid: str) -> Json:
        """A conversation with all its messages."""
        return dict((await self._call("GET", f"/assistant/conversations/{sid}"))["conversation"])

    async def answer(self, asked: Asked) -> Json | None:
        """The agent's message as it stands now."""
        return _agent_message(await self.conversation(asked.conversation), asked.user_message)

    async def cancel(self, asked: Asked) -> None:
        """Stop an answer."""
        body = {"messageIds": [asked.agent_message]}
        await self._call("POST", f"/assistant/conversations/{asked.conversation}/cancel", body)

    async def credits(self, conversation: str) -> float:
        """What a conversation has cost so far in credits; older servers refuse with 404."""
        answer = await self._call("GET", f"/assistant/conversations/{conversation}/consumption")
        return float(answer["billedCredits"])

    async def events(self, asked: Asked, cursor: str) -> AsyncGenerator[Event, None]:
        """The events of one connection, from a cursor on.

        Raises:
            DustError: refused, silent for too long, or the connection broke.
        """
        path = f"/assistant/conversations/{asked.conversation}/messages/{asked.agent_message}/events"
        timeout = httpx2.Timeout(self._patience.silence, connect=self._patience.connect)
        try:
            async with self._client().stream(
                "GET",
                path,
                params={"lastEventId": cursor} if cursor else None,
                headers={"accept": "text/event-stream"},
                timeout=timeout,
                follow_redirects=True,  # the stream is at another path of the same host
            ) as response:
                if response.status_code != httpx2.codes.OK:
                    raise self._refusal(
                        response.status_code, (await response.aread()).decode(errors="replace")
                    )
                async with aclosing(read_events(response.aiter_lines())) as events:
                    async for event in events:
                        yield event
        except httpx2.RequestError as error:
            raise _unreachable(error) from error

    async def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        try:
            response = await self._client().request(method, path, json=body)
        except httpx2.RequestError as error:
            raise _unreachable(error) from error
        if not response.is_success:
            raise self._refusal(response.status_code, response.text)
        try:
            return dict(response.json())
        except (ValueError, TypeError) as error:
            raise DustError(NO_TYPE, f"no JSON: {masked(response.text)[:200]}", 502) from error

    def _refusal(self, status: int, text: str) -> DustError:
        return refusal(status, masked(text.replace(self._access.api_key, "***")))

    def _client(self) -> httpx2.AsyncClient:
        if self._http is None:
            access = self._access
            self._http = httpx2.AsyncClient(
                base_url=f"{access.url.rstrip('/')}/api/v1/w/{access.workspace}",
                headers={"authorization": f"Bearer {access.api_key}"},
                timeout=httpx2.Timeout(ANSWER_SECONDS, connect=self._patience.connect),
            )
        return self._http

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def _unreachable(error: httpx2.RequestError) -> DustError:
    return DustError("unexpected_network_error", f"{type(error).__name__}: {error}")


def _message(agent: str, content: str) -> Json:
    context = {"username": "vulcan", "timezone": "UTC", "origin": "api"}
    return {"content": content, "mentions": [{"configurationId": agent}], "context": context}


def _agent_message(conversation: Json, user_message: str) -> Json | None:
    """The newest version of the agent's answer to a message."""
    for versions in conversation.get("content") or ():
        last = versions[-1] if versions else {}
        if last.get("type") == "agent_message" and last.get("parentMessageId") == user_message:
            return dict(last)
    return None


def title_of(content: str) -> str:
    """A short name for a conversation, so that people can tell them apart."""
    return f"vulcan: {json.dumps(content[:60], ensure_ascii=False)}"
