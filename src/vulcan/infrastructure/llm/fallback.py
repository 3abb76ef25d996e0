"""A chain of models: where one does not answer, the next is asked."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from vulcan.domain.errors import ContextExceeded, ModelBusy, ModelUnavailable


class FallbackChain(Model):
    """Asks the models in their order; each request starts with the first one again.

    Args:
        models: at least one; the first is the one that is wanted.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        super().__init__(profile=models[0].profile)
        self._models = tuple(models)

    @property
    def model_name(self) -> str:
        """All names, comma-separated."""
        return ",".join(model.model_name for model in self._models)

    @property
    def system(self) -> str:
        """The provider that is wanted."""
        return self._models[0].system

    @property
    def spare(self) -> Model | None:
        """The chain without its first model, whose replies were of no use; None where nothing is left."""
        rest = self._models[1:]
        return FallbackChain(rest) if len(rest) > 1 else next(iter(rest), None)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The first answer that is to be had.

        Raises:
            ModelBusy: none answers now, and at least one asks to be left alone for a while.
            ModelUnavailable: no model of the chain answers; says why for each.
        """
        failed: list[ModelUnavailable] = []
        for model in self._models:
            try:
                return await model.request(messages, model_settings, model_request_parameters)
            except ModelUnavailable as error:
                failed.append(error)
        words = "no model of the chain answers: " + "; ".join(error.message for error in failed)
        hint = "Check the services, then go on with: vulcan resume"
        busy = [error for error in failed if isinstance(error, ModelBusy)]
        if busy:
            after = min((error.after for error in busy if error.after is not None), default=None)
            raise ModelBusy(words, hint=hint, after=after)
        if all(isinstance(error, ContextExceeded) for error in failed):
            raise ContextExceeded(words, hint=failed[0].hint)
        raise ModelUnavailable(words, hint=hint)
