"""Reads a project's source in a box: parsing hostile text is not the host's business."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vulcan.application.ports import BoxSpec, Limits, Mount, Sandbox, TestChanges
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.testing.toolbox import TARGET, Toolbox

PYTHON = "/usr/bin/python3"
TIMEOUT = 60.0
ANSWER_LIMIT = 4_000_000
BASE_TARGET = "/base"
PROGRAM = "vulcan_inspect.py"


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

    async def empty(self, checkout: Path, functions: Sequence[str]) -> tuple[str, ...]:
        """Empty the bodies of functions in a throw-away checkout; returns those that were found."""
        answer = await self._ask("empty", checkout, writable=True, functions=list(functions))
        return tuple(answer)

    async def _ask(
        self, do: str, head: Path, *, base: Path | None = None, writable: bool = False, **more: Any
    ) -> Any:
        mounts = [self._toolbox.mount()]
        if base is not None:
            mounts.append(Mount(base, BASE_TARGET))
        spec = BoxSpec(head, writable, tuple(mounts), {}, self._limits)
        async with self._sandbox.open(spec) as box:
            request = {"do": do, "head": box.workspace_path, **more}
            if base is not None:
                request["base"] = box.inside(BASE_TARGET)
            program = f"{box.inside(TARGET)}/{PROGRAM}"
            argv = [PYTHON, "-I", "-S", program, json.dumps(request)]
            result = await box.run(argv, timeout=TIMEOUT, output_limit=ANSWER_LIMIT)
        try:
            return json.loads(result.output)
        except ValueError as error:
            raise VulcanError(f"the source can't be read: {result.output[-500:]}") from error
