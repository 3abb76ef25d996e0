"""What going on with a Dust conversation saves: `PYTHONPATH=src:tests python benchmarks/dust_reuse.py [TURNS]`.

A scripted coder reads 2 kB files and edits them, through our double of Dust, once with a new conversation for each
request and once going on. Floor of the rendering: the same history as Chat Completions JSON. What Dust or a provider
caches can't be seen here; characters that go over the wire can. Exit code 1 where a bar is missed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.settings import ModelSettings

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.dust_server import YOU, AgentMessage, Conversation, Reply, calls, dusty, final
from vulcan.application.ports import Briefing
from vulcan.infrastructure.agents.team import Team
from vulcan.infrastructure.llm.chat_completions import request_body
from vulcan.infrastructure.llm.dust.access import DustAccess
from vulcan.infrastructure.llm.dust.model import DustModel

TURNS = 60
SAVED_BAR, COMPACT_BAR = 10.0, 1.0
LINE = "def function_{n}(value: int) -> int:\n    return value + {n}\n"


class Measured(WrapperModel):
    """Counts what the same requests are as Chat Completions JSON."""

    characters = 0

    async def request(
        self, messages: list[ModelMessage], settings: ModelSettings | None, parameters: ModelRequestParameters
    ) -> ModelResponse:
        _, prepared = self.wrapped.prepare_request(settings, parameters)
        instructions = [p.content for p in self.wrapped._get_instruction_parts(messages, prepared) or ()]  # noqa: SLF001 - as models do
        body = request_body("m", instructions, messages, prepared, None)
        self.characters += len(json.dumps([body["messages"], body.get("tools")], ensure_ascii=False))
        return await self.wrapped.request(messages, settings, parameters)


def coder(turns: int) -> Any:
    def script(conversation: Conversation) -> Reply:
        head = next(m["content"] for m in conversation.messages if not isinstance(m, AgentMessage))
        turn = len(YOU.findall(head)) + len(conversation.answers)
        number = turn // 2
        if turn >= turns - 1:
            return final("done")
        if turn % 2 == 0:
            return calls(("read", {"path": f"m{number}.py"}))
        change = {"path": f"m{number}.py", "old": "value + 0\n", "new": "value - 0\n"}
        return calls(("edit", change))

    return script


async def run(turns: int, *, reuse: bool) -> dict[str, float]:
    module = "".join(LINE.format(n=n) for n in range(36))
    files = MemoryWorkspace({f"m{n}.py": module for n in range(turns)})
    with dusty(coder(turns)) as server:
        model = DustModel("ag1", DustAccess("w1", server.url, "sk-test", 6000), reuse=reuse)
        measured = Measured(model)
        start = time.perf_counter()
        await Team(measured).code(Briefing("generate/1", "Fix all"), files, MemoryJournal())
        return {
            "messages": len(server.posted),
            "conversations": len(server.conversations),
            "characters": sum(map(len, server.posted)),
            "chat": measured.characters,
            "requests": len(server.requests),
            "seconds": time.perf_counter() - start,
        }


def main() -> int:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    anew, on = (asyncio.run(run(turns, reuse=reuse)) for reuse in (False, True))
    for name, seen in (("new each time", anew), ("going on", on)):
        print(
            f"{name:<14} {seen['messages']:.0f} messages in {seen['conversations']:.0f} conversations, "
            f"{seen['characters']:,.0f} characters sent, {seen['requests']:.0f} HTTP requests, {seen['seconds']:.1f} s"
        )
    saved, compact = anew["characters"] / on["characters"], anew["characters"] / anew["chat"]
    print(f"going on sends {saved:.1f} times less (bar {SAVED_BAR:.0f})")
    print(
        f"the rendered history has {compact:.3f} of the characters of Chat Completions JSON (bar {COMPACT_BAR})"
    )
    return int(saved < SAVED_BAR or compact > COMPACT_BAR)


if __name__ == "__main__":
    sys.exit(main())
