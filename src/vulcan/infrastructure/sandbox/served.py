"""What all sandboxes share: opening a box, and giving trees to its user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import overlay, profile
from vulcan.infrastructure.sandbox.box import ServedBox
from vulcan.infrastructure.sandbox.plan import (
    Address,
    Layout,
    Planner,
    checked,
    python,
    require_system_python,
)
from vulcan.infrastructure.sandbox.user import User, box_user, hand_over

RELAY_SECONDS = 20.0


class ServedSandbox(ABC):
    """Opens boxes that a server inside serves.

    Nothing in a box runs as uid 0: started by root, boxes run as the service user (see `user.box_user`). That
    user can't pass through folders such as a mode-0700 /root, so workspaces and mounts must lie where it can.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What is recorded in the evidence."""

    _overlays: bool = False
    """Whether it can lay a throw-away layer over a workspace; else a copy is shown."""
    _by_port: bool
    """Whether the proxy of a box is reached by a port of this machine, or by a socket and a relay inside."""

    @abstractmethod
    def _prepare(
        self, spec: BoxSpec, user: User, proxy: Address | None, stack: ExitStack
    ) -> tuple[Planner, Layout]:
        """How to start the box, as often as needed, and its layout; `stack` is closed after its end."""

    def _hint(self, complaint: str) -> str:  # noqa: ARG002 - for those that know more
        """What a person can do about a box that did not start."""
        return "Run `vulcan doctor` to see what this machine's sandboxes can do."

    @asynccontextmanager
    async def open(self, spec: BoxSpec) -> AsyncIterator[ServedBox]:
        """A box; everything in it is dead when the context ends."""
        user = box_user()
        require_system_python()
        real = checked(spec, user)
        async with AsyncExitStack() as stack:
            proxy = await _proxy(real, user, stack, by_port=self._by_port)
            if proxy is not None:
                variables = proxy_variables(proxy.port or profile.PROXY_PORT)
                real = replace(real, environment={**variables, **real.environment})
            inner = stack.enter_context(ExitStack())
            if real.overlay and not (self._overlays and overlay.usable(real, user)):
                real = replace(
                    real, workspace=overlay.copied(real, user, inner), writable=True, overlay=False
                )
            planner, layout = self._prepare(real, user, proxy, inner)
            box = ServedBox(planner, layout, real, user)
            stack.push_async_callback(box.close)
            try:
                await box.start()
                if proxy is not None and proxy.path is not None:
                    await _relay(box)
            except SandboxUnavailable as failure:
                raise SandboxUnavailable(
                    failure.message, hint=failure.hint or self._hint(failure.message)
                ) from failure
            yield box

    def hand_over(self, directory: Path) -> None:
        """Give a tree that the host made to the user inside boxes; a no-op unless this process is root."""
        hand_over(directory)


def proxy_variables(port: int) -> dict[str, str]:
    """What tells programs in a box of its proxy."""
    url = f"http://127.0.0.1:{port}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {name: url for each in names for name in (each, each.lower())} | {"NO_PROXY": "", "no_proxy": ""}


async def _proxy(spec: BoxSpec, user: User, stack: AsyncExitStack, *, by_port: bool) -> Address | None:
    """Start the box's proxy, if it may reach anything."""
    if spec.egress is None:
        return None
    from vulcan.infrastructure.sandbox.egress import serve  # noqa: PLC0415 - TLS is loaded by those who need it

    return await stack.enter_async_context(serve(spec.egress, user, by_port=by_port))


async def _relay(box: ServedBox) -> None:
    """Start what passes connections of the box's loopback on to the proxy."""
    command = python(profile.RELAY, profile.PROXY_PORT, profile.PROXY_SOCKET)
    result = await box.run(command, timeout=RELAY_SECONDS)
    if result.exit_code:
        raise SandboxUnavailable(f"The relay of a box did not start: {result.output.strip()}")
