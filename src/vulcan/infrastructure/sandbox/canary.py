"""Real probes in a real box: what must be refused is refused, and what must work works."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from vulcan.application.ports import Box, BoxSpec, CommandResult, Limits, Sandbox
from vulcan.application.ports.installation import CanaryCheck
from vulcan.infrastructure.host.leftovers import owned
from vulcan.infrastructure.sandbox.plan import SYSTEM_PYTHON, guest
from vulcan.infrastructure.sandbox.user import scratch_root

SECONDS = 60.0
LIMITS = Limits(processes=32)
SECRET = "vulcan-canary"  # noqa: S105 - a marker
CONTROLS = ("workspace", "asyncio subprocess", "unix socket", "loopback server")
WITHOUT_SOCKETS = ("workspace", "asyncio subprocess")


@dataclass(frozen=True, slots=True)
class _Grounds:
    """A folder that a box may see and a file beside it that it may not, though every user of the host may."""

    workspace: Path
    outside: Path


async def attacks(sandbox: Sandbox) -> list[CanaryCheck]:
    """Only what a box must refuse: quick enough for a first choice."""
    with _grounds(sandbox) as grounds:
        async with sandbox.open(BoxSpec(grounds.workspace, limits=LIMITS)) as box:
            return await _attacks(box, grounds)


async def canary(sandbox: Sandbox) -> list[CanaryCheck]:
    """Every probe; a box under Landlock offers no sockets, so it is not asked for them."""
    names = WITHOUT_SOCKETS if sandbox.name == "landlock" else CONTROLS
    with _grounds(sandbox) as grounds:
        async with sandbox.open(BoxSpec(grounds.workspace, limits=LIMITS)) as box:
            checks = await _attacks(box, grounds)
            checks += _checks(await _probe(box, "controls", *names), expected=len(names))
        return [*checks, _owner(grounds.workspace / "from-box")]


async def _attacks(box: Box, grounds: _Grounds) -> list[CanaryCheck]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        result = await _probe(box, "attacks", str(grounds.outside), str(os.getpid()), str(port))
    return _checks(result, expected=13)


async def _probe(box: Box, *arguments: str) -> CommandResult:
    source = guest("probe").decode()
    return await box.run(
        [SYSTEM_PYTHON, "-I", "-S", "-c", source, *arguments], timeout=SECONDS, output_limit=50_000
    )


def _checks(result: CommandResult, expected: int) -> list[CanaryCheck]:
    checks: list[CanaryCheck] = []
    for line in result.output.splitlines():
        name, tab, rest = line.partition("\t")
        if tab:
            word, _, detail = rest.partition("\t")
            checks.append(CanaryCheck(name, word == "ok", detail))
    if len(checks) != expected or result.exit_code:
        last = result.output.strip().splitlines()[-1:] or ["nothing printed"]
        checks.append(
            CanaryCheck("probe ran to its end", passed=False, detail=f"{last[0]} {result.note}".strip())
        )
    return checks


def _owner(made: Path) -> CanaryCheck:
    """What the box made must not belong to root."""
    if not made.exists():
        return CanaryCheck("files not root's", passed=False, detail="the box made no file")
    uid = made.stat().st_uid
    return CanaryCheck("files not root's", passed=uid != 0, detail=f"made by uid {uid}")


@contextmanager
def _grounds(sandbox: Sandbox) -> Iterator[_Grounds]:
    folder = Path(tempfile.mkdtemp(prefix=owned("canary"), dir=scratch_root()))
    try:
        folder.chmod(0o755)
        grounds = _Grounds(folder / "workspace", folder / "outside")
        grounds.outside.write_text(SECRET)
        grounds.outside.chmod(0o644)
        grounds.workspace.mkdir()
        (grounds.workspace / "from-host").write_text(SECRET)
        sandbox.hand_over(grounds.workspace)
        yield grounds
    finally:
        shutil.rmtree(folder, ignore_errors=True)
