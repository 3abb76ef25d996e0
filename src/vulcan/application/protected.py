"""Files that act on people's machines or on what guards the repository: changes to them are for a person to see."""

from __future__ import annotations

import re

from vulcan.application.ports import Repository
from vulcan.domain.evidence import Finding, Owner, Severity

GATE = "protected files"

_ACTS = {
    "runs in CI": (
        r"\.github/(?:workflows|actions)/.*|(?:.*/)?(?:\.gitlab-ci\.ya?ml|jenkinsfile|azure-pipelines\.ya?ml|\.travis\.ya?ml)"
        r"|\.circleci/.*|\.buildkite/.*"
    ),
    "steers people's agents": r"(?:.*/)?(?:\.claude|\.codex|\.cursor|\.gemini|\.agents)/.*|(?:.*/)?\.mcp\.json",
    "runs in people's editors": r"(?:.*/)?(?:\.vscode|\.idea|\.devcontainer|\.fleet)/.*|(?:.*/)?\.devcontainer\.json",
    "says who must agree": r"(?:\.github/|\.gitlab/|docs/)?codeowners|\.github/settings\.ya?ml",
    "runs what people start by habit": r"(?:.*/)?(?:makefile|gnumakefile|justfile|taskfile\.ya?ml|\.envrc)",
    "acts when people use git": r"(?:.*/)?(?:\.pre-commit-config\.yaml|\.gitmodules|\.gitattributes|\.husky/.*|lefthook\.ya?ml)",
}
_PATTERNS = {what: re.compile(pattern, re.IGNORECASE) for what, pattern in _ACTS.items()}


def what_it_does(path: str) -> str:
    """Why a path is protected; empty for one that is not."""
    return next((what for what, pattern in _PATTERNS.items() if pattern.fullmatch(path)), "")


def find_protected(repository: Repository, base: str, head: str) -> tuple[Finding, ...]:
    """A warning for each protected file that differs; with one of them no change is merged without a person."""
    return tuple(
        Finding(
            GATE,
            Owner.PERSON,
            f"{a.path} {what} and is {a.kind.value}: look at it before you merge",
            Severity.WARNING,
            a.path,
        )
        for a in repository.changes(base, head)
        if (what := what_it_does(a.path))
    )
