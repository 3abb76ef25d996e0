"""What models are reachable from here, from where, and at what price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import resources

import httpx2
from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage

from vulcan.application.ports.models import ModelListing, ReachableModel
from vulcan.domain.errors import VulcanError, masked
from vulcan.infrastructure.llm.dust.access import DustAccess, Patience
from vulcan.infrastructure.llm.dust.client import DustClient
from vulcan.infrastructure.llm.dust.errors import DustError
from vulcan.infrastructure.llm.providers import PROVIDERS, how_to_install, is_installed

UNKNOWN = "unknown"
SAMPLE = 1000
PER_MILLION = 1_000_000 // SAMPLE
ANSWER_SECONDS = 15.0
SAME = frozenset({"azure-responses", "openai-chat", "openai-responses"})
"""Other names of a provider that is listed."""


async def list_models(
    base_url: str, api_key: str, dust: DustAccess, environ: Mapping[str, str]
) -> ModelListing:
    """Ask each place that is configured."""
    models: list[ReachableModel] = list(_recorded())
    problems: list[str] = []
    models += _by_key(environ)
    if base_url:
        try:
            models += await _served(base_url, api_key)
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            problems.append(masked(f"{base_url}: {type(error).__name__}: {error}"))
    if dust.workspace:
        try:
            models += await _of_dust(dust)
        except DustError as error:
            problems.append(masked(f"Dust workspace {dust.workspace}: {error}"))
        except VulcanError as error:
            problems.append(f"Dust workspace {dust.workspace}: {error.message}. {error.hint}")
    return ModelListing(tuple(models), tuple(problems))


def _recorded() -> Iterator[ReachableModel]:
    for each in sorted((resources.files("vulcan") / "recordings").iterdir(), key=lambda e: e.name):
        if each.name.endswith(".jsonl"):
            yield ReachableModel(f"recorded:{each.name.removesuffix('.jsonl')}", "ships with Vulcan", "free")


def _by_key(environ: Mapping[str, str]) -> Iterator[ReachableModel]:
    for provider, known in PROVIDERS.items():
        variable = next(filter(environ.get, (*known.keys, *known.needs)), "")
        if variable and provider not in SAME:
            missing = f"needs: {how_to_install(known.extra)}"
            detail = f"{variable} is set; not asked" if is_installed(known.module) else missing
            yield ReachableModel(f"{provider}:MODEL", "Pydantic AI's provider", "by model", detail)


async def _served(base_url: str, api_key: str) -> list[ReachableModel]:
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    async with httpx2.AsyncClient(headers=headers, timeout=ANSWER_SECONDS) as http:
        response = (await http.get(f"{base_url.rstrip('/')}/models")).raise_for_status()
    names = sorted(str(each["id"]) for each in response.json()["data"])
    return [ReachableModel(name, masked(base_url), price_of("openai", name)) for name in names]


async def _of_dust(access: DustAccess) -> list[ReachableModel]:
    client = DustClient(access, Patience())
    try:
        agents = await client.agents()
    finally:
        await client.close()
    return [
        ReachableModel(
            f"dust:{agent['name']}",
            f"Dust workspace {access.workspace}",
            UNKNOWN,
            f"{agent['model']['providerId']}/{agent['model']['modelId']}; billed in the workspace's credits",
        )
        for agent in agents
        if agent.get("status") == "active"
    ]


def price_of(provider: str, model: str) -> str:
    """The price as budgets count it, since the same price list is asked."""
    usage = RequestUsage(input_tokens=SAMPLE, output_tokens=SAMPLE)
    response = ModelResponse(parts=[], usage=usage, model_name=model, provider_name=provider)
    try:
        price = response.cost()
    except (LookupError, ValueError, AssertionError):
        return UNKNOWN
    return f"{price.input_price * PER_MILLION:.2f} in, {price.output_price * PER_MILLION:.2f} out"
