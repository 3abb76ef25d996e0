"""Empties functions of Go and JavaScript in a box's workspace, by the lines that a change touches."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from vulcan.application.ports import Box
from vulcan.infrastructure.testing.toolbox import TARGET

TIMEOUT = 120.0
PROGRAMS: Mapping[str, tuple[tuple[str, ...], str]] = {
    ".go": (("go", "run"), "vulcan_empty.go"),
    ".js": (("node", "--expose-internals"), "vulcan_empty.cjs"),
    ".cjs": (("node", "--expose-internals"), "vulcan_empty.cjs"),
    ".mjs": (("node", "--expose-internals"), "vulcan_empty.cjs"),
}


async def empty_lines(box: Box, places: Sequence[str], variables: Mapping[str, str]) -> bool:
    """Empty the innermost functions around the lines, given as `path::line`; False unless all files could be read."""
    wanted: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place in places:
        path, _, line = place.rpartition("::")
        wanted[PurePosixPath(path).suffix][path].append(int(line))
    counts = [await _empty(box, suffix, files, variables) for suffix, files in wanted.items()]
    return sum(counts) > 0 and min(counts) >= 0


async def _empty(box: Box, suffix: str, files: Mapping[str, list[int]], variables: Mapping[str, str]) -> int:
    """How many functions were emptied; negative if that can't be done."""
    if suffix not in PROGRAMS:
        return -1
    start, program = PROGRAMS[suffix]
    argv = [*start, f"{box.inside(TARGET)}/{program}", box.workspace_path, json.dumps(files)]
    plain = {**variables, "GOFLAGS": "", "NODE_OPTIONS": ""}
    result = await box.run(argv, timeout=TIMEOUT, environment=plain)
    words = result.output.split()
    return int(words[-1]) if result.exit_code == 0 and words and words[-1].isdigit() else -1
