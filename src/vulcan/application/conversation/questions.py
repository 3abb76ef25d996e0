"""A question about a job or the repository: from the log where the log says it, else from a model whose sources are checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from vulcan.application.conversation.answers import answer, common_topic, told, words_at_work
from vulcan.application.conversation.blocks import Block, BlockReader
from vulcan.application.conversation.citations import Sources, complaint
from vulcan.application.conversation.statements import NOT_IN_LOG
from vulcan.application.conversation.words import asks_why
from vulcan.application.diffs import added_lines
from vulcan.application.overview import overview
from vulcan.application.ports import Answerer, CallJournal, History, StoredEvent, Workspace
from vulcan.domain.job import Job

Show = Callable[[str], None]
MAX_LOG = 30_000
MAX_DIFF = 12_000
MAX_WORDS = 12_000
MAX_ATTACHED = 30_000
_ATTACHED = re.compile(r"""(?<![\w@])@(?:"([^"\n]+)"|([^\s,;!?()"'`]+))""")
LEFT_OUT = "(Left out: what has no source, or one that does not exist.)"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked about.

    Attributes:
        log: the job's events; empty where the question is about the repository alone.
        commit: the commit whose files may be read and cited.
        workspace: opens these files for reading.
        kept: the text of a blob, such as a model's recorded reply.
    """

    log: Sequence[StoredEvent]
    job: Job
    history: History
    commit: str
    workspace: Callable[[], AbstractAsyncContextManager[Workspace]]
    kept: Callable[[str], str]


def from_log(question: str, subject: Subject) -> str:
    """The log's own answer, without a model; empty where it has none to this question."""
    if not subject.log or asks_why(question) or not common_topic(question):
        return ""
    return answer(question, subject.log, places_of(subject)).text


def places_of(subject: Subject) -> Mapping[str, int]:
    """For each changed file the first line of the change, to cite."""
    generation = subject.job.generation
    if generation is None:
        return {}
    diff = subject.history.diff(generation.metadata.base, subject.job.newest_commit)
    return {path: lines[0] for path, lines in added_lines(diff).items()}


async def from_model(
    question: str,
    context: str,
    subject: Subject,
    answerer: Answerer,
    key: str,
    journal: CallJournal,
    show: Show,
) -> str:
    """A model's answer, of which only blocks with sources that exist are shown; it may mend the others once."""
    sources = sources_of(subject)
    told_of = _told_of(context, subject)
    checked = CheckedBlocks(sources, show)
    async with subject.workspace() as files:
        text = await answerer.answer(key, told_of, question, files, journal, checked.add)
        checked.end(text)
        if checked.refused:
            again = _complaint(question, checked)
            checked.begin_again()
            checked.end(await answerer.answer(f"{key}/again", told_of, again, files, journal, checked.add))
    if not checked.shown:
        checked.say(f"That is {NOT_IN_LOG}, and the files do not say it.")
    elif checked.refused:
        checked.say(LEFT_OUT)
    return checked.text


class CheckedBlocks:
    """Passes an answer's blocks on as they are whole, as far as their sources exist."""

    def __init__(self, sources: Sources, show: Show) -> None:
        self._sources, self._show = sources, show
        self.shown: list[str] = []
        self.refused: list[tuple[str, str]] = []
        self.text = ""
        self._rest, self._reader = "", BlockReader()

    def add(self, fragment: str) -> None:
        """Take in what came; a block is looked at once it is whole."""
        *whole, self._rest = (self._rest + fragment).split("\n")
        for line in whole:
            self._judge(self._reader.add(line))

    def end(self, text: str) -> None:
        """The answer is whole; `text` is all of it, of which some may have come already, and nothing else counts."""
        reader, self._reader, self._rest = BlockReader(), BlockReader(), ""
        blocks = [*map(reader.add, text.split("\n")), reader.end()]
        known = {block.text for block in blocks if block}
        self.refused = [(block, why) for block, why in self.refused if block in known]
        for block in blocks:
            self._judge(block)

    def begin_again(self) -> None:
        """Forget what was refused: it is being mended."""
        self.refused = []

    def say(self, text: str, *, apart: bool = False) -> None:
        """Show something; `apart` puts a blank line before it."""
        piece = f"\n{text}" if apart and self.shown else text
        self.text += f"\n{piece}" if self.shown else piece
        self.shown.append(text)
        self._show(f"{piece}\n")

    def _judge(self, block: Block | None) -> None:
        if block is None or block.text in self.shown or block.text in dict(self.refused):
            return
        if why := complaint(block, self._sources):
            self.refused.append((block.text, why))
        else:
            self.say(block.text, apart=block.apart)


def attached(message: str, subject: Subject) -> str:
    """Files that a message names as `@path`, with their lines' numbers; empty where it names none."""
    parts, room = [], MAX_ATTACHED
    for path, text in _files_named(message, subject).items():
        if room <= 0:
            break
        lines = "\n".join(f"{number} {line}" for number, line in enumerate(text.splitlines(), 1))
        parts.append(f"The person attached {path}, here with the numbers of its lines:\n{lines[:room]}")
        room -= len(lines)
    return "\n\n".join(parts)


def _files_named(message: str, subject: Subject) -> dict[str, str]:
    found: dict[str, str] = {}
    for quoted, plain in _ATTACHED.findall(message):
        for path in (quoted or plain, plain.rstrip(".:")):
            text = _text_of(subject, path)
            if text is not None:
                found[path] = text
    return found


def _text_of(subject: Subject, path: str) -> str | None:
    content = subject.history.content(subject.commit, path) if subject.commit and path else None
    return None if content is None or b"\0" in content else content.decode(errors="replace")


def sources_of(subject: Subject) -> Sources:
    """What may be cited."""

    def lines(path: str) -> int | None:
        content = subject.history.content(subject.commit, path) if subject.commit else None
        return None if content is None else len(content.splitlines())

    verdict = subject.job.verdict
    gates = frozenset(gate.gate for gate in verdict.gates) if verdict else frozenset[str]()
    return Sources(frozenset(stored.seq for stored in subject.log), gates, lines)


def _told_of(context: str, subject: Subject) -> str:
    files = overview(subject.history, subject.commit) if subject.commit else ""
    of = "of the job's newest commit" if subject.job.generation else "as they are without the job's work"
    parts = [f"{files}\n(What you read are the files {of}.)" if files else "", context]
    if subject.log:
        parts.append(f"The job's log, by number of event:\n{told(subject.log)[-MAX_LOG:]}")
        words = words_at_work(subject.log, subject.kept)[-MAX_WORDS:]
        parts.append(
            f"What the agents said while they worked, for questions of why:\n{words}" if words else ""
        )
    if subject.job.generation:
        diff = subject.history.diff(subject.job.generation.metadata.base, subject.job.newest_commit)
        parts.append(f"The job's change:\n```diff\n{diff[:MAX_DIFF]}\n```")
    return "\n\n".join(part for part in parts if part)


def _complaint(question: str, checked: CheckedBlocks) -> str:
    wrong = "\n\n".join(f"{block}\n({why})" for block, why in checked.refused)
    return (
        f"{question}\n\nOf your answer these parts can't be shown:\n\n{wrong}\n\nGive only these parts again, each with "
        f'a source that exists, or say "{NOT_IN_LOG}" of what has none. The other parts are shown already.'
    )
