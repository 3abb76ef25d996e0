"""Reads a project's source in a box: parsing hostile text is not the host's business."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vulcan.application.ports import Box, BoxSpec, Limits, Mount, Sandbox, TestChanges
from vulcan.domain.baseline import TestEstimate
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

PYTHON = "/usr/bin/python3"
TIMEOUT = 60.0
ANSWER_LIMIT = 4_000_000
BASE_TARGET = "/base"
PROGRAM = "vulcan_inspect.py"
COUNTER = "vulcan_count.py"


class Inspector:
    """The `CodeInspector` for Python."""

    def __init__(self, sandbox: Sandbox, toolbox: Toolbox, limits: Limits) -> None:
        self._sandbox, self._toolbox, self._limits = sandbox, toolbox, limits

    async def interface(self, base: Path, head: Path, paths: Sequence[str]) -> str:
        """Signatures and docstrings of what changed, then of other public names."""
        return str(await self._ask("interface", head, base=base, paths=list(paths)))

    async def changed_functions(self, base: Path, head: Path, paths: Sequence[str]) -> tuple[str, ...]:
        """Functions new or different at head, as `path::qualified.name`."""
        return tuple(await self._ask("functions", head, base=base, paths=list(paths)))

    async def changes_values(self, base: Path, head: Path, paths: Sequence[str]) -> bool:
        """Whether statements outside of functions are new or different at head; imports don't count."""
        return bool(await self._ask("values", head, base=base, paths=list(paths)))

    async def compare_tests(self, base: Path, head: Path, paths: Sequence[str]) -> TestChanges:
        """Test functions that are new, altered or removed at head."""
        answer = await self._ask("tests", head, base=base, paths=list(paths))
        return TestChanges(**{kind: tuple(found) for kind, found in answer.items()})

    async def estimate_tests(self, checkout: Path, arguments: Sequence[str] = ()) -> TestEstimate:
        """Test functions in the files that pytest would collect with these arguments, and those files."""
        answer = await self._ask("estimate", checkout, COUNTER, arguments=list(arguments))
        return TestEstimate(int(answer["tests"]), tuple(map(str, answer["paths"])))

    async def importing(self, checkout: Path, tests: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
        """Those of the test files that import what the files `paths` define, also by way of their packages."""
        return tuple(await self._ask("importing", checkout, COUNTER, tests=list(tests), paths=list(paths)))

    async def called(
        self, checkout: Path, tests: Sequence[str], paths: Sequence[str]
    ) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Functions of the files `paths` whose names the test files call, with these test files, the likeliest first."""
        answer = await self._ask("called", checkout, COUNTER, tests=list(tests), paths=list(paths))
        return tuple((str(function), tuple(map(str, by))) for function, by in answer)

    async def _ask(
        self, do: str, head: Path, program: str = PROGRAM, *, base: Path | None = None, **more: Any
    ) -> Any:
        mounts = [self._toolbox.mount()]
        if base is not None:
            mounts.append(Mount(base, BASE_TARGET))
        spec = BoxSpec(head, False, tuple(mounts), {}, self._limits)
        async with self._sandbox.open(spec) as box:
            if base is not None:
                more["base"] = box.inside(BASE_TARGET)
            return await ask(box, do, program, **more)


async def ask(box: Box, do: str, program: str = PROGRAM, **more: Any) -> Any:
    """What the program that reads source answers, in a box that shows the toolbox."""
    request = {"do": do, "head": box.workspace_path, **more}
    argv = [PYTHON, "-I", "-S", f"{box.inside(TARGET)}/{program}", json.dumps(request)]
    result = await box.run(argv, timeout=TIMEOUT, output_limit=ANSWER_LIMIT)
    try:
        return json.loads(result.output)
    except ValueError as error:
        raise VulcanError(f"the source can't be read: {result.output[-500:]}") from error


async def empty(box: Box, functions: Sequence[str], *, filled: bool = False) -> tuple[str, ...]:
    """Empty the bodies of functions in a box's workspace; returns those that were found."""
    return tuple(await ask(box, "empty", functions=list(functions), filled=filled))
