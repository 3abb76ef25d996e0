"""What Dust answers when it does not answer: told apart by `error.type`, since one condition comes with two statuses."""

from __future__ import annotations

import json
from typing import Any

from vulcan.domain.errors import ModelUnavailable

LIMITED = frozenset({"rate_limit_error"})
PASSING = frozenset({"internal_server_error", "service_unavailable", "unexpected_network_error"})
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
TOO_LARGE = 413
NO_TYPE = "unexpected_response_format"
RETRYABLE_CATEGORIES = frozenset({"retryable_model_error", "stream_error"})

_CREDITS = (
    "The workspace or the key is out of credits or at its cap: add credits, or wait for the cap's reset."
)
_KEY = "Check the key in DUST_API_KEY and that it belongs to this workspace."
_WORKSPACE = (
    "Check DUST_WORKSPACE_ID, and the region: url under [dust] is https://dust.tt or https://eu.dust.tt"
)
HINTS = {
    "credits_exhausted": _CREDITS,
    "plan_message_limit_exceeded": _CREDITS,
    "user_cap_reached": _CREDITS,
    "group_shared_usage_limit_reached": _CREDITS,
    "rate_limit_error": "The workspace's limit or credits are used up; wait, then go on with: vulcan resume",
    "not_authenticated": _KEY,
    "invalid_api_key_error": _KEY,
    "malformed_authorization_header_error": _KEY,
    "workspace_auth_error": _KEY,
    "workspace_not_found": _WORKSPACE,
    "workspace_in_different_region": _WORKSPACE,
    "agent_configuration_not_found": "See what there is with `vulcan models`, or make an agent: vulcan dust setup",
    "interaction_needed": "Use an agent without tools of its own: vulcan dust setup",
    "model_disabled": "The workspace does not allow this model; see `vulcan models`.",
    "content_too_large": "The request is too large for Dust; give the job a narrower instruction.",
}


class DustError(Exception):
    """A refusal by Dust, or none of its answers.

    Attributes:
        kind: Dust's `error.type`, or one of the two that its own client uses where there is none.
        status: of HTTP; 0 if there was no answer.
    """

    def __init__(self, kind: str, message: str, status: int = 0) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.status = kind, message, status

    @property
    def limited(self) -> bool:
        """Whether a limit was hit, of which 403 and 429 both tell."""
        return self.kind in LIMITED

    @property
    def passing(self) -> bool:
        """Whether the same request may go through later."""
        untyped = self.kind == NO_TYPE and self.status in PASSING_STATUS
        return self.limited or self.kind in PASSING or untyped

    def unavailable(self, what: str) -> ModelUnavailable:
        """The error for people."""
        hint = HINTS.get(self.kind, "Check that Dust is up, then go on with: vulcan resume")
        return ModelUnavailable(f"{what}: {self}", hint=hint)


def refusal(status: int, body: str) -> DustError:
    """The error of a body; one that is no JSON, such as a gateway's page, has no type."""
    error = _error_of(body)
    if error is None:
        kind = "content_too_large" if status == TOO_LARGE else NO_TYPE
        return DustError(kind, f"HTTP {status}: {body[:200]}", status)
    message = str(error.get("message") or "")[:500]
    redirect = error.get("redirect")
    if isinstance(redirect, dict) and redirect.get("url"):
        message += f" (it is at {redirect['url']})"
    return DustError(str(error["type"]), message, status)


def _error_of(body: str) -> dict[str, Any] | None:
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return error if isinstance(error, dict) and error.get("type") else None


def is_retryable(error: dict[str, Any] | None) -> bool:
    """Whether an agent's failure may pass; of an unknown category nobody knows, so it may not."""
    metadata = (error or {}).get("metadata") or {}
    return isinstance(metadata, dict) and metadata.get("category") in RETRYABLE_CATEGORIES
