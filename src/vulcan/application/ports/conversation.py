"""What a conversation needs of models and of processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from vulcan.application.ports.agents import CallJournal
from vulcan.application.ports.workspace import Workspace
from vulcan.domain.messages import Intent, NoteKind


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a model takes a message to want; it permits nothing.

    Attributes:
        certain: whether the model sees no other reading.
        text: the message made whole, where it leans on what was said before; the command's name for a command; else
            empty.
        reply: what Vulcan answers to small talk, or asks back.
        remember: what is to be kept as data.
    """

    intent: Intent
    certain: bool
    text: str = ""
    reply: str = ""
    remember: tuple[tuple[NoteKind, str], ...] = ()


class Interpreter(Protocol):
    """Reads what a person's message wants, where neither command nor exact words say it."""

    async def interpret(
        self, call_key: str, context: str, message: str, journal: CallJournal
    ) -> Interpretation:
        """The intent; raises `ModelUnavailable` where no usable reply can be had."""


class Answerer(Protocol):
    """Answers questions about a job or a repository, with sources."""

    async def answer(
        self,
        call_key: str,
        context: str,
        question: str,
        workspace: Workspace,
        journal: CallJournal,
        show: Callable[[str], None],
    ) -> str:
        """The answer; its words go to `show` as they come, as far as the model streams."""


class Workers(Protocol):
    """Processes that work on jobs beside the conversation."""

    def use_model(self, name: str) -> None:
        """Have processes that are started from now on ask this model, whatever a job was ordered with."""

    def start(self, job: str) -> None:
        """Have the job worked on until it waits or has ended; a job that is being worked on is left alone."""

    def pause(self, job: str) -> bool:
        """Ask the job's worker to let go, as Ctrl-C does; False if there is none."""

    def busy(self, job: str) -> bool:
        """Whether a living process works on the job."""

    def trouble(self, job: str) -> str:
        """Why the job's last process came to nothing, where the job's log does not say it; else empty."""
