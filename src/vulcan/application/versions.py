"""Version tags."""

from __future__ import annotations

import re

FIRST = "v0.1.0"
_TAG = re.compile(r"(.*?)(\d+)$")


def next_tag(latest: str) -> str:
    """The tag after `latest`: its last number plus one; `v0.1.0` for the first release."""
    match = _TAG.match(latest)
    return f"{match[1]}{int(match[2]) + 1}" if match else FIRST
