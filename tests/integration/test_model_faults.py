"""Models that misbehave: over a real HTTP server, through the real agents; each ends in a clear outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes.agents import MemoryJournal, MemoryWorkspace
from fakes.model_server import CUT, EMPTY, GARBAGE, HTML, SILENT, ModelServer, calls, serving, status, text
from vulcan.application.ports import Briefing, CommandResult
from vulcan.domain.budget import Budget
from vulcan.domain.errors import BudgetExceeded, ModelUnavailable
from vulcan.infrastructure.agents.journaled import Waiting
from vulcan.infrastructure.agents.run import Tuning
from vulcan.infrastructure.agents.team import TURNS, Team
from vulcan.infrastructure.llm.chat_completions import ChatCompletionsModel
from vulcan.infrastructure.llm.fallback import FallbackChain
from vulcan.infrastructure.llm.faults import Patience
from vulcan.infrastructure.llm.registry import Access, make_model

QUICK = Patience(silence=0.3, connect=1.0, tries=3, pause=0.01)
BRIEFING = Briefing("generate/1", "Make add add", overview="Files:\ncalc.py")
EDIT = calls(("edit", {"path": "calc.py", "old": "a - b", "new": "a + b"}))
REQUIREMENTS = calls(("submit_requirements", {"summary": "Add", "criteria": ["add(2, 3) is 5"]}))


def workspace() -> MemoryWorkspace:
    return MemoryWorkspace({"calc.py": "def add(a, b):\n    return a - b\n"})


def team(server: ModelServer, patience: Patience = QUICK) -> Team:
    return Team(ChatCompletionsModel("scripted", server.url, "key", patience), tuning=HASTY)


HASTY = Tuning(waiting=Waiting(patience=0.05, first=0.01))


async def test_a_fix_goes_through() -> None:
    files, journal = workspace(), MemoryJournal()
    with serving([EDIT, text("done")]) as server:
        assert await team(server).code(BRIEFING, files, journal) == "done"
    assert b"a + b" in files.files["calc.py"]
    assert journal.order == ["generate/1/coder/0", "generate/1/coder/0/call_0", "generate/1/coder/1"]
    assert (journal.usage.calls, journal.usage.input_tokens, journal.usage.output_tokens) == (2, 200, 14)


@pytest.mark.parametrize(
    "fault", [status(500), status(529), status(429, retry_after="0.01"), CUT, SILENT, GARBAGE, HTML, EMPTY]
)
async def test_what_passes_is_tried_again(fault: Any) -> None:
    with serving([fault, fault, text("done")]) as server:
        assert await team(server).code(BRIEFING, workspace(), MemoryJournal()) == "done"
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [status(500), CUT, SILENT, GARBAGE, HTML, EMPTY])
async def test_what_does_not_pass_ends_clearly_and_costs_nothing(fault: Any) -> None:
    journal = MemoryJournal()
    with serving([fault]) as server, pytest.raises(ModelUnavailable, match="3 tries") as caught:
        await team(server).code(BRIEFING, workspace(), journal)
    assert "vulcan resume" in caught.value.hint
    assert (len(server.requests), journal.order) == (3, [])


async def test_a_busy_service_is_waited_for_as_long_as_it_asks_and_patience_lasts() -> None:
    journal = MemoryJournal()
    with serving([status(429, retry_after="0.02")]) as server, pytest.raises(ModelUnavailable) as caught:
        await team(server).code(BRIEFING, workspace(), journal)
    assert "takes no more requests for now" in caught.value.message
    assert "patience" in caught.value.message + caught.value.hint
    assert [(agent, seconds) for agent, seconds, _reason in journal.waits] == [("coder", 0.02)] * 2
    assert len(server.requests) == 3


async def test_a_service_that_always_says_now_uses_patience_up_too() -> None:
    journal = MemoryJournal()
    with serving([status(500, retry_after="0")]) as server, pytest.raises(ModelUnavailable, match="patience"):
        await team(server).code(BRIEFING, workspace(), journal)
    waits = [seconds for _agent, seconds, _reason in journal.waits]
    assert waits[0] > 0
    assert waits == sorted(waits)
    assert sum(waits) <= HASTY.waiting.patience


@pytest.mark.parametrize(
    ("code", "advice"),
    [(400, "name"), (401, "OPENAI_API_KEY"), (403, "OPENAI_API_KEY"), (404, "name and URL")],
)
async def test_a_refusal_is_not_tried_again(code: int, advice: str) -> None:
    with serving([status(code)]) as server, pytest.raises(ModelUnavailable, match=str(code)) as caught:
        await team(server).code(BRIEFING, workspace(), MemoryJournal())
    assert advice in caught.value.hint
    assert len(server.requests) == 1


async def test_nobody_listens() -> None:
    model = ChatCompletionsModel("scripted", "http://127.0.0.1:9/v1", "", QUICK)
    with pytest.raises(ModelUnavailable, match="no usable answer"):
        await Team(model).code(BRIEFING, workspace(), MemoryJournal())


async def test_a_chain_goes_on_where_one_model_does_not_answer() -> None:
    def make(server: ModelServer, name: str) -> ChatCompletionsModel:
        return ChatCompletionsModel(name, server.url, "key", QUICK)

    with serving([status(429, retry_after="0.01")]) as first, serving([EDIT, text("done")]) as second:
        files = workspace()
        chain = FallbackChain([make(first, "wanted"), make(second, "spare")])
        assert await Team(chain).code(BRIEFING, files, MemoryJournal()) == "done"
        assert b"a + b" in files.files["calc.py"]
        assert {body["model"] for body in second.requests} == {"spare"}
        assert make_model("a, b", Access(second.url)).model_name == "a,b"
    with serving([status(500)]) as first, serving([status(401)]) as second:
        chain = FallbackChain([make(first, "wanted"), make(second, "spare")])
        with pytest.raises(ModelUnavailable, match=r"wanted at .*; the model spare at ") as caught:
            await Team(chain).code(BRIEFING, workspace(), MemoryJournal())
    assert "vulcan resume" in caught.value.hint


async def test_unknown_tools_and_truncated_arguments_are_told_to_the_model() -> None:
    script = [calls(("launch", {})), calls(("read", '{"path": "calc')), EDIT, text("done")]
    files = workspace()
    with serving(script) as server:
        await team(server).code(BRIEFING, files, MemoryJournal())
    assert b"a + b" in files.files["calc.py"]
    told = [m["content"] for m in server.requests[-1]["messages"] if m["role"] == "tool"]
    assert "launch" in told[0]
    assert "JSON" in told[1] or "json" in told[1]


@pytest.mark.parametrize(
    "reply", [text("I refuse to use tools."), calls(("submit_requirements", {"summary": 3}))]
)
async def test_replies_that_never_fit_end_clearly(reply: Any) -> None:
    with serving([reply]) as server, pytest.raises(ModelUnavailable, match="can't be used"):
        await team(server).analyze(BRIEFING, workspace(), MemoryJournal())
    assert len(server.requests) <= 6


async def test_an_unfit_reply_is_mended_by_the_model() -> None:
    with serving([calls(("submit_requirements", {"summary": "Add"})), REQUIREMENTS]) as server:
        requirement = await team(server).analyze(BRIEFING, workspace(), MemoryJournal())
    assert [(c.id, c.text) for c in requirement.criteria] == [("AC-1", "add(2, 3) is 5")]


async def test_an_endless_loop_is_stopped() -> None:
    with serving([calls(("shell", {"command": "true"}))]) as server:
        summary = await team(server).code(BRIEFING, workspace(), MemoryJournal())
    assert "repeated without end" in summary
    assert len(server.requests) < 10


async def test_endless_turns_are_bounded() -> None:
    journal = MemoryJournal(Budget(calls=None))
    turn = iter(range(10_000))
    with serving(lambda _: calls(("shell", {"command": f"echo {next(turn)}"}))) as server:
        summary = await team(server, Patience(pause=0.01)).code(BRIEFING, workspace(), journal)
    assert "turns were used up" in summary
    assert len(server.requests) == TURNS["coder"]
    sent = [len(json.dumps(body["messages"])) for body in server.requests]
    assert max(sent) < 40_000, "the history is bounded"
    assert "Make add add" in json.dumps(server.requests[-1]["messages"]), "the goal survives"


async def test_the_budget_is_checked_before_each_call() -> None:
    journal = MemoryJournal(Budget(tokens=150))
    turn = iter(range(100))
    with (
        serving(lambda _: calls(("shell", {"command": f"echo {next(turn)}"}))) as server,
        pytest.raises(BudgetExceeded),
    ):
        await team(server).code(BRIEFING, workspace(), journal)
    assert len(server.requests) == 2, "overshoot is at most one call"


async def test_what_was_answered_is_not_asked_again() -> None:
    journal, files = MemoryJournal(), workspace()
    with serving([EDIT, text("done")]) as server:
        await team(server).code(BRIEFING, files, journal)
    with serving([status(500)]) as server:
        assert await team(server).code(BRIEFING, files, journal) == "done"
    assert server.requests == []


async def test_half_a_history_is_finished() -> None:
    """Killed between a reply with two calls and its second result: only what is missing is done."""
    two = calls(("shell", {"command": "first"}), ("shell", {"command": "second"}))
    journal, files = MemoryJournal(), workspace()
    with serving([two, text("done")]) as server:
        await team(server).code(BRIEFING, files, journal)
    for key in journal.order[-2:]:
        del journal.payloads[key]
    again = workspace()
    with serving([text("done")]) as server:
        assert await team(server).code(BRIEFING, again, journal) == "done"
    assert again.commands == ["second"]
    assert len(server.requests) == 1


async def test_duplicate_call_ids_are_told_apart() -> None:
    double = calls(("shell", {"command": "one"}), ("shell", {"command": "two"}))
    double["tool_calls"][1]["id"] = "call_0"
    files = workspace()
    with serving([double, text("done")]) as server:
        await team(server).code(BRIEFING, files, MemoryJournal())
    assert files.commands == ["one", "two"]
    ids = [m["tool_call_id"] for m in server.requests[-1]["messages"] if m["role"] == "tool"]
    assert len(set(ids)) == 2


async def test_the_beginning_of_requests_is_stable() -> None:
    turn = iter(range(100))
    script = lambda _: calls(("shell", {"command": f"echo {n}"})) if (n := next(turn)) < 8 else text("done")  # noqa: E731
    with serving(script) as server:
        await team(server).code(BRIEFING, workspace(), MemoryJournal())
    for before, after in zip(server.requests, server.requests[1:], strict=False):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert after["tools"] == before["tools"]


async def test_rules_of_nested_folders_are_shown_once() -> None:
    files = MemoryWorkspace({"sub/a.py": "x = 1\n", "sub/b.py": "y = 1\n", "sub/AGENTS.md": "Use tabs."})
    script = [calls(("read", {"path": "sub/a.py"})), calls(("read", {"path": "sub/b.py"})), text("done")]
    with serving(script) as server:
        await team(server).code(BRIEFING, files, MemoryJournal())
    assert json.dumps(server.requests[-1]["messages"]).count("Use tabs.") == 1


async def test_a_command_that_prints_no_utf8_is_shown() -> None:
    files = MemoryWorkspace({}, lambda _: CommandResult(1, "caf\ufffd", 4, 0.0))
    with serving([calls(("shell", {"command": "cat x"})), text("done")]) as server:
        await team(server).code(BRIEFING, files, MemoryJournal())
    assert "[exit code 1]" in server.requests[-1]["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ({"command": ["python", "-m", "pytest"], "timeout": "30s"}, "python -m pytest"),
        ({"command": ["bash", "-lc", "ls | wc"], "timeout": 30.5}, "ls | wc"),
        ({"command": "ls", "description": "List all files", "timeout": "30"}, "ls"),
    ],
)
async def test_arguments_whose_meaning_is_plain_are_taken(arguments: dict[str, Any], command: str) -> None:
    files = workspace()
    with serving([calls(("shell", arguments)), text("done")]) as server:
        await team(server).code(BRIEFING, files, MemoryJournal())
    assert files.commands == [command]


async def test_an_argument_that_a_tool_lacks_is_told_and_nothing_is_done() -> None:
    files = workspace()
    with serving([calls(("shell", {"command": "ls", "cwd": "src"})), text("done")]) as server:
        await team(server).code(BRIEFING, files, MemoryJournal())
    assert files.commands == []
    told = server.requests[1]["messages"][-1]["content"]
    assert "shell has no cwd, so nothing was done. It takes: command, timeout." in told


async def test_wrong_arguments_are_told_in_plain_words() -> None:
    with serving([WRONG, text("done")]) as server:
        await team(server).code(BRIEFING, workspace(), MemoryJournal())
    told = server.requests[1]["messages"][-1]["content"]
    assert (
        "shell was not taken, so nothing was done. command: Input should be a valid string (given: {" in told
    )
    assert "pydantic" not in told
    assert "additionalProperties': False" in str(server.requests[0]["tools"])


WRONG = calls(("shell", {"command": {"run": "python -m pytest"}, "timeout": "soon"}))


@pytest.mark.parametrize("bad", [WRONG, text(""), text('<tool_call>{"name": "edit"}</tool_call>')])
async def test_a_job_that_a_weak_model_spoilt_goes_on_with_a_better_one(bad: Any) -> None:
    """What led to nothing counts no more; the good beginning of the record is kept."""
    journal, files = MemoryJournal(), workspace()
    with serving([EDIT, bad]) as weak, pytest.raises(ModelUnavailable, match="can't be used") as caught:
        await team(weak).code(BRIEFING, files, journal)
    assert "vulcan resume --model NAME" in caught.value.hint
    assert "pydantic" not in caught.value.message
    assert list(journal.payloads) == ["generate/1/coder/0", "generate/1/coder/0/call_0"]
    with serving([text("done")]) as better:
        assert await team(better).code(BRIEFING, files, journal) == "done"
    assert len(better.requests) == 1
    assert json.dumps(better.requests[0]).count("Edited calc.py") == 1


async def test_the_next_model_of_a_chain_mends_what_the_first_spoilt() -> None:
    journal, files = MemoryJournal(), workspace()
    with serving([EDIT, WRONG]) as weak, serving([text("done")]) as strong:
        models = [ChatCompletionsModel(n, s.url, "", QUICK) for n, s in (("weak", weak), ("strong", strong))]
        assert await Team(FallbackChain(models)).code(BRIEFING, files, journal) == "done"
    assert [body["model"] for body in strong.requests] == ["strong"]
    assert b"a + b" in files.files["calc.py"]


@pytest.mark.parametrize(
    "words",
    [
        '<tool_call>{"name": "edit"}</tool_call>',
        '{"name": "edit", "arguments": {}}',
        '```json\n[{"name": "shell"}]\n```',
    ],
)
async def test_a_call_as_text_is_no_end_and_the_model_is_told_so(words: str) -> None:
    files = workspace()
    with serving([text(words), EDIT, text('{"ok": true}')]) as server:
        assert await team(server).code(BRIEFING, files, MemoryJournal()) == '{"ok": true}'
    assert b"a + b" in files.files["calc.py"]
    assert "tool call as text" in json.dumps(server.requests[1]["messages"][-1])


async def test_words_that_were_cut_off_are_no_end() -> None:
    with serving([text("I will now") | {"stop": "length"}, EDIT, text("done")]) as server:
        assert await team(server).code(BRIEFING, workspace(), MemoryJournal()) == "done"
    assert "cut off" in json.dumps(server.requests[1]["messages"][-1])


async def test_an_analyst_that_came_to_no_end_is_asked_anew() -> None:
    turn, journal = iter(range(100)), MemoryJournal()
    with (
        serving(lambda _: calls(("search", {"pattern": f"x{next(turn)}"}))) as server,
        pytest.raises(ModelUnavailable, match="no requirements"),
    ):
        await team(server).analyze(BRIEFING, workspace(), journal)
    with serving([REQUIREMENTS]) as better:
        assert (await team(better).analyze(BRIEFING, workspace(), journal)).summary == "Add"


async def test_a_history_that_is_too_long_is_shortened_and_the_work_goes_on() -> None:
    """A local model that reads 20,000 characters: its server refuses more."""
    most, turn = 20_000, iter(range(100))

    def script(body: Any) -> Any:
        if len(json.dumps(body["messages"])) > most:
            return status(400) | {"said": "This model's maximum context length is 5000 tokens."}
        return calls(("shell", {"command": f"echo {n}"})) if (n := next(turn)) < 30 else text("done")

    def run(command: str) -> CommandResult:
        return CommandResult(0, f"{command}\n" + "a line of output\n" * 60, 10, 0.01)

    with serving(script) as server:
        assert await team(server).code(BRIEFING, MemoryWorkspace({}, run), MemoryJournal()) == "done"
    refused = [body for body in server.requests if len(json.dumps(body["messages"])) > most]
    assert 1 <= len(refused) <= 3, "what was learned of the model is kept"
    assert "Make add add" in json.dumps(server.requests[-1]["messages"])


@pytest.mark.parametrize(
    ("code", "said", "words"),
    [
        (429, "You exceeded your current quota: insufficient_quota", "is used up"),
        (400, "Your credit balance is too low", "is used up"),
        (404, "no such model", "is not there"),
    ],
)
async def test_what_a_server_says_is_understood(code: int, said: str, words: str) -> None:
    with serving([status(code) | {"said": said}]) as server, pytest.raises(ModelUnavailable, match=words):
        await team(server).code(BRIEFING, workspace(), MemoryJournal())
    assert len(server.requests) == 1
