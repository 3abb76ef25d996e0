"""One tree of errors.

VulcanError
├── UserError             what the person gave can't be used; says what to do next
├── JobNotFound           no job of that id
├── ConcurrentAppend      the log moved on under a writer
├── Fenced                another worker owns the job now
├── JobBusy               a living worker holds the job
├── Cancelled             a person cancelled the job
├── BudgetExceeded        a limit of the job is used up
├── ModelUnavailable      the model's service does not answer usably
│   ├── ModelBusy         it asks to be left alone for a while
│   └── ContextExceeded   the history is longer than the model can read
├── SandboxUnavailable    no sandbox that is strong enough can be had
├── EnvironmentUnavailable  what runs the project's tests can't be installed
├── ToolError             a tool call failed; the text is for the model
├── EffectFailed          an outward effect was refused
└── NotSent               traces or metrics could not be sent; the log still has them
    └── Refused           the receiver refuses these very spans
"""

from __future__ import annotations

import errno
from collections.abc import Callable

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Operating system errors that are the machine's lack of room, not a bug."""
NO_ROOM_HINT = (
    "Make room there (`vulcan undo JOB` removes a job's folders), or point VULCAN_HOME to another place; "
    "then go on with: vulcan resume"
)


_mask: Callable[[str], str] = str


def mask_errors(mask: Callable[[str], str]) -> None:
    """Have every error that is made from now on take secrets out of its text, whoever shows or stores it later."""
    global _mask  # noqa: PLW0603 - errors are made everywhere, by code that knows of no settings
    _mask = mask


def masked(text: str) -> str:
    """A text as an error would say it: without secrets."""
    return _mask(text)


class VulcanError(Exception):
    """Root of every error that Vulcan raises on purpose; its text holds no secret that is known by then.

    Args:
        message: what happened.
        hint: what the person can do next; empty where nothing helps.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        message, hint = self._shown(message), self._shown(hint)
        super().__init__(message)
        self.message = message
        self.hint = hint

    def _shown(self, text: str) -> str:
        return masked(text)


class UserError(VulcanError):
    """What the person gave can't be used."""


class JobNotFound(VulcanError):  # noqa: N818 - the field's words; the root says it is an error
    """There is no job of that id."""


class ConcurrentAppend(VulcanError):  # noqa: N818
    """The log's last sequence number is not the one that the writer expected."""


class Fenced(VulcanError):  # noqa: N818
    """Another worker started on the job after this one; this one must stop."""


class JobBusy(VulcanError):  # noqa: N818
    """A worker that is alive holds the job."""


class Cancelled(VulcanError):  # noqa: N818
    """A person cancelled the job while it ran."""


class BudgetExceeded(VulcanError):  # noqa: N818
    """A limit of the job is used up; the next model call is not made."""


class ModelUnavailable(VulcanError):  # noqa: N818
    """The model's service does not answer, or not in a usable form, after bounded tries."""


class ModelBusy(ModelUnavailable):
    """The service takes no request for a while.

    Args:
        message: what happened.
        hint: what the person can do next.
        after: seconds that it asks to be left alone; None where it does not say.
    """

    def __init__(self, message: str, *, hint: str = "", after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.after = after


class ContextExceeded(ModelUnavailable):
    """The history is longer than what the model can read at once."""


class SandboxUnavailable(VulcanError):  # noqa: N818
    """No sandbox that is strong enough can be had on this machine."""


class EnvironmentUnavailable(VulcanError):  # noqa: N818
    """No environment can be made in which the project's tests could run."""


class ToolError(VulcanError):
    """A tool call failed; the message is written for the model to read, which needs the project's text as it is."""

    def _shown(self, text: str) -> str:
        return text


class EffectFailed(VulcanError):  # noqa: N818
    """An outward effect was tried and refused."""


class NotSent(VulcanError):  # noqa: N818
    """Traces or metrics could not be sent; the log still has them.

    Args:
        message: what happened.
        hint: what the person can do next.
        again: whether the same may work later without anybody's doing.
        wait: seconds that the receiver asks to be left alone.
    """

    def __init__(self, message: str, *, hint: str = "", again: bool = True, wait: float = 0.0) -> None:
        super().__init__(message, hint=hint)
        self.again, self.wait = again, wait


class Refused(NotSent):
    """The receiver refuses these very spans; the others of them may pass."""
