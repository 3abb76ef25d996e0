"""Where a Dust workspace is, and how long it is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vulcan.domain.errors import UserError


@dataclass(frozen=True, slots=True)
class DustAccess:
    """A workspace and a key for it; the key is never shown. `shared` is a folder for the limit of all processes."""

    workspace: str = ""
    url: str = "https://dust.tt"
    api_key: str = field(default="", repr=False)
    messages_per_minute: int = 60
    shared: Path | None = None

    def checked(self) -> DustAccess:
        """Itself, if it is complete.

        Raises:
            UserError: the workspace or the key is missing.
        """
        if not self.workspace:
            raise UserError(
                "no Dust workspace is configured",
                hint="Set DUST_WORKSPACE_ID, or workspace under [dust] in your vulcan.toml, to the short id "
                "in your workspace's address: dust.tt/w/ID",
            )
        if not self.api_key:
            raise UserError(
                "there is no key for Dust",
                hint="Make an API key in the workspace's admin pages and put it into DUST_API_KEY "
                "(or the variable that api_key_env under [dust] names).",
            )
        return self


@dataclass(frozen=True, slots=True)
class Patience:
    """How long Dust is waited for, in seconds.

    Attributes:
        deadline: longest time for one model request, with all its tries and repairs.
        silence: longest time without a byte of an event stream; then the conversation is read.
        tries: how often a message is posted before Dust counts as unavailable.
        pause: first pause between tries and between empty windows; doubles each time.
        limited: first pause after the workspace's limit was hit; doubles each time.
        lag: first pause before the conversation is read again for an agent message that isn't there yet.
        cancelling: longest time that cancelling may take.
    """

    deadline: float = 600.0
    connect: float = 10.0
    silence: float = 90.0
    tries: int = 6
    pause: float = 0.5
    limited: float = 5.0
    longest_pause: float = 60.0
    lag: float = 0.25
    lag_tries: int = 8
    cancelling: float = 5.0
