"""Chat Completions streams put together, whatever pieces they come in and however servers differ."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulcan.infrastructure.llm.sse import Assembled, CutStreamError, assemble, lines_of

Chunk = dict[str, Any]


async def each(items: Iterable[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item


def delta(finish: str | None = None, **part: Any) -> Chunk:
    return {"choices": [{"index": 0, "delta": part, "finish_reason": finish}]}


def call(arguments: Any, name: str | None = None, identity: str | None = None, **place: Any) -> Chunk:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return delta(tool_calls=[place | ({"id": identity} if identity else {}) | {"function": function}])


async def read(*chunks: Chunk | str, done: bool = True) -> Assembled:
    lines = [c if isinstance(c, str) else f"data: {json.dumps(c)}" for c in chunks]
    return await assemble(each([*lines, *(["data: [DONE]"] if done else [])]))


def calls(reply: Assembled) -> list[tuple[str, str, str]]:
    return [(c["id"], c["name"], c["arguments"]) for _, c in sorted(reply.calls.items())]


async def test_text_model_usage_and_reason() -> None:
    reply = await read(
        ": keep-alive",
        "event: message",
        {**delta(role="assistant", content="Hel"), "model": "m-1"},
        delta(content="lo"),
        delta(finish="stop"),
        {"choices": [], "usage": {"prompt_tokens": 3}},
    )
    assert (reply.content, reply.model, reply.finish_reason) == ("Hello", "m-1", "stop")
    assert reply.usage == {"prompt_tokens": 3}


async def test_calls_in_fragments_and_side_by_side() -> None:
    reply = await read(
        call('{"pa', "read", "a", index=0),
        call("", "edit", "b", index=1),
        call('th":1}', index=0),
        call("{}", index=1),
    )
    assert calls(reply) == [("a", "read", '{"path":1}'), ("b", "edit", "{}")]


@pytest.mark.parametrize("place", [{}, {"index": None}, {"index": 0}])
async def test_servers_that_do_not_number_their_calls(place: dict[str, Any]) -> None:
    reply = await read(call("{}", "read", "a", **place), call("{}", "edit", "b", **place))
    assert calls(reply) == [("a", "read", "{}"), ("b", "edit", "{}")]


async def test_an_id_that_is_repeated_with_each_fragment_stays_one_call() -> None:
    reply = await read(call('{"a"', "read", "a", index=0), call(":1}", None, "a", index=0))
    assert calls(reply) == [("a", "read", '{"a":1}')]


async def test_arguments_that_come_as_an_object() -> None:
    assert calls(await read(call({"path": "x"}, "read", "a"))) == [("a", "read", '{"path": "x"}')]


async def test_nothing_is_read_after_the_end() -> None:
    assert (await read(delta(content="a", finish="stop"), "data: [DONE]", "data: {broken")).content == "a"


async def test_a_finish_reason_is_end_enough() -> None:
    assert (await read(delta(content="a", finish="stop"), done=False)).content == "a"


@pytest.mark.parametrize("chunks", [[], [delta(content="half")], [": only a comment"]])
async def test_a_cut_stream(chunks: list[Any]) -> None:
    with pytest.raises(CutStreamError, match="before the model was done"):
        await read(*chunks, done=False)


@pytest.mark.parametrize(
    "data",
    [
        "{half",
        "null",
        "[]",
        '"text"',
        '{"choices": [null]}',
        '{"choices": 3}',
        '{"choices": [{"delta": {"content": [{"type": "text"}]}}]}',
        '{"choices": [{"delta": {"tool_calls": ["x"]}}]}',
    ],
)
async def test_a_chunk_of_another_form_is_an_error_of_the_stream(data: str) -> None:
    with pytest.raises(CutStreamError, match="can't be understood"):
        await read(f"data: {data}")


# A model may write any of these, and a server need not escape them.
TEXT = st.text(st.sampled_from("ab\x85\u2028\u2029é🙂"), max_size=8)


@given(st.lists(TEXT, max_size=4), st.integers(min_value=1, max_value=7), st.sampled_from(["\n", "\r\n"]))
async def test_any_text_in_any_pieces_of_bytes(texts: list[str], size: int, end: str) -> None:
    chunks = [f"data: {json.dumps(delta(content=t), ensure_ascii=False)}{end}{end}" for t in texts]
    stream = ("".join(chunks) + "data: [DONE]").encode()
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]

    assert (await assemble(lines_of(each(pieces)))).content == "".join(texts)
