"""Takes secrets out of text before it leaves this machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from vulcan.application.secrets import PATTERNS

MASK = "[secret]"
SHORTEST = 8
"""Characters below which a variable's value is too common a word to be looked for."""

_NAMES = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH", re.IGNORECASE)
_BLOCK = r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]*"
_AFTER_NAME = (
    r"(?i:(?<![A-Za-z])(?:[a-z0-9_-]*(?:api[_-]?key|access[_-]?key|token|secret|passw(?:or)?d)|authorization))"
    r"(?:\\?[\"'])?\s*[:=]\s*(?:\\?[\"'])?(?i:(?:bearer|basic)\s+)?"
)
_VALUE = r"[^\s\"'\\,;&]{8,}"
_SHAPES = re.compile("|".join([_BLOCK, *(p for name, p in PATTERNS.items() if name != "private key")]))
_ASSIGNED = re.compile(f"({_AFTER_NAME}){_VALUE}")


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
        return _ASSIGNED.sub(rf"\1{MASK}", _SHAPES.sub(MASK, text))


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Values of variables whose names say that they are secret."""
    return [value for name, value in environ.items() if _NAMES.search(name)]
