"""What requests cost by the providers' published rules of prompt caching, computed from their bodies.

Anthropic: an entry is written at a breakpoint (`cache_control`; at the top level it stands for the last block), and read
where an earlier entry ends within 20 blocks before a breakpoint; a read costs 0.1, a write 1.25 times the input price;
prefixes below 1,024 tokens are not cached. OpenAI: a prefix that an earlier request with the same key sent is read in
steps of 128 tokens from 1,024 on, at 0.1 times the price; writing is free. Tokens are characters / 4.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
READ, WRITE, PLAIN = 0.1, 1.25, 1.0
LEAST, LOOK_BACK, STEP = 1024, 20, 128


@dataclass(frozen=True)
class Block:
    text: str
    ends_entry: bool = False

    @property
    def tokens(self) -> float:
        return len(self.text) / 4


def anthropic_blocks(body: Body) -> list[Block]:
    """The blocks of a request of Anthropic's in the order in which they are cached: tools, system, messages."""
    system = body.get("system", [])
    raw = [*body.get("tools", []), *([system] if isinstance(system, str) else system)]
    for message in body["messages"]:
        content = message["content"]
        raw += [content] if isinstance(content, str) else content
    blocks = [_block(each) for each in raw]
    if body.get("cache_control"):
        blocks[-1] = Block(blocks[-1].text, ends_entry=True)
    return blocks


def _block(raw: Any) -> Block:
    if isinstance(raw, str):
        return Block(raw)
    plain = {key: value for key, value in raw.items() if key != "cache_control"}
    return Block(json.dumps(plain), ends_entry="cache_control" in raw)


def openai_blocks(body: Body) -> list[Block]:
    """The blocks of a request of OpenAI's Responses."""
    return [Block(json.dumps(each)) for each in (*body["tools"], body["instructions"], *body["input"])]


def _digests(blocks: Sequence[Block]) -> list[str]:
    """For each block a digest of all up to and with it."""
    running, digests = hashlib.sha256(), []
    for block in blocks:
        running.update(block.text.encode() + b"\0")
        digests.append(running.hexdigest())
    return digests


def _tokens(blocks: Sequence[Block]) -> float:
    return sum(block.tokens for block in blocks)


def anthropic_cost(requests: Sequence[Sequence[Block]]) -> float:
    """In plain input tokens."""
    entries: set[str] = set()
    cost = 0.0
    for blocks in requests:
        digests = _digests(blocks)
        ends = [n for n, block in enumerate(blocks) if block.ends_entry and _tokens(blocks[: n + 1]) >= LEAST]
        read = max(
            (n + 1 for end in ends for n in range(max(0, end - LOOK_BACK), end + 1) if digests[n] in entries),
            default=0,
        )
        written = max((end + 1 for end in ends), default=0)
        entries |= {digests[end] for end in ends}
        cost += READ * _tokens(blocks[:read])
        cost += WRITE * _tokens(blocks[read:written]) + PLAIN * _tokens(blocks[max(read, written) :])
    return cost


def openai_cost(requests: Sequence[Sequence[Block]], keys: Sequence[str]) -> float:
    """In plain input tokens; a request without a key finds nothing."""
    seen: set[tuple[str, str]] = set()
    cost = 0.0
    for blocks, key in zip(requests, keys, strict=True):
        digests = _digests(blocks)
        known = [n + 1 for n, digest in enumerate(digests) if (key, digest) in seen]
        held = _tokens(blocks[: max(known, default=0)])
        read = held // STEP * STEP if key and held >= LEAST else 0.0
        seen |= {(key, digest) for digest in digests}
        cost += READ * read + PLAIN * (_tokens(blocks) - read)
    return cost


def ideal_cost(requests: Sequence[Sequence[Block]], write: float) -> float:
    """As if each block that was ever sent at its place were read, and everything else written."""
    seen: set[str] = set()
    cost = 0.0
    for blocks in requests:
        for block, digest in zip(blocks, _digests(blocks), strict=True):
            cost += block.tokens * (READ if digest in seen else write)
            seen.add(digest)
    return cost
