"""Figures of jobs: what they sum to, and how they are written out."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from fakes.generated import events
from fakes.memory_store import MemoryEventStore
from fakes.sample_events import called, replied, requested
from fakes.whole_job import COSTS, WORKER, WholeJob, whole_job
from vulcan.application.observability.incremental_stats import IncrementalStats
from vulcan.application.observability.prometheus import metrics_of, prometheus_text
from vulcan.application.observability.stats import NO_TOOL, GateCount, Stats, of_job, of_jobs
from vulcan.application.observability.timeline import timeline
from vulcan.application.ports import StoredEvent
from vulcan.domain.budget import Usage
from vulcan.domain.events import Event, JobCancelled, ModelReplied, Stage, StageStarted, WorkStarted
from vulcan.domain.job import fold


def test_the_figures_of_a_whole_job() -> None:
    stats = of_job(whole_job().log)
    assert stats.states == {"done": 1}
    assert (stats.jobs, stats.judged, stats.proven, stats.proven_at_once) == (1, 1, 1, 0)
    assert (stats.criteria, stats.criteria_proven, stats.coverage) == (2, 2, 75.0)
    assert stats.gates == {"change": GateCount(1, 0), "red_green": GateCount(1, 0)}
    assert stats.total.cost == sum(COSTS)
    assert stats.total.calls == 4
    assert stats.by_agent["coder"].seconds == 9  # 3 s and 6 s; the pause of 100 s is nobody's
    assert stats.by_tool["shell"].seconds == 4
    assert stats.by_tool["shell"].cost == COSTS[1]
    assert stats.by_tool[NO_TOOL].calls == 3
    assert stats.by_stage["generate"].calls == 2
    assert stats.by_stage["generate"].seconds == 18  # 12 s until the pause, 6 s after it
    assert stats.by_stage["release"].seconds == 2  # waiting for approval is not counted
    assert stats.by_stage["generate"].cost == COSTS[1] + COSTS[2]


def test_costs_by_agent_model_stage_and_tool_each_sum_to_the_total() -> None:
    stats = of_jobs([whole_job().log, whole_job().log])
    for table in (stats.by_agent, stats.by_model, stats.by_stage, stats.by_tool):
        assert math.isclose(sum(each.cost for each in table.values()), 2 * sum(COSTS))
        assert math.isclose(sum(each.input_tokens for each in table.values()), stats.total.input_tokens)


def test_calls_of_one_reply_share_its_cost() -> None:
    job = WholeJob()
    key = "generate/1/coder/0"
    job.add(0, requested())
    job.add(1, replied(key, 0.3))
    job.add(1, called(f"{key}/a/b"))  # a provider's own id may hold anything
    job.add(1, called(f"{key}/c"))
    spent = of_job(job.log).by_tool["run_command"]
    assert (spent.calls, spent.cost, spent.input_tokens, spent.seconds) == (2, 0.3, 1000, 2)


def test_a_call_of_unknown_price_is_said_and_not_counted_as_free() -> None:
    job = WholeJob()
    job.add(0, requested())
    job.add(1, replied("generate/1/coder/0", None))
    job.add(1, replied("generate/1/coder/1", 0.5))
    stats = of_job(job.log)
    assert (stats.total.cost, stats.total.unpriced) == (0.5, 1)


def test_a_killed_worker_counts_up_to_its_last_sign_of_life() -> None:
    job = WholeJob()
    job.add(0, requested())
    job.add(1, WorkStarted(WORKER, 1))
    job.add(0, StageStarted(Stage.GENERATE, 1))
    job.add(5, replied("generate/1/coder/0"))
    job.add(3600, WorkStarted(WORKER, 2))
    job.add(0, StageStarted(Stage.GENERATE, 1))
    lost, going_on = timeline(job.log).runs
    assert (lost.lost, lost.closed, lost.seconds) == (True, 5, 5)
    assert (going_on.lost, going_on.closed) == (False, 0)
    assert of_job(job.log).by_stage["generate"].failures == 1


def test_a_cancel_from_outside_ends_the_run() -> None:
    job = WholeJob()
    job.add(0, requested())
    job.add(0, StageStarted(Stage.GENERATE, 1))
    job.add(7, JobCancelled("ada"))
    (run,) = timeline(job.log).runs
    assert (run.closed, run.seconds) == (3, 7)


def stored(made: list) -> list[StoredEvent]:
    return [StoredEvent("j", seq, float(seq), event) for seq, event in enumerate(made, 1)]


@given(st.lists(events(), max_size=12))
def test_any_log_has_figures_and_every_event_is_in_one_place(made: list) -> None:
    log = stored(made)
    stats = of_job(log)
    prometheus_text(stats)
    line = timeline(log)
    placed = [s.stored.seq for run in line.runs for s in run.steps] + [s.stored.seq for s in line.between]
    assert sorted(placed + [run.seq for run in line.runs]) == [entry.seq for entry in log]
    usage = fold((entry.event, entry.at) for entry in log).usage
    assert stats.total.calls == usage.calls
    if usage.cost is not None and log:
        assert math.isclose(stats.total.cost, usage.cost, abs_tol=1e-6)


def test_figures_kept_up_with_the_log_are_those_of_a_fresh_look() -> None:
    class Store(MemoryEventStore):
        def __init__(self) -> None:
            super().__init__()
            self.read_jobs: list[str] = []

        def changed(self, after: int) -> tuple[int, list[str]]:
            return len(order), list(dict.fromkeys(order[after:]))

        def read(self, job: str, after: int = 0) -> list[StoredEvent]:
            self.read_jobs.append(job)
            return super().read(job, after)

    store, order = Store(), list[str]()
    figures = IncrementalStats(store)
    assert figures() == Stats()
    for number in range(250):
        for seq, event in enumerate(
            (requested(), StageStarted(Stage.ANALYZE, 1), replied(cost=0.1 + number / 7))
        ):
            store.append(f"job{number}", seq, [event])
            order.append(f"job{number}")
    figures()
    store.append("job7", 3, [replied(cost=0.3)])
    order.append("job7")
    store.read_jobs.clear()
    later = figures()
    assert figures() is later
    assert store.read_jobs == ["job7"]
    fresh = of_jobs(map(store.read, store.jobs()))
    assert later.states == fresh.states == {"running": 250}
    assert later.total.calls == fresh.total.calls == 251
    assert math.isclose(later.total.cost, fresh.total.cost)


def test_no_jobs_have_figures_too() -> None:
    assert of_jobs([]) == Stats()
    assert "vulcan_jobs_judged 0" in prometheus_text(Stats())


@given(st.lists(events(), max_size=8))
def test_prometheus_itself_reads_every_figure_back(made: list) -> None:
    stats = of_job(stored(made))
    read = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(prometheus_text(stats))
        for sample in family.samples
    }
    written = {
        (f"{metric.name}_total" if metric.counter else metric.name, labels): value
        for metric in metrics_of(stats)
        for labels, value in metric.samples
    }
    assert read == written


def possible(event: Event) -> Event:
    """As events are written: nothing costs less than nothing."""
    if not isinstance(event, ModelReplied):
        return event
    used = event.usage
    counts = (used.calls, used.input_tokens, used.cached_tokens, used.output_tokens)
    cost = None if used.cost is None else abs(used.cost)
    return replace(event, usage=Usage(*map(abs, counts), cost))


@given(st.lists(events().map(possible), max_size=12) | st.just([entry.event for entry in whole_job().log]))
def test_counters_never_go_down_while_a_log_grows(made: list) -> None:
    before: dict[tuple[str, object], float] = {}
    for end in range(len(made) + 1):
        for metric in filter(lambda each: each.counter, metrics_of(of_job(stored(made[:end])))):
            for labels, value in metric.samples:
                assert value >= before.get((metric.name, labels), 0), metric.name
                before[metric.name, labels] = value


def test_prometheus_names_are_counters_and_unique() -> None:
    text = prometheus_text(of_job(whole_job().log))
    assert f'vulcan_agent_cost_total{{agent="coder"}} {COSTS[1] + COSTS[2]!r}' in text
    assert 'vulcan_gates{gate="red_green",verdict="passed"} 1.0' in text
    assert '# TYPE vulcan_jobs gauge\nvulcan_jobs{state="done"} 1' in text
    names = [metric.name for metric in metrics_of(Stats())]
    assert len(names) == len(set(names))
