"""From a model's name to a model. Adding a provider is data: Pydantic AI knows them by prefix."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from vulcan.domain.errors import UserError
from vulcan.infrastructure.llm.providers import (
    OPENAI,
    PROVIDERS,
    SIGNED_IN,
    check_provider,
    check_url,
    missing_extra,
    provider_of,
)

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider

    from vulcan.infrastructure.llm.dust.access import DustAccess
    from vulcan.infrastructure.llm.faults import Patience

DUST = "dust:"
RECORDED = "recorded:"
SILENCE, CONNECT = 300.0, 15.0
"""Seconds that Bedrock is waited for."""
OPENAI_URL = "https://api.openai.com/v1"

__all__ = ["Access", "Model", "check_model", "make_model", "missing_extras"]


@dataclass(frozen=True, slots=True)
class Access:
    """Where models are, and with which keys.

    Attributes:
        base_url: an OpenAI-compatible endpoint, up to and with `/v1`: for `openai:` names and those of no provider.
        api_key: for `base_url`, or for OpenAI's own service.
        dust: the workspace for `dust:` names.
        environ: the process's environment; the other providers read their own variables.
        key_name: the variable that holds `api_key`.
        patience: with what passes; None for the usual one.
    """

    base_url: str = ""
    api_key: str = field(default="", repr=False)
    dust: DustAccess | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    key_name: str = "OPENAI_API_KEY"
    patience: Patience | None = None


def make_model(name: str, access: Access = Access()) -> Model:
    """The model of a name.

    Args:
        name: `recorded:NAME`, `dust:AGENT_OR_MODEL`, `provider:model`, or any name together with a base URL;
            several with commas between are a chain, in which the next is asked where one does not answer.
        access: where they are.

    Raises:
        UserError: no such model, or what its provider needs is missing.
    """
    names = _members(name)
    if len(names) == 1:
        return _make(names[0], access)
    from vulcan.infrastructure.llm.fallback import FallbackChain

    return FallbackChain([_make(each, access) for each in names])


def check_model(name: str, access: Access) -> None:
    """See whether the models of a name can be asked, as far as that can be seen without asking them.

    Raises:
        UserError: one of them can't; says in one line what is missing.
    """
    for each in _members(name):
        if each.startswith(DUST):
            from vulcan.infrastructure.llm.dust.access import DustAccess

            (access.dust or DustAccess()).checked()
        elif each.startswith(RECORDED) or provider_of(each) in SIGNED_IN:
            _make(each, access)
        elif _at_base_url(each, access):
            check_url(access.base_url, "the model's base URL")
        else:
            check_provider(each, access.environ, access.api_key, access.base_url)


def check_address(names: Sequence[str], access: Access) -> None:
    """See whether a base URL that was said is for any of the models; raises `UserError` where all go elsewhere."""
    members = [each for name in names for each in _members(name)]
    if any(
        each.startswith(RECORDED) or (_at_base_url(each, access) and not each.startswith(DUST))
        for each in members
    ):
        return
    provider = PROVIDERS.get(provider_of(members[0]))
    own = f"For {members[0]} at another address set {provider.url}. " if provider and provider.url else ""
    raise UserError(
        f"the base URL is for OpenAI-compatible servers; {members[0]} does not go there",
        hint=f"{own}For a model of that server leave the provider out: --model {members[0].partition(':')[2]}",
    )


def missing_extras(name: str, access: Access) -> tuple[str, ...]:
    """Extras of this distribution that the models of a name need and that are not installed."""
    by_provider = (each for each in _members(name) if not _at_base_url(each, access))
    return tuple(dict.fromkeys(filter(None, map(missing_extra, by_provider))))


def _members(name: str) -> list[str]:
    if name.startswith(RECORDED):
        return [name]
    return [each.strip() for each in name.split(",") if each.strip()] or [name]


def _at_base_url(name: str, access: Access) -> bool:
    """Whether a name is one for the base URL: a provider's name goes to that provider and to nobody else."""
    host = urlsplit(access.base_url).hostname or ""
    own = host == "api.openai.com" or host.endswith(".api.openai.com")
    provider = provider_of(name)
    return bool(access.base_url) and (not provider or (provider in {"openai", "openai-chat"} and not own))


def _make(name: str, access: Access) -> Model:
    if name.startswith(RECORDED):
        from vulcan.infrastructure.llm.recorded import load_recording

        return load_recording(name)
    if name.startswith(DUST):
        from vulcan.infrastructure.llm.dust.access import DustAccess
        from vulcan.infrastructure.llm.dust.model import DustModel

        return DustModel(name.removeprefix(DUST), access.dust or DustAccess())
    if _at_base_url(name, access):
        from vulcan.infrastructure.llm.chat_completions import ChatCompletionsModel

        check_url(access.base_url, "the model's base URL")
        at_server = name.partition(":")[2] if provider_of(name) else name
        return ChatCompletionsModel(
            at_server, access.base_url, access.api_key, access.patience, access.key_name
        )
    return _by_provider(name, access)


def _by_provider(name: str, access: Access) -> Model:
    check_provider(name, access.environ, access.api_key, access.base_url)
    if provider_of(name) == "bedrock":
        _need_aws(name, access.environ)
    from pydantic_ai.exceptions import UserError as ProviderError
    from pydantic_ai.models import infer_model

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Pydantic AI's, of names that still work
            model = infer_model(name, provider_factory=lambda provider: _provider(provider, access))
    except (ProviderError, ValueError, ImportError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{name} can't be used: {words}", hint=_hint(provider_of(name))) from error
    from vulcan.infrastructure.llm.patient import PatientModel

    known = PROVIDERS.get(provider_of(name))
    return PatientModel(model, " or ".join(known.keys) if known else "", access.patience)


def _hint(provider: str) -> str:
    url = PROVIDERS[provider].url if provider in PROVIDERS else ""
    return f"See the variables of {provider}" + (f", such as {url}." if url else ".")


def _bedrock() -> Provider[Any]:
    """Bedrock without botocore's own retries, which would wait unseen."""
    import boto3
    from botocore.config import Config
    from pydantic_ai.providers.bedrock import BedrockProvider

    config = Config(retries={"total_max_attempts": 1}, read_timeout=SILENCE, connect_timeout=CONNECT)
    return BedrockProvider(bedrock_client=boto3.client("bedrock-runtime", config=config))


def _need_aws(name: str, environ: Mapping[str, str]) -> None:
    import boto3

    session = boto3.Session()
    if not session.region_name:
        raise UserError(f"{name} needs a region of AWS", hint="Set it: export AWS_DEFAULT_REGION=us-east-1")
    if not environ.get("AWS_BEARER_TOKEN_BEDROCK") and not session.get_credentials():
        raise UserError(
            f"{name} needs credentials of AWS",
            hint="Set AWS_BEARER_TOKEN_BEDROCK, or AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )


def _provider(name: str, access: Access) -> Provider[Any]:
    """A provider of Pydantic AI's, told where it is where it does not find that out itself."""
    from pydantic_ai.providers import infer_provider, infer_provider_class

    if name in OPENAI:
        from pydantic_ai.providers.openai import OpenAIProvider

        return OpenAIProvider(base_url=access.base_url or OPENAI_URL, api_key=access.api_key or None)
    if name == "bedrock":
        return _bedrock()
    known = PROVIDERS.get(name)
    url = (access.environ.get(known.url) or known.default_url) if known else ""
    if known is None or known.moved or not url:
        return infer_provider(name)
    made: Callable[..., Provider[Any]] = infer_provider_class(name)
    if name == "mistral":
        return made(base_url=url)
    from openai import AsyncOpenAI

    variables = known.keys or (f"{name.upper()}_API_KEY",)
    key = next(filter(None, map(access.environ.get, variables)), "none")
    return made(openai_client=AsyncOpenAI(base_url=url, api_key=key))
