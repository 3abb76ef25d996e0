"""A question about a job, answered from its log alone; every line names the events that it rests on.

No model is asked: the common questions (status, cost, failures, evidence, changes, criteria, time, decisions) are
recognised by their words. What the log does not hold is said to be missing, never invented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from vulcan.application.conversation.answer_topics import (
    TOPICS,
    about_changes,
    about_cost,
    about_criteria,
    about_decisions,
    about_evidence,
    about_failures,
    about_status,
)
from vulcan.application.conversation.statements import NOT_IN_LOG, Answer, Statement
from vulcan.application.ports import StoredEvent
from vulcan.domain import events as e
from vulcan.domain.errors import VulcanError
from vulcan.domain.job import Job, apply
from vulcan.domain.texts import shortened

WORDS = 600
"""Letters of an agent's words to which a reply is shortened."""


def common_topic(question: str) -> bool:
    """Whether the question's words name a topic that is answered without a model."""
    return any(_words(question) & keys for keys, _ in TOPICS)


def _words(question: str) -> set[str]:
    return set(re.findall(r"[a-z]+", question.lower()))


def told(log: Sequence[StoredEvent]) -> str:
    """The log in words for a model, a line an event of weight, each with its number."""
    job = Job()
    for stored in log:
        job = apply(job, stored.event, stored.at)
    topics = (
        about_decisions,
        about_criteria,
        about_failures,
        about_changes,
        about_evidence,
        about_cost,
        about_status,
    )
    statements = dict.fromkeys(statement for topic in topics for statement in topic(log, job))
    ordered = sorted(statements, key=lambda statement: statement.events or (0,))
    return "\n".join(statement.render() for statement in ordered)


def words_at_work(log: Sequence[StoredEvent], kept: Callable[[str], str]) -> str:
    """What agents said beside their tool calls, a line a reply, each with its number; `kept` gives a recorded reply."""
    lines = []
    for stored in log:
        if isinstance(stored.event, e.ModelReplied):
            said = " ".join(_text_of(stored.event.payload, kept).split())
            if said:
                lines.append(Statement(f"{stored.event.agent}: {shortened(said, WORDS)}", (stored.seq,)))
    return "\n".join(line.render() for line in lines)


def _text_of(digest: str, kept: Callable[[str], str]) -> str:
    """The words of a recorded reply; empty where it has none, has another form or is not there any more."""
    try:
        data = json.loads(kept(digest))
    except (ValueError, VulcanError):
        return ""
    return str(data.get("text") or "") if isinstance(data, dict) else ""


def answer(
    question: str, log: Sequence[StoredEvent], places: Mapping[str, int] = MappingProxyType({})
) -> Answer:
    """Answer from the log; `places` are the first changed lines of files, to cite.

    Raises:
        VulcanError: a statement cites an event that does not exist (a bug; nothing is shown then).
    """
    job = Job()
    for stored in log:
        job = apply(job, stored.event, stored.at)
    words = _words(question)
    statements = [s for keys, topic in TOPICS if words & keys for s in topic(log, job)]
    if not statements:
        topics = "status, cost, failures, evidence, changes, criteria, time, approvals"
        missing = Statement(
            f"That is {NOT_IN_LOG} in a form that can be answered without a model. Ask about: {topics}."
        )
        return Answer((missing,), known=False)
    _check_citations(statements, log)
    return Answer(tuple(dict.fromkeys(_placed(statement, places) for statement in statements)))


def _placed(statement: Statement, places: Mapping[str, int]) -> Statement:
    """The statement with file and line of each changed file that it names."""
    named = (f"{path}:{line}" for path, line in places.items() if path in statement.text)
    return replace(statement, places=(*statement.places, *named))


def _check_citations(statements: Iterable[Statement], log: Sequence[StoredEvent]) -> None:
    existing = {stored.seq for stored in log}
    missing = {seq for statement in statements for seq in statement.events} - existing
    if missing:
        raise VulcanError(f"the answer cites events that do not exist: {sorted(missing)}")
