"""What the models that Vulcan brings itself have alike."""

from __future__ import annotations

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

Prepared = tuple[ModelSettings | None, ModelRequestParameters, list[str]]
"""Settings, parameters and instructions of a request."""


class HttpModel(Model):
    """A model with a name and, where it is a service, an address."""

    def __init__(self, name: str, base_url: str | None = None) -> None:
        super().__init__(profile={"supports_inline_system_prompts": True})
        self._name, self._base_url = name, base_url

    @property
    def model_name(self) -> str:
        """The name under which it was asked for."""
        return self._name

    @property
    def base_url(self) -> str | None:
        """Where the service is."""
        return self._base_url

    def _prepared(
        self,
        messages: list[ModelMessage],
        settings: ModelSettings | None,
        parameters: ModelRequestParameters,
    ) -> Prepared:
        settings, parameters = self.prepare_request(settings, parameters)
        return (
            settings,
            parameters,
            [p.content for p in self._get_instruction_parts(messages, parameters) or ()],
        )
