"""What all sandboxes share: opening a box, and giving trees to its user."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox.box import ServedBox
from vulcan.infrastructure.sandbox.plan import Layout, Planner, checked, require_system_python
from vulcan.infrastructure.sandbox.user import User, box_user, hand_over


class ServedSandbox(ABC):
    """Opens boxes that a server inside serves.

    Nothing in a box runs as uid 0: started by root, boxes run as the service user (see `user.box_user`). That
    user can't pass through folders such as a mode-0700 /root, so workspaces and mounts must lie where it can.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What is recorded in the evidence."""

    @abstractmethod
    def _prepare(self, spec: BoxSpec, user: User, stack: ExitStack) -> tuple[Planner, Layout]:
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
        with ExitStack() as stack:
            planner, layout = self._prepare(real, user, stack)
            box = ServedBox(planner, layout, real, user)
            try:
                await box.start()
            except SandboxUnavailable as failure:
                raise SandboxUnavailable(
                    failure.message, hint=failure.hint or self._hint(failure.message)
                ) from failure
            try:
                yield box
            finally:
                await box.close()

    def hand_over(self, directory: Path) -> None:
        """Give a tree that the host made to the user inside boxes; a no-op unless this process is root."""
        hand_over(directory)
