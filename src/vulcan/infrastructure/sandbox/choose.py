"""The strongest sandbox that works on this machine, if it is strong enough."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Literal

from vulcan.application.ports import Sandbox
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox.bubblewrap import BubblewrapSandbox
from vulcan.infrastructure.sandbox.canary import attacks
from vulcan.infrastructure.sandbox.landlock import LandlockSandbox
from vulcan.infrastructure.sandbox.unconfined import NoSandbox

Minimum = Literal["bubblewrap", "landlock"]


@cache
def choose_sandbox(minimum: Minimum, *, unsafe: bool = False) -> Sandbox:
    """Bubblewrap if its boxes hold, else Landlock if that is allowed; the answer is kept for this process.

    Args:
        minimum: the weakest kind that will do.
        unsafe: run commands without a sandbox, as the person asked.

    Raises:
        SandboxUnavailable: nothing strong enough works; says why for each kind, and what to do.
    """
    if unsafe:
        return NoSandbox()
    candidates: list[Sandbox] = [BubblewrapSandbox()]
    if minimum == "landlock":
        candidates.append(LandlockSandbox())
    failures: list[SandboxUnavailable] = []
    for candidate in candidates:
        try:
            _require_holding(candidate)
        except SandboxUnavailable as failure:
            failures.append(failure)
        else:
            return candidate
    raise SandboxUnavailable(
        "No sandbox works on this machine. " + " ".join(failure.message for failure in failures),
        hint="\n".join(failure.hint for failure in failures if failure.hint),
    )


def _require_holding(sandbox: Sandbox) -> None:
    """Open a box and attack it; in a thread of its own, as the caller may be in an event loop."""
    with ThreadPoolExecutor(1) as pool:
        checks = pool.submit(lambda: asyncio.run(attacks(sandbox))).result()
    if failed := [check for check in checks if not check.passed]:
        what = ", ".join(f"{check.name} ({check.detail})" for check in failed)
        raise SandboxUnavailable(
            f"A {sandbox.name} box does not hold on this machine: {what}.",
            hint="Run `vulcan doctor` for the whole list of probes.",
        )
