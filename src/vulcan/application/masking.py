"""Takes secrets out of text before it leaves this machine."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from functools import cache
from urllib.parse import unquote, urlsplit

from vulcan.application.secrets import PATTERNS, PRIVATE_KEY

MASK = "[secret]"
SHORTEST = 8
"""Characters below which a variable's value is too common a word to be looked for."""

_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
_SHAPES = PATTERNS | {"private key": PRIVATE_KEY}
_AFTER_NAME = (
    r"(?i:(?<![A-Za-z])(?:[a-z0-9_-]*(?:api[_-]?key|access[_-]?key|token|secret|passw(?:or)?d)|authorization))"
    r"(?:\\?[\"'])?\s*[:=]\s*(?:\\?[\"'])?(?i:(?:bearer|basic)\s+)?"
)
_VALUE = r"[^\s\"'\\,;&]{8,}"
_ASSIGNED = re.compile(f"({_AFTER_NAME}){_VALUE}")

_USER_IN_URL = re.compile(
    r"(?i:\b(https?://))[^/\s\"'<>?#\\]+@|(\b[a-z][a-z0-9+.-]*://)[^/\s:@\"'<>?#\\]*:[^/\s\"'<>?#\\]+@"
)
_PARAMETER = re.compile(
    r"([?&](?:[a-z0-9.-]+[_.-])*(?:api_?key|key|token|secret|passw(?:or)?d|pwd|auth|authorization|credential|sig(?:nature)?)=)"
    r"[^&\s\"'#<>\\]+",
    re.IGNORECASE,
)

# What a text must hold for a pattern to match: looking for it takes a hundredth of the pattern's time.
_SIGNS = {
    "private key": ("PRIVATE KEY-----",),
    "AWS access key": ("AKIA", "ASIA"),
    "GitHub token": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "OpenAI or Anthropic key": ("sk-",),
    "Slack token": ("xox",),
    "Google API key": ("AIza",),
    "JSON web token": ("eyJ",),
    "password in a URL": ("://",),
}
_NAME_SIGNS = ("key", "token", "secret", "passw", "author")


@cache
def _shapes(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_SHAPES[name] for name in names))


def _without_shapes(text: str) -> str:
    names = tuple(n for n in _SHAPES if any(sign in text for sign in _SIGNS.get(n, ("",))))
    return _shapes(names).sub(MASK, text) if names else text


def _without_assigned(text: str) -> str:
    folded = text.casefold()
    return _ASSIGNED.sub(rf"\1{MASK}", text) if any(sign in folded for sign in _NAME_SIGNS) else text


def _without_url_secrets(text: str) -> str:
    if "://" in text:
        text = _USER_IN_URL.sub(rf"\1\2{MASK}@", text)
    return _PARAMETER.sub(rf"\1{MASK}", text) if "=" in text else text


class Masker:
    """Replaces known secrets, what is shaped like one, and what is assigned to a name that says it is one.

    Args:
        known: secrets to replace wherever they stand.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = sorted({v for v in known if len(v) >= SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, values))) if values else None

    def __call__(self, text: str) -> str:
        """The text with its secrets replaced; JSON stays JSON."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _without_assigned(_without_shapes(_without_url_secrets(text)))


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Values of variables whose names say that they are secret, and what addresses among the others hold."""
    named = [value for name, value in environ.items() if _NAMES.search(name)]
    return [*named, *(secret for value in environ.values() for secret in secrets_of_url(value))]


def secrets_of_url(url: str) -> list[str]:
    """What an address proves its user with, also as the header that it becomes, which services echo."""
    if "://" not in url or "@" not in url:
        return []
    user = urlsplit(url.strip()).netloc.rpartition("@")[0]
    plain = unquote(user)
    return [user, plain, plain.partition(":")[2], base64.b64encode(plain.encode()).decode()]
