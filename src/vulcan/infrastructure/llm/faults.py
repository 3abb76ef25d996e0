"""What a failed request means, the same for every provider: it passes, the service is busy, or what is to be done."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import httpx2
from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestRejectedError,
    ModelServerError,
    ModelUnavailableError,
    UnexpectedModelBehavior,
)

from vulcan.domain.errors import ContextExceeded, ModelBusy, ModelUnavailable

Reply = TypeVar("Reply")

ANOTHER = "or go on with another model: vulcan resume --model NAME"
LONGEST = 500
PASSING_STATUS = frozenset({408, 409, 425})
PASSING = (ModelServerError, ModelUnavailableError, ModelConnectionError)
BUSY = (ModelRateLimitError, ModelOverloadedError)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a model is waited for, in seconds.

    Attributes:
        silence: longest time without a byte of the reply.
        tries: how often a request is made before the model counts as unavailable.
        pause: first pause between tries; doubles each time, with jitter.
    """

    silence: float = 180.0
    connect: float = 15.0
    tries: int = 5
    pause: float = 0.5


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked, in words: the model, where it is, and what holds its key."""

    name: str
    place: str = ""
    key: str = ""

    def __str__(self) -> str:
        return f"the model {self.name}" + (f" at {self.place}" if self.place else "")


async def patiently(ask: Callable[[], Awaitable[Reply]], asked: Asked, patience: Patience) -> Reply:
    """The reply of `ask`, which is tried again where what failed may pass.

    Raises:
        ModelBusy: the service asks to be left alone.
        ContextExceeded: the history is too long.
        ModelUnavailable: anything else; says what to do.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await ask()
        except Exception as error:
            if not is_of_a_service(error):
                raise
            if not passes(error) or attempt >= patience.tries:
                raise judged(error, asked, attempt) from error
            jitter = random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            await asyncio.sleep(patience.pause * 2 ** (attempt - 1) * jitter)


def is_of_a_service(error: Exception) -> bool:
    """Whether an error came from asking a service, or from what it answered."""
    known = (ModelAPIError, UnexpectedModelBehavior, OSError, httpx2.HTTPError, json.JSONDecodeError)
    return isinstance(error, known) or type(error).__module__.startswith(LIBRARIES)


LIBRARIES = (
    "httpx",
    "httpcore",
    "botocore",
    "urllib3",
    "openai",
    "anthropic",
    "groq",
    "mistralai",
    "google.genai",
)
"""Libraries whose own errors come through where Pydantic AI does not translate them."""


def passes(error: Exception) -> bool:
    """Whether the same request may well succeed in a moment; where the service says how long it takes, it is busy."""
    if isinstance(error, ContentFilterError):
        return False
    if isinstance(error, ModelAPIError):
        status = error.status_code if isinstance(error, ModelHTTPError) else 0
        told = isinstance(error, BUSY) or error.retry_after is not None
        return not told and (isinstance(error, PASSING) or status in PASSING_STATUS or not status)
    return True


Category = type[
    ModelRateLimitError
    | ModelQuotaExceededError
    | ModelUnavailableError
    | ModelServerError
    | ModelRequestRejectedError
]
OF_STATUS: dict[int, Category] = {
    401: ModelAuthenticationError,
    402: ModelQuotaExceededError,
    403: ModelAuthenticationError,
    404: ModelNotFoundError,
    429: ModelRateLimitError,
    503: ModelUnavailableError,
    529: ModelOverloadedError,
}
SERVER = 500
USED_UP = re.compile(r"insufficient_quota|billing|credit balance|out of credits", re.IGNORECASE)
TOO_LONG = re.compile(
    r"context_length|context length|context window|maximum context|prompt is too long|too many tokens",
    re.IGNORECASE,
)


def category(status: int, text: str) -> Category | None:
    """What a refusal of a server that no library speaks for is about; None where it may pass."""
    if status in PASSING_STATUS:
        return None
    if status != HTTPStatus.NOT_FOUND and USED_UP.search(text):
        return ModelQuotaExceededError
    if status < SERVER and TOO_LONG.search(text):
        return ModelContextWindowExceededError
    return OF_STATUS.get(status) or (ModelServerError if status >= SERVER else ModelRequestRejectedError)


REFUSALS: tuple[tuple[type[Exception], str, str], ...] = (
    (
        ModelQuotaExceededError,
        "the account for {asked} is used up",
        f"Top it up or raise its limit at the provider, then: vulcan resume, {ANOTHER}",
    ),
    (ModelAuthenticationError, "{asked} refuses the key", "Check the key{key}, and what it may be used for."),
    (ModelNotFoundError, "{asked} is not there", f"Check the model's name and URL, {ANOTHER}"),
    (
        Exception,
        "{asked} refused the request",
        f"Check the model's name, its URL and its key{{key}}, {ANOTHER}",
    ),
)
"""What a request was refused for: in words, and the next step."""


def judged(error: Exception, asked: Asked, tries: int = 1) -> ModelUnavailable:
    """What a failure means to the person, with the next step."""
    told = _told(error)
    if isinstance(error, ModelAPIError) and (isinstance(error, BUSY) or _waits(error)):
        words = (
            "takes no more requests for now" if isinstance(error, ModelRateLimitError) else "is overloaded"
        )
        hint = f"Go on later with: vulcan resume, {ANOTHER}"
        return ModelBusy(f"{asked} {words}: {told}", hint=hint, after=error.retry_after)
    if isinstance(error, ModelContextWindowExceededError):
        hint = "Set context_window under [model] to what the model can read (tokens), then: vulcan resume"
        return ContextExceeded(f"what is to be read is too long for {asked}: {told}", hint=hint)
    if passes(error):
        hint = f"Check that the service is up, then: vulcan resume, {ANOTHER}"
        return ModelUnavailable(f"{asked} gave no usable answer in {tries} tries: {told}", hint=hint)
    words, hint = next((words, hint) for kind, words, hint in REFUSALS if isinstance(error, kind))
    key = f" ({asked.key})" if asked.key else ""
    return ModelUnavailable(f"{words.format(asked=asked)}: {told}", hint=hint.format(key=key))


def _waits(error: ModelAPIError) -> bool:
    return error.retry_after is not None and isinstance(error, PASSING)


def _told(error: Exception) -> str:
    """What the service said, in one line."""
    words = ""
    if isinstance(error, ModelHTTPError):
        words = f"HTTP {error.status_code}: {_message(error.body)}"
    elif isinstance(error, ModelAPIError):
        words = error.message
    return " ".join((words or f"{type(error).__name__}: {error}").split())[:LONGEST]


def _message(body: object) -> str:
    """The words of an error's body, wherever the provider has them."""
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            inner = inner.get("message") or inner.get("Message") or inner
        return str(inner)
    return str(body or "no words")
