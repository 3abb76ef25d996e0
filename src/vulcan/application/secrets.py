"""Secrets in added lines: what must never be pushed."""

from __future__ import annotations

import re

from vulcan.application.diffs import additions
from vulcan.domain.evidence import Finding, Owner

GATE = "secrets"

PATTERNS = {
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    "OpenAI or Anthropic key": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}",
    "Slack token": r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    "Google API key": r"\bAIza[0-9A-Za-z_-]{35}\b",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "password in a URL": r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]{6,}@",
}
PRIVATE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\:,-]*"
"""A key with its body."""

_WHOLE_KEY = re.compile(PRIVATE_KEY)
_COMPILED = {name: re.compile(pattern) for name, pattern in PATTERNS.items()}


def find_secrets(diff: str, owner: Owner = Owner.CODER) -> tuple[Finding, ...]:
    """Findings for added lines of a unified diff that look like secrets; the secret itself is not repeated."""
    return tuple(
        Finding(GATE, owner, f"An added line looks like a {name}. Remove it.", path=path, line=line)
        for path, line, text in additions(diff)
        for name, pattern in _COMPILED.items()
        if pattern.search(text)
    )


def without_secrets(text: str) -> str:
    """The text with what looks like a secret left out, for services that store what they are sent."""
    for name, pattern in (_COMPILED | {"private key": _WHOLE_KEY}).items():
        text = pattern.sub(f"[left out: {name}]", text)
    return text
