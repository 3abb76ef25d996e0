"""Go's coverage profiles: which lines of the change ran."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from vulcan.infrastructure.testing.reports.go import folder_of
from vulcan.infrastructure.testing.reports.parsed import Report

_BLOCK = re.compile(r"^(?P<file>.+):(?P<first>\d+)\.\d+,(?P<last>\d+)\.\d+ \d+ (?P<hits>\d+)$")
LONGEST_BLOCK = 10_000
Lines = dict[str, tuple[int, ...]]


def covered(
    profile: str, modules: Sequence[str], folder: str, measure: Mapping[str, Sequence[int]]
) -> tuple[Lines, Lines]:
    """Of the measured files the lines that ran, and the lines of blocks."""
    ran: dict[str, set[int]] = {}
    known: dict[str, set[int]] = {}
    for path, lines, hit in _blocks(profile, Report("", folder=folder, modules=tuple(modules))):
        if path in measure:
            known.setdefault(path, set()).update(lines)
            ran.setdefault(path, set()).update(lines if hit else ())
    return _sorted(ran), _sorted(known)


def _blocks(profile: str, report: Report) -> Iterator[tuple[str, range, bool]]:
    for line in profile.splitlines():
        found = _BLOCK.match(line)
        if found and int(found["last"]) - int(found["first"]) < LONGEST_BLOCK:
            package, _, name = found["file"].rpartition("/")
            place = folder_of(report, package)
            path = name if place == "." else f"{place}/{name}"
            yield path, range(int(found["first"]), int(found["last"]) + 1), int(found["hits"]) > 0


def _sorted(lines: Mapping[str, set[int]]) -> Lines:
    return {path: tuple(sorted(found)) for path, found in lines.items()}
