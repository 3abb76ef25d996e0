"""Briefings as text: what does not change over a job comes first, so that prompt caches hit."""

from __future__ import annotations

from collections.abc import Sequence

from vulcan.application.ports import Briefing
from vulcan.domain.requirements import AcceptanceCriterion, CriterionKind, Requirement
from vulcan.domain.testing import TestCase

MAX_DIFF = 20_000
MAX_FINDING = 4_000
MAX_REMARK = 2_000
CHANGE = "The change so far, which is in the project already:"
OWN_TESTS = "Your tests so far, which are in the project already:"
SAID = "The person says, while the work is under way (take it into account from here on):"


def render(briefing: Briefing) -> str:
    """The first user message."""
    parts = [briefing.overview]
    parts.append(briefing.tests)
    parts.append(f"Instruction:\n{briefing.instruction}")
    if briefing.rules:
        parts.append("Standing rules of the person:\n" + "\n".join(f"- {rule}" for rule in briefing.rules))
    parts += [f"The person's word on questions and requirements:\n{answer}" for answer in briefing.answers]
    parts += [said(text) for text in briefing.steering]
    if len(briefing.statements) > 1:
        numbered = "\n".join(f"{each.id}: {each.text}" for each in briefing.statements)
        parts.append(f"The instruction's statements:\n{numbered}")
    if briefing.requirement is not None:
        parts.append(_requirement(briefing.requirement))
    if briefing.interface:
        parts.append(f"Public interface of what changed:\n{briefing.interface}")
    if briefing.remark:
        remark = _whole_or_cut(briefing.remark, MAX_REMARK)
        parts.append(f"The coder said at the end (its word, nothing that was checked):\n{remark}")
    if briefing.diff:
        title = OWN_TESTS if briefing.declared else CHANGE
        parts.append(f"{title}\n```diff\n{_whole_or_cut(briefing.diff, MAX_DIFF)}\n```")
    if briefing.declared:
        parts.append(_declared(briefing.declared))
    if briefing.findings:
        found = "\n".join(
            f"{n}. [{f.gate}] {f'{f.place}: ' if f.place else ''}{_whole_or_cut(f.text, MAX_FINDING)}"
            for n, f in enumerate(briefing.findings, 1)
        )
        parts.append(f"Findings to mend:\n{found}")
    return "\n\n".join(part for part in parts if part)


def _whole_or_cut(text: str, limit: int) -> str:
    """The text, and a word on what is not shown of it where it is too long."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut here: {len(text) - limit} more characters are not shown; read the files for them]"


def _declared(cases: Sequence[TestCase]) -> str:
    listed = "\n".join(f"- {case.id}: {', '.join(case.criteria) or 'no criterion'}" for case in cases)
    return f"You declared these tests (declare again all that stay):\n{listed}"


def said(text: str) -> str:
    """What the person said while the work was under way."""
    return f"{SAID}\n{text}"


def _marks(requirement: Requirement, criterion: AcceptanceCriterion) -> str:
    """What else an agent must know of a criterion: that it holds already, and where it comes from."""
    preserved = " (preserved)" if criterion.kind is CriterionKind.PRESERVED else ""
    if len(requirement.statements) <= 1:  # all criteria are of a single one
        return preserved
    sources = [s for s in requirement.statements if s.id in criterion.statements]
    named = [
        f"{s.id}{' with ' + ', '.join(f'`{x}`' for x in s.literals) if s.literals else ''}" for s in sources
    ]
    return preserved + (f" [from {'; '.join(named)}]" if named else "")


def _requirement(requirement: Requirement) -> str:
    lines = [f"Goal: {requirement.summary}", "Acceptance criteria:"]
    lines += [f"- {c.id}: {c.text}{_marks(requirement, c)}" for c in requirement.criteria]
    if requirement.assumptions:
        lines += ["Assumptions:", *(f"- {a.text}" for a in requirement.assumptions)]
    if requirement.changed_tests:
        lines.append("Existing tests that the instruction changes: " + ", ".join(requirement.changed_tests))
    return "\n".join(lines)
