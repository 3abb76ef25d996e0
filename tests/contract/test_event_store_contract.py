"""The EventStore port's suite. A new adapter is one more entry of `ADAPTERS`.

An entry is a context manager: given a folder of its own and a clock, it yields a function that opens the same
store (again), as another process of the machine would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Barrier, Thread

import pytest

from fakes.memory_store import MemoryEventStore
from fakes.sample_events import called, replied, requested, some_events
from vulcan.application.observability.audit import verify
from vulcan.application.ports import EventStore
from vulcan.domain.budget import Budget
from vulcan.domain.errors import ConcurrentAppend, VulcanError
from vulcan.domain.events import BudgetRaised, ClarificationAnswered, JobPaused
from vulcan.infrastructure.store import SqliteEventStore

Open = Callable[[], EventStore]


@contextmanager
def memory(folder: Path, now: Callable[[], float]) -> Iterator[Open]:
    store = MemoryEventStore(now=now)
    yield lambda: store


@contextmanager
def sqlite(folder: Path, now: Callable[[], float]) -> Iterator[Open]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(SqliteEventStore(folder / "state" / "log.db", now=now))


@contextmanager
def sqlite_durable(folder: Path, now: Callable[[], float]) -> Iterator[Open]:
    with ExitStack() as stack:
        path = folder / "state" / "log.db"
        yield lambda: stack.enter_context(SqliteEventStore(path, now=now, durable=True))


ADAPTERS = [memory, sqlite, sqlite_durable]


@dataclass
class Clock:
    time: float = 1_700_000_000.25

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.__name__)
def opened(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Open]:
    with request.param(tmp_path, clock) as open_store:
        yield open_store


@pytest.fixture
def store(opened: Open) -> EventStore:
    return opened()


def test_what_is_appended_is_read_in_order_with_place_and_time(store: EventStore, clock: Clock) -> None:
    events = some_events()

    first = store.append("job-1", 0, events[:2])
    clock.time += 5.5
    rest = store.append("job-1", 2, events[2:])

    stored = store.read("job-1")
    assert stored == first + rest
    assert [each.event for each in stored] == events
    assert [each.seq for each in stored] == [1, 2, 3, 4, 5]
    assert [each.at for each in stored] == [1_700_000_000.25] * 2 + [1_700_000_005.75] * 3
    assert {each.job for each in stored} == {"job-1"}


def test_read_after_gives_the_rest_only(store: EventStore) -> None:
    store.append("job-1", 0, some_events())

    assert [each.seq for each in store.read("job-1", after=3)] == [4, 5]
    assert store.read("job-1", after=5) == []
    assert store.read("job-1", after=99) == []


def test_an_unknown_job_has_an_empty_log(store: EventStore) -> None:
    assert store.read("nobody") == []
    assert store.jobs() == []


@pytest.mark.parametrize("expected", [-1, 0, 1, 3, 99])
def test_a_wrong_expectation_writes_nothing(store: EventStore, expected: int) -> None:
    store.append("job-1", 0, [requested(), replied()])

    with pytest.raises(ConcurrentAppend):
        store.append("job-1", expected, [called(), called()])

    assert [each.event for each in store.read("job-1")] == [requested(), replied()]
    store.append("job-1", 2, [called()])


@pytest.mark.parametrize("expected", [-1, 1])
def test_a_new_log_starts_at_zero(store: EventStore, expected: int) -> None:
    with pytest.raises(ConcurrentAppend):
        store.append("job-1", expected, [requested()])

    assert store.jobs() == []


def test_appending_nothing_changes_nothing_but_still_checks(store: EventStore) -> None:
    assert store.append("job-1", 0, []) == []
    assert store.jobs() == []
    with pytest.raises(ConcurrentAppend):
        store.append("job-1", 7, [])


def test_jobs_come_oldest_first_and_do_not_mix(store: EventStore) -> None:
    for job in ("zebra", "ant", "mole"):
        store.append(job, 0, [requested(job)])
    store.append("zebra", 1, [replied()])

    assert store.jobs() == ["zebra", "ant", "mole"]
    assert [each.event for each in store.read("ant")] == [requested("ant")]
    assert [each.seq for each in store.read("zebra")] == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "naïve 漢字 🜂",
        "nul \0 and \x1b[31m",
        "a lone \ud800 surrogate",
        "'; DROP TABLE events; --",
        "\r\n\u2028",
    ],
    ids=["empty", "unicode", "control", "surrogate", "quotes", "line ends"],
)
def test_any_text_survives(store: EventStore, text: str) -> None:
    store.append("job-1", 0, [requested(text), ClarificationAnswered(text, by=text)])

    assert [each.event for each in store.read("job-1")] == [
        requested(text),
        ClarificationAnswered(text, by=text),
    ]


@pytest.mark.parametrize("size", [64 * 1024 - 100, 64 * 1024 + 1, 3_000_000])
def test_a_large_payload_survives(opened: Open, size: int) -> None:
    event = called(summary="é" * (size // 6))  # six characters of JSON each
    opened().append("job-1", 0, [requested(), event])

    assert opened().read("job-1")[1].event == event


def test_what_is_no_json_is_refused_and_nothing_is_written(store: EventStore) -> None:
    with pytest.raises(VulcanError, match="BudgetRaised can't be stored"):
        store.append("job-1", 0, [requested(), BudgetRaised(Budget(cost=float("nan")))])

    assert store.read("job-1") == []


def test_another_opening_sees_it_and_may_go_on(opened: Open) -> None:
    one, two = opened(), opened()
    one.append("job-1", 0, [requested()])

    assert [each.event for each in two.read("job-1")] == [requested()]
    two.append("job-1", 1, [replied()])
    with pytest.raises(ConcurrentAppend):
        one.append("job-1", 1, [called()])
    assert [each.event for each in one.read("job-1")] == [requested(), replied()]


def test_follow_gives_what_is_there_then_none_then_what_comes(opened: Open) -> None:
    mine, other = opened(), opened()
    other.append("job-1", 0, [requested()])
    news = mine.follow("job-1")

    assert next(news).event == requested()  # type: ignore[union-attr]
    assert [next(news), next(news)] == [None, None]
    other.append("job-1", 1, [replied(), called()])
    assert [next(news).seq, next(news).seq] == [2, 3]  # type: ignore[union-attr]
    assert next(news) is None
    mine.append("job-1", 3, [JobPaused("Ctrl-C")])
    assert next(news).event == JobPaused("Ctrl-C")  # type: ignore[union-attr]
    assert next(news) is None


def test_follow_starts_after_and_waits_for_a_job_to_come(store: EventStore) -> None:
    later, unborn = store.follow("job-1", after=2), store.follow("job-2")
    assert next(unborn) is None
    store.append("job-1", 0, some_events())

    assert next(later).seq == 3  # type: ignore[union-attr]
    assert next(unborn) is None
    store.append("job-2", 0, [requested()])
    assert next(unborn).seq == 1  # type: ignore[union-attr]


def test_follow_sees_what_comes_between_two_of_its_events(store: EventStore) -> None:
    store.append("job-1", 0, [requested(), replied()])
    news = store.follow("job-1")
    seen = [next(news)]
    store.append("job-1", 2, [called()])
    seen += [next(news), next(news)]

    assert [each.seq for each in seen if each] == [1, 2, 3]


def test_of_many_writers_exactly_one_wins_each_place(opened: Open) -> None:
    writers, places = 4, 15
    stores = [opened() for _ in range(writers)]
    barrier = Barrier(writers)
    won: list[tuple[int, int]] = []

    def write(number: int) -> None:
        barrier.wait()
        for seq in range(places):
            try:
                stores[number].append("job-1", seq, [JobPaused(f"{number}/{seq}")])
            except ConcurrentAppend:
                continue
            won.append((seq, number))

    threads = [Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    log = [each.event for each in stores[0].read("job-1")]
    assert log == [JobPaused(f"{number}/{seq}") for seq, number in sorted(won)]
    assert [seq for seq, _ in sorted(won)] == list(range(len(log)))
    assert len(log) > 0


def test_one_store_may_be_used_from_many_threads(store: EventStore) -> None:
    numbers = count()

    def work() -> None:
        job = f"job-{next(numbers)}"
        for seq, event in enumerate(some_events()):
            store.append(job, seq, [event])
            assert len(store.read(job)) == seq + 1

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(store.jobs()) == ["job-0", "job-1", "job-2", "job-3"]
    for job in store.jobs():
        assert [each.event for each in store.read(job)] == some_events()


def test_who_asks_for_changes_learns_which_logs_have_news(store: EventStore) -> None:
    assert store.changed(0) == (0, [])
    store.append("job-1", 0, [requested()])
    store.append("job-2", 0, [requested()])
    place, changed = store.changed(0)
    assert changed == ["job-1", "job-2"]
    assert store.changed(place) == (place, [])
    store.append("job-1", 1, [replied()])
    later, changed = store.changed(place)
    assert changed == ["job-1"]
    assert later > place


def test_all_logs_are_one_chain_that_verifies(store: EventStore) -> None:
    store.append("job-1", 0, [requested(), replied()])
    store.append("job-2", 0, [requested()])
    store.append("job-1", 2, [replied()])
    chain = store.chain()
    assert verify(chain) == []
    assert [(link.job, link.seq) for link in chain.links] == [
        ("job-1", 1), ("job-1", 2), ("job-2", 1), ("job-1", 3)
    ]  # fmt: skip
    assert (chain.length, chain.head) == (4, chain.links[-1].digest)
    store.check()
