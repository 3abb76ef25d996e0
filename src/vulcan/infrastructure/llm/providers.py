"""What each provider of Pydantic AI needs, so that what is missing is found before a job is made; loads no library."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import util
from urllib.parse import urlsplit

from vulcan.domain.errors import UserError


@dataclass(frozen=True, slots=True)
class Provider:
    """What a provider needs.

    Attributes:
        extra: of this distribution, which installs the provider's package.
        module: of that package.
        keys: variables of which one must hold the key.
        needs: variables that must be set besides.
        url: the variable that says where the service is, where that can be said.
        moved: whether Pydantic AI reads `url` itself; else it is told.
        default_url: where the service is unless `url` says so.
    """

    extra: str
    module: str
    keys: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    url: str = ""
    moved: bool = True
    default_url: str = ""


def _openai(
    key: str = "", *, needs: tuple[str, ...] = (), url: str = "", moved: bool = True, default_url: str = ""
) -> Provider:
    return Provider("openai", "openai", (key,) if key else (), needs, url, moved, default_url)


OPENAI = frozenset({"openai", "openai-chat", "openai-responses"})
"""Names of OpenAI's own service, and of what speaks like it at a base URL."""

PROVIDERS: dict[str, Provider] = {
    **dict.fromkeys(sorted(OPENAI), _openai("OPENAI_API_KEY", url="OPENAI_BASE_URL")),
    "alibaba": Provider("openai", "openai", ("ALIBABA_API_KEY", "DASHSCOPE_API_KEY")),
    "anthropic": Provider("anthropic", "anthropic", ("ANTHROPIC_API_KEY",), url="ANTHROPIC_BASE_URL"),
    "azure": _openai("AZURE_OPENAI_API_KEY", needs=("AZURE_OPENAI_ENDPOINT",), url="AZURE_OPENAI_ENDPOINT"),
    "azure-responses": _openai(
        "AZURE_OPENAI_API_KEY", needs=("AZURE_OPENAI_ENDPOINT",), url="AZURE_OPENAI_ENDPOINT"
    ),
    "bedrock": Provider("bedrock", "boto3", url="AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
    "bedrock-mantle": Provider("bedrock", "openai"),
    "cerebras": _openai("CEREBRAS_API_KEY"),
    "cohere": Provider("cohere", "cohere", ("CO_API_KEY",), url="CO_BASE_URL"),
    "crusoe": _openai("CRUSOE_API_KEY"),
    "deepseek": _openai("DEEPSEEK_API_KEY", url="DEEPSEEK_BASE_URL", moved=False),
    "fireworks": _openai("FIREWORKS_API_KEY"),
    "github-copilot": Provider("openai", "openai"),
    "google": Provider(
        "google", "google.genai", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), url="GOOGLE_GEMINI_BASE_URL"
    ),
    "google-cloud": Provider("google", "google.genai", url="GOOGLE_VERTEX_BASE_URL"),
    "groq": Provider("groq", "groq", ("GROQ_API_KEY",), url="GROQ_BASE_URL"),
    "heroku": _openai("HEROKU_INFERENCE_KEY", url="HEROKU_INFERENCE_URL"),
    "huggingface": Provider("huggingface", "huggingface_hub", ("HF_TOKEN",)),
    "litellm": _openai(needs=("LITELLM_BASE_URL",), url="LITELLM_BASE_URL", moved=False),
    "meta": _openai("META_API_KEY"),
    "mistral": Provider("mistral", "mistralai", ("MISTRAL_API_KEY",), url="MISTRAL_BASE_URL", moved=False),
    "moonshotai": _openai("MOONSHOTAI_API_KEY", url="MOONSHOTAI_BASE_URL"),
    "nebius": _openai("NEBIUS_API_KEY"),
    "ollama": _openai(url="OLLAMA_BASE_URL", moved=False, default_url="http://localhost:11434/v1"),
    "openai-chatgpt": Provider("openai", "openai"),
    "openai-codex": Provider("openai", "openai"),
    "openrouter": _openai("OPENROUTER_API_KEY", url="OPENROUTER_BASE_URL", moved=False),
    "ovhcloud": _openai("OVHCLOUD_API_KEY"),
    "sambanova": _openai("SAMBANOVA_API_KEY", url="SAMBANOVA_BASE_URL"),
    "snowflake": _openai("SNOWFLAKE_TOKEN", needs=("SNOWFLAKE_ACCOUNT",)),
    "together": _openai("TOGETHER_API_KEY"),
    "vercel": Provider("openai", "openai", ("VERCEL_AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN")),
    "vllm": _openai(needs=("VLLM_BASE_URL",), url="VLLM_BASE_URL"),
    "xai": Provider("xai", "xai_sdk", ("XAI_API_KEY",)),
    "zai": _openai("ZAI_API_KEY"),
}
"""Every provider of Pydantic AI that a job can be done with."""

SIGNED_IN = frozenset(
    {"bedrock", "bedrock-mantle", "github-copilot", "google-cloud", "openai-chatgpt", "openai-codex"}
)
"""Providers whose credentials are found in more places than a variable: only making their model shows whether they are."""

OTHER_NAMES = {
    "aws": "bedrock",
    "claude": "anthropic",
    "gemini": "google",
    "google-gla": "google",
    "google-vertex": "google-cloud",
    "gpt": "openai",
    "grok": "xai",
    "vertex": "google-cloud",
    "vertexai": "google-cloud",
}
"""Names that people know from elsewhere, or from older versions."""


GATEWAY = "gateway/"
"""Pydantic's own gateway, before the name of a provider."""


def provider_of(name: str) -> str:
    """The provider that a model's name begins with; empty where it begins with none that is known."""
    before, colon, _ = name.partition(":")
    return before if colon and before.removeprefix(GATEWAY) in PROVIDERS else ""


def _needed(provider: str) -> Provider:
    if not provider.startswith(GATEWAY):
        return PROVIDERS[provider]
    keys = ("PYDANTIC_AI_GATEWAY_API_KEY", "PAIG_API_KEY")
    return replace(PROVIDERS[provider.removeprefix(GATEWAY)], keys=keys, needs=(), url="")


def check_provider(name: str, environ: Mapping[str, str], api_key: str = "", base_url: str = "") -> None:
    """See whether a `provider:model` can be asked.

    Args:
        name: the model's name.
        environ: the process's environment.
        api_key: of OpenAI's service, if the settings have one.
        base_url: where the settings say that OpenAI's service is.

    Raises:
        UserError: no such provider; or its package, its key or its address is missing. Says what to do.
    """
    provider = provider_of(name)
    if not provider:
        raise _unknown(name)
    needed = _needed(provider)
    if provider == "openrouter" and "/" not in name:
        raise UserError(
            f"{name} does not say whose model it is",
            hint="Write it as OpenRouter does: openrouter:openai/gpt-5",
        )
    if not is_installed(needed.module):
        raise UserError(
            f"{name} needs the package of {provider}, which is not installed",
            hint=f"Install it with: {how_to_install(needed.extra)}",
        )
    ours = provider in OPENAI
    missing = [each for each in needed.needs if not environ.get(each)]
    if needed.keys and not any(map(environ.get, needed.keys)) and not (ours and (api_key or base_url)):
        missing.insert(0, " or ".join(needed.keys))
    if provider.startswith("azure") and not missing:
        _check_azure(name, environ)
    if missing:
        raise UserError(f"{name} needs {' and '.join(missing)}", hint=f"Set it: export {_first(missing)}=...")
    check_url(base_url if ours else environ.get(needed.url, ""), needed.url)


def _check_azure(name: str, environ: Mapping[str, str]) -> None:
    if "/v1" not in environ["AZURE_OPENAI_ENDPOINT"] and not environ.get("OPENAI_API_VERSION"):
        raise UserError(
            f"{name} needs OPENAI_API_VERSION, as AZURE_OPENAI_ENDPOINT is not that of the v1 API",
            hint="Set it, or let AZURE_OPENAI_ENDPOINT end with /openai/v1/",
        )


def _first(missing: list[str]) -> str:
    return missing[0].split(" or ", maxsplit=1)[0]


def check_url(url: str, source: str) -> None:
    """Raise `UserError` where a URL, which `source` holds, has no scheme or no host."""
    if not url:
        return
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(
            f"{source}: {url} is no URL of a service",
            hint=f"Write it with its scheme, such as http://{url.partition('://')[2] or url}",
        )


def missing_extra(name: str) -> str:
    """The extra of this distribution that a model's provider needs and that is not installed; empty where none is."""
    provider = provider_of(name)
    needed = _needed(provider) if provider else None
    return needed.extra if needed and not is_installed(needed.module) else ""


def how_to_install(extra: str) -> str:
    """The command that installs an extra where this Vulcan runs; what is installed already says what is in it."""
    pip = f"{sys.executable} -m pip install" if is_installed("pip") else f"uv pip install -p {sys.executable}"
    return f"{pip} 'vulcan-agent[{extra}]'"


def is_installed(module: str) -> bool:
    """Whether a provider's package is there."""
    try:
        return util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _unknown(name: str) -> UserError:
    before, colon, model = name.partition(":")
    if not colon:
        close = _providers_of(name)
        listed = ", ".join(f"{each}:{name}" for each in close)
        guess = f"Did you mean {listed}? " if close else ""
        return UserError(f"{name} names no provider", hint=guess + HINT)
    known = OTHER_NAMES.get(before.lower()) or next(
        iter(difflib.get_close_matches(before.lower(), [*PROVIDERS, "dust", "recorded"], n=1)), ""
    )
    guess = f"Did you mean {known}:{model}? " if known else f"Known: {', '.join(PROVIDERS)}. "
    return UserError(f"{name}: there is no provider {before}", hint=guess + HINT)


HINT = "A name is provider:model, such as anthropic:claude-sonnet-5-5; any other name needs --base-url."

FAMILIES = {
    "claude": ("anthropic",),
    "sonnet": ("anthropic",),
    "opus": ("anthropic",),
    "haiku": ("anthropic",),
    "gpt": ("openai",),
    "gemini": ("google",),
    "mistral": ("mistral", "ollama"),
    "codestral": ("mistral",),
    "devstral": ("mistral", "ollama"),
    "deepseek": ("deepseek", "ollama"),
    "grok": ("xai",),
    "llama": ("ollama", "groq"),
    "qwen": ("ollama",),
    "gemma": ("ollama",),
    "o3": ("openai",),
    "o4": ("openai",),
}
"""Beginnings of models' names, with who serves them."""


def _providers_of(name: str) -> tuple[str, ...]:
    return next((found for family, found in FAMILIES.items() if name.lower().startswith(family)), ())
