"""A workspace in memory and a journal that is a dictionary, for agents under test."""

from __future__ import annotations

from collections.abc import Callable

from vulcan.application.jobs.log import without
from vulcan.application.ports import CommandResult
from vulcan.domain.budget import Budget, Usage
from vulcan.domain.errors import BudgetExceeded, ToolError
from vulcan.infrastructure.host.files import parts_of


class MemoryWorkspace:
    def __init__(
        self, files: dict[str, str | bytes], run: Callable[[str], CommandResult] | None = None
    ) -> None:
        self.files = {k: v.encode() if isinstance(v, str) else v for k, v in files.items()}
        self.commands: list[str] = []
        self._run = run or (lambda command: CommandResult(0, f"ran {command}\n", 10, 0.01))

    async def run(self, command: str, timeout: float) -> CommandResult:
        self.commands.append(command)
        return self._run(command)

    def read(self, path: str) -> bytes:
        name = "/".join(parts_of(path))
        if below := self._below(name):
            raise ToolError(f"{path} is a folder: {', '.join(below)}")
        if name not in self.files:
            raise ToolError(f"There is no file {path}.")
        return self.files[name]

    def write(self, path: str, content: bytes) -> None:
        name = "/".join(parts_of(path))
        if self._below(name):
            raise ToolError(
                f"{path} is a link, a folder or a special file; only regular files can be written."
            )
        self.files[name] = content

    def _below(self, folder: str) -> list[str]:
        inside = (name.removeprefix(f"{folder}/") for name in self.files if name.startswith(f"{folder}/"))
        return sorted({name.split("/", 1)[0] for name in inside})


class MemoryJournal:
    def __init__(self, budget: Budget | None = None) -> None:
        self.payloads: dict[str, str] = {}
        self.order: list[str] = []
        self.usage = Usage()
        self.budget = budget or Budget()
        self.said: list[str] = []
        self.waits: list[tuple[str, float, str]] = []

    def recorded(self, key: str) -> str | None:
        return self.payloads.get(key)

    def record_reply(
        self, key: str, agent: str, model: str, usage: Usage, payload: str, prompt: str = ""
    ) -> None:
        self._record(key, payload)
        self.usage += usage

    def record_wait(self, agent: str, seconds: float, reason: str) -> None:
        self.waits.append((agent, seconds, reason))

    def drop(self, keys: tuple[str, ...], reason: str) -> None:
        self.payloads = without(self.payloads, keys)

    def record_tool(self, key: str, agent: str, tool: str, summary: str, payload: str) -> None:
        self._record(key, payload)

    def _record(self, key: str, payload: str) -> None:
        assert key not in self.payloads, f"{key} is recorded twice"
        self.payloads[key] = payload
        self.order.append(key)

    def steering(self) -> tuple[str, ...]:
        return tuple(self.said)

    def check_budget(self) -> None:
        if spent := self.budget.exceeded(self.usage, 0.0):
            raise BudgetExceeded(spent)
