"""The CallJournal port's suite. A new adapter is one more entry of `ADAPTERS`.

An entry is given a budget and returns a function that opens the same journal (again), as a resumed process would.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fakes.agents import MemoryJournal
from fakes.clock import StillClock
from fakes.memory_store import MemoryBlobStore, MemoryEventStore
from fakes.sample_events import requested
from vulcan.application.conversation.log import ConversationCalls, ConversationLog
from vulcan.application.jobs.log import JobCalls, JobLog
from vulcan.application.ports import CallJournal
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.errors import BudgetExceeded
from vulcan.domain.events import ConversationStarted

Open = Callable[[], CallJournal]
REPLY, TOOL, OTHER = "generate/1/coder/0", "generate/1/coder/0/c1", "generate/1/coder/10"
USAGE = Usage(1, 1_000, 0, 100, 0.5)


def job(budget: Budget) -> Open:
    blobs = MemoryBlobStore()
    store = MemoryEventStore(blobs)
    store.append("j", 0, [requested(budget=budget)])
    return lambda: JobCalls(JobLog.existing("j", store, blobs, StillClock()))


def conversation(budget: Budget) -> Open:
    blobs = MemoryBlobStore()
    store = MemoryEventStore(blobs)
    store.append("c", 0, [ConversationStarted("/project", "ada")])
    return lambda: ConversationCalls(ConversationLog("c", store, blobs), budget)


def memory(budget: Budget) -> Open:
    journal = MemoryJournal(budget)
    return lambda: journal


ADAPTERS = [job, conversation, memory]


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.__name__)
def adapter(request: pytest.FixtureRequest) -> Callable[[Budget], Open]:
    return request.param


@pytest.fixture
def opened(adapter: Callable[[Budget], Open]) -> Open:
    return adapter(Budget())


def test_what_is_recorded_is_found_at_once_and_by_whoever_resumes(opened: Open) -> None:
    journal = opened()
    assert journal.recorded(REPLY) is None
    journal.record_reply(REPLY, "coder", "m", USAGE, '{"text": "é \\ud800"}', "coder v3")
    journal.record_tool(TOOL, "coder", "read", "a.py 1 0", "line\n" * 20_000)
    for each in (journal, opened()):
        assert each.recorded(REPLY) == '{"text": "é \\ud800"}'
        assert each.recorded(TOOL) == "line\n" * 20_000
        assert each.recorded(OTHER) is None


def test_what_is_dropped_counts_no_more_with_what_came_of_it_and_nothing_else(opened: Open) -> None:
    journal = opened()
    for key in (REPLY, OTHER):
        journal.record_reply(key, "coder", "m", USAGE, key)
    journal.record_tool(TOOL, "coder", "read", "a.py", "text")
    journal.drop((REPLY,), "nothing came of it")
    for each in (journal, opened()):
        assert (each.recorded(REPLY), each.recorded(TOOL), each.recorded(OTHER)) == (None, None, OTHER)
    opened().record_reply(REPLY, "coder", "better", USAGE, "another")
    assert opened().recorded(REPLY) == "another"


def test_dropped_replies_stay_paid(adapter: Callable[[Budget], Open]) -> None:
    opened = adapter(Budget(calls=2))
    for _ in range(2):
        opened().check_budget()
        opened().record_reply(REPLY, "coder", "m", USAGE, "bad")
        opened().drop((REPLY,), "bad")
    with pytest.raises(BudgetExceeded):
        opened().check_budget()


@pytest.mark.parametrize("budget", [Budget(calls=1), Budget(tokens=1_000), Budget(cost=0.4)])
def test_a_call_beyond_a_limit_may_not_be_made(adapter: Callable[[Budget], Open], budget: Budget) -> None:
    opened = adapter(budget)
    journal = opened()
    journal.check_budget()
    journal.record_reply(REPLY, "coder", "m", USAGE, "x")
    for each in (journal, opened()):
        with pytest.raises(BudgetExceeded):
            each.check_budget()


def test_waiting_is_no_reply_and_costs_nothing(opened: Open) -> None:
    journal = opened()
    journal.record_wait("coder", 30.0, "busy")
    journal.check_budget()
    assert journal.recorded(REPLY) is None
    assert journal.steering() == ()
