"""Who may order what, and what needs a person's word."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class MergeRule(StrEnum):
    """When a proven pull request may be merged."""

    PERSON = "person"
    PROVEN = "proven"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """What must be true before a merge.

    Attributes:
        merge: `person` waits for `vulcan approve`; `proven` merges on a proven verdict and a green pipeline, unless a
            protected file (CI, agents' and editors' settings, CODEOWNERS, Makefile) changes; `never` leaves the pull request to people.
        release: tag each merge and write release notes.
    """

    merge: MergeRule = MergeRule.PERSON
    release: bool = False

    def needs_person(self, *, protected: bool = False) -> bool:
        """Whether a person must approve the merge, as always where a protected file changes."""
        return self.merge is MergeRule.PERSON or protected

    def may_merge(self, *, proven: bool, pipeline_passed: bool, approved: bool) -> bool:
        """Whether the merge may go ahead; a change that is not proven is never merged."""
        if not (proven and pipeline_passed) or self.merge is MergeRule.NEVER:
            return False
        return approved or self.merge is MergeRule.PROVEN


def approval_digest(action: str, commit: str) -> str:
    """Bind an approval to one action on one commit, so that it can't be reused for another."""
    return hashlib.sha256(f"{action}\0{commit}".encode()).hexdigest()[:16]
