"""The figures of `stats` as named metrics, and those as Prometheus text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vulcan.application.observability.stats import Stats, Table

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with its samples; `counter` ones only ever grow while logs do."""

    name: str
    help: str
    unit: str
    counter: bool
    samples: tuple[tuple[Labels, float], ...]


def metrics_of(stats: Stats) -> list[Metric]:
    """Every figure as a metric, in a fixed order."""
    quality = [
        _metric("vulcan_jobs", "Jobs by how they ended or what they wait for.", "state", stats.states),
        _one("vulcan_jobs_judged", "Jobs with a verdict.", stats.judged),
        _one("vulcan_jobs_proven", "Jobs whose newest verdict is proven.", stats.proven),
        _one("vulcan_jobs_proven_at_once", "Jobs proven in their first round.", stats.proven_at_once),
        _one("vulcan_rounds", "Rounds of work.", stats.rounds, counter=True),
        _one("vulcan_criteria", "Criteria in newest verdicts.", stats.criteria),
        _one("vulcan_criteria_proven", "Criteria that a test shows.", stats.criteria_proven),
        _one("vulcan_changed_lines", "Changed lines measured.", stats.lines),
        _one("vulcan_changed_lines_covered", "Changed lines that new tests ran.", stats.covered),
        _gates(stats),
        _one("vulcan_work_seconds", "Time in which a worker was on a job.", stats.seconds, "s", counter=True),
    ]
    tables = {
        "agent": stats.by_agent,
        "model": stats.by_model,
        "stage": stats.by_stage,
        "tool": stats.by_tool,
    }
    return quality + [metric for label, table in tables.items() for metric in _table(label, table)]


def _one(name: str, text: str, value: float, unit: str = "1", *, counter: bool = False) -> Metric:
    return Metric(name, text, unit, counter, (((), value),))


def _metric(
    name: str, text: str, label: str, values: Mapping[str, float], unit: str = "1", *, counter: bool = False
) -> Metric:
    samples = tuple((((label, key),), value) for key, value in values.items())
    return Metric(name, text, unit, counter, samples)


def _gates(stats: Stats) -> Metric:
    samples = tuple(
        ((("gate", gate), ("verdict", verdict)), float(value))
        for gate, count in stats.gates.items()
        for verdict, value in (("passed", count.passed), ("failed", count.failed))
    )
    return Metric("vulcan_gates", "Gates of newest verdicts.", "1", counter=False, samples=samples)


_COLUMNS = {
    "calls": ("Calls, or runs of a stage", "1"),
    "seconds": ("Time", "s"),
    "input_tokens": ("Input tokens", "1"),
    "cached_tokens": ("Input tokens that the provider had cached", "1"),
    "output_tokens": ("Output tokens", "1"),
    "cost": ("US dollars, calls of unknown price left out", "USD"),
    "credits": ("Credits of services that bill in them", "1"),
    "unpriced": ("Calls of unknown price", "1"),
    "failures": ("Failures", "1"),
}


def _table(label: str, table: Table) -> list[Metric]:
    """One metric a column; a tool's share of a reply gets smaller with each further call of that reply."""
    return [
        _metric(
            f"vulcan_{label}_{column}",
            f"{words} by {label}.",
            label,
            {key: float(getattr(spent, column)) for key, spent in table.items()},
            unit,
            counter=label != "tool" or column == "seconds",
        )
        for column, (words, unit) in _COLUMNS.items()
        if column != "failures" or label == "stage"
    ]


def prometheus_text(stats: Stats) -> str:
    """Prometheus's text format 0.0.4; counters end in `_total`."""
    return "".join(_lines(metric) for metric in metrics_of(stats))


def _lines(metric: Metric) -> str:
    name = f"{metric.name}_total" if metric.counter else metric.name
    kind = "counter" if metric.counter else "gauge"
    lines = [f"# HELP {name} {metric.help}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{_labels(labels)} {value!r}" for labels, value in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Labels) -> str:
    inside = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    text = value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return text.encode(errors="replace").decode()
