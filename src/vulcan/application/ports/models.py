"""Language models, as the person who chooses one meets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReachableModel:
    """One model.

    Attributes:
        name: as `--model` takes it.
        source: where it is.
        price: in US dollars for a million tokens in and out, or that it is unknown.
    """

    name: str
    source: str
    price: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ModelListing:
    """All that was found, and what could not be asked."""

    models: tuple[ReachableModel, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DustAgent:
    """An agent of a Dust workspace after its setup; `use` is how a model names it, `new` whether it was made now."""

    handle: str
    sid: str
    use: str
    new: bool


class Models(Protocol):
    """The models that the settings name, and what else is reachable."""

    def check(self, name: str = "") -> None:
        """See whether a model (default: those that are set) can be asked; raises `UserError` where something is missing."""

    def warm_up(self) -> None:
        """Load what asking needs beside what goes on meanwhile, so that the first request goes out sooner."""

    async def ask(self, name: str = "") -> str:
        """Ask a model (default: the one that is set) whether it is there; returns the name that it answers under."""

    async def list(self) -> ModelListing:
        """What models are reachable."""

    async def set_up_dust(self, name: str, effort: str, editor: str) -> DustAgent:
        """Make an agent of the Dust workspace for a model; what is there is kept."""

    def key_variables(self, model: str) -> tuple[str, ...]:
        """The variables of which one must hold the key for a model; none where it needs none."""

    def missing_extras(self) -> tuple[str, ...]:
        """Extras of this distribution that the settings need and that are not installed."""
