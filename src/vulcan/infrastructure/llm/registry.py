"""From a model's name to a model. Adding a provider is data: Pydantic AI knows them by prefix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vulcan.domain.errors import UserError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from vulcan.infrastructure.llm.dust.access import DustAccess

DUST = "dust:"

__all__ = ["Model", "make_model"]

HINT = "Name a model as provider:model, such as anthropic:claude-sonnet-4-5, or any name together with --base-url."


def make_model(name: str, base_url: str = "", api_key: str = "", dust: DustAccess | None = None) -> Model:
    """The model of a name.

    Args:
        name: `recorded:NAME`, `dust:AGENT_OR_MODEL`, `provider:model`, or any name together with
            `base_url`; several with commas between are a chain, in which the next is asked where one does not answer.
        base_url: an OpenAI-compatible endpoint, up to and with `/v1`.
        api_key: for `base_url`; providers by name read their own environment variables.
        dust: the workspace for `dust:` names.

    Raises:
        UserError: no such model, or its provider's package is not installed.
    """
    if "," in name and not name.startswith("recorded:"):
        from vulcan.infrastructure.llm.fallback import FallbackChain

        return FallbackChain(
            [make_model(each.strip(), base_url, api_key, dust) for each in name.split(",") if each.strip()]
        )
    if name.startswith("recorded:"):
        from vulcan.infrastructure.llm.recorded import load_recording

        return load_recording(name)
    if name.startswith(DUST):
        from vulcan.infrastructure.llm.dust.access import DustAccess
        from vulcan.infrastructure.llm.dust.model import DustModel

        return DustModel(name.removeprefix(DUST), dust or DustAccess())
    if base_url:
        from vulcan.infrastructure.llm.chat_completions import ChatCompletionsModel

        return ChatCompletionsModel(name.removeprefix("openai:"), base_url, api_key)
    return _by_provider(name)


def _by_provider(name: str) -> Model:
    from pydantic_ai.exceptions import UserError as ProviderError
    from pydantic_ai.models import infer_model

    provider = name.split(":", 1)[0]
    try:
        return infer_model(name)
    except ImportError as error:
        raise UserError(
            f"the provider {provider} needs a package that is not installed: {error}",
            hint=f"Install it with: pip install 'pydantic-ai-slim[{provider}]'",
        ) from error
    except (ProviderError, ValueError) as error:
        raise UserError(f"the model {name} can't be used: {error}", hint=HINT) from error
