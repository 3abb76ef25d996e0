"""The double of Dust and our requests, judged by Dust's own client and its schemas."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.dust_server import (
    BAD_GATEWAY,
    BROKEN,
    Conversation,
    DustServer,
    Reply,
    calls,
    dusty,
    fails,
    final,
    refuse,
    say,
)
from vulcan.application.ports import Briefing
from vulcan.domain.errors import ModelUnavailable
from vulcan.infrastructure.agents.team import Team
from vulcan.infrastructure.llm.dust.access import DustAccess, Patience
from vulcan.infrastructure.llm.dust.model import DustModel

pytestmark = [pytest.mark.npm, pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")]
HERE = Path(__file__).parent / "dust_client"
KINDS: dict[str, Reply] = {
    "plain": {},
    "done": {"done": 2},
    "cut": {"cut": 2},
    "lag": {"lag": 1},
    "pruned": {"pruned": True},
    "silent": {"silent": 0.2},
    "replay": {"done": 2, "replay": True},
    "expired": {"expired": True},
    "hang": {"hang": True},
    "ask": {"ask": True},
    "fails": fails("retryable_model_error"),
    "limited-429": refuse(429, "rate_limit_error"),
    "limited-403": refuse(403, "rate_limit_error"),
    "gateway": BAD_GATEWAY,
    "broken": BROKEN,
}
TERMINAL = {"agent_message_success", "agent_error", "agent_generation_cancelled"}


def by_word(conversation: Conversation) -> Reply:
    """The reply whose kind the message names."""
    word = str(conversation.messages[-1]["content"]).split()[0]
    return final(f"the whole answer to {word}") | KINDS[word]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dust-client")
    shutil.copy(HERE / "package.json", folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=180)
    return folder / "package.json"


async def our_bodies() -> list[tuple[str, Any]]:
    """All that `DustModel` sends: a conversation, further messages, a repair, a cancel."""
    files = MemoryWorkspace({"calc.py": "x = 1\n"})
    script = [say("no envelope"), calls(("read", {"path": "calc.py"})), final("done"), final("", hang=True)]
    with dusty(script) as server:
        access = DustAccess("w1", server.url, "sk-test")
        await Team(DustModel("ag1", access)).code(Briefing("generate/1", "Do it"), files, MemoryJournal())
        with suppress(ModelUnavailable):
            hasty = DustModel("ag1", access, Patience(deadline=0.3))
            await Team(hasty).code(Briefing("generate/2", "Do it"), files, MemoryJournal())
    return server.bodies


def drive(client: Path, server: DustServer, bodies: Path) -> dict[str, Any]:
    command = ["node", str(HERE / "drive.mjs"), server.url, str(bodies), str(client)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def seen(client: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    bodies = tmp_path_factory.mktemp("bodies") / "bodies.json"
    bodies.write_text(json.dumps(asyncio.run(our_bodies())))
    with dusty(by_word) as server:
        yield drive(client, server, bodies)


def test_the_official_client_takes_the_double_for_dust(seen: dict[str, Any]) -> None:
    assert {name: result for name, result in seen["checks"].items() if result != "ok"} == {}
    assert len(seen["checks"]) == 24
    assert seen["events"].keys() >= TERMINAL | {
        "generation_tokens",
        "agent_context_pruned",
        "agent_message_done",
    }


def test_what_we_send_is_what_the_server_takes(seen: dict[str, Any]) -> None:
    assert {route: set(results) for route, results in seen["bodies"].items()} == {
        "conversations": {"ok"},
        "messages": {"ok"},
        "cancel": {"ok"},
    }
    assert seen["canFail"]


def test_the_version_is_pinned(client: Path) -> None:
    installed = json.loads((client.parent / "node_modules/@dust-tt/client/package.json").read_text())
    assert re.fullmatch(r"1\.2\.8", installed["version"])
