"""Asking a model whether it is there: the smallest request that shows that name, key and address are right."""

from __future__ import annotations

import asyncio

from pydantic_ai.messages import ModelRequest, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from vulcan.domain.errors import ModelUnavailable

WORDS = "Answer with the one word: ok"
LONGEST_REPLY = 64
SECONDS = 30.0


async def ask_whether_there(model: Model, seconds: float = SECONDS) -> str:
    """The name under which the model has answered; raises `ModelUnavailable` where it has not in time."""
    request = ModelRequest(parts=[UserPromptPart(WORDS)])
    settings = ModelSettings(max_tokens=LONGEST_REPLY)
    try:
        async with asyncio.timeout(seconds):
            reply = await model.request([request], settings, ModelRequestParameters())
    except TimeoutError as error:
        raise ModelUnavailable(
            f"no answer in {seconds:.0f} seconds", hint="Check that the service is up, then ask again."
        ) from error
    return reply.model_name or model.model_name
