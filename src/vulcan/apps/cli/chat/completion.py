"""What Tab offers: commands, jobs, items of the requirements, files of the repository."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from vulcan.application.conversation.commands import COMMANDS
from vulcan.apps.cli.safe import one_line, safe
from vulcan.domain.errors import VulcanError

Choice = tuple[str, str]
"""What can be chosen, and a word on it."""

LETTERS = 3
"""From how many letters on a word is taken for the beginning of a file's name."""

MOST = 60


class ChatCompleter(Completer):
    """Completes the word before the cursor.

    Args:
        files: the repository's files; asked for once, when the first of them is wanted.
        jobs: ids of jobs with their instructions.
        items: the texts of the requirements' items, in order.
    """

    def __init__(
        self,
        files: Callable[[], Sequence[str]],
        jobs: Callable[[], Sequence[Choice]],
        items: Callable[[], Sequence[str]],
    ) -> None:
        self._read_files, self._jobs, self._items = files, jobs, items

    @cached_property
    def _files(self) -> tuple[str, ...]:
        """Only names that mean the same to a person, a terminal and a model."""
        try:
            return tuple(path for path in self._read_files() if safe(path) == path and "\n" not in path)
        except VulcanError:
            return ()

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Offers for the word before the cursor, best first."""
        del complete_event
        before = document.text_before_cursor
        command, space, rest = before.partition(" ")
        if before.startswith("/") and not space and "\n" not in before:
            return self._commands(before)
        if command == "/job":
            return _chosen(self._jobs(), rest)
        if command in {"/edit", "/veto"}:
            return self._numbers(command, rest)
        return self._paths(_word(before))

    @staticmethod
    def _commands(before: str) -> Iterator[Completion]:
        for command in COMMANDS:
            if command.name.startswith(before[1:].lower()):
                text = f"/{command.name}{' ' if command.arguments else ''}"
                shown = f"/{command.name} {command.arguments}".strip()
                yield Completion(text, -len(before), display=shown, display_meta=command.about)

    def _numbers(self, command: str, rest: str) -> Iterator[Completion]:
        """Numbers of items; after `/edit N` the item's text, to be changed."""
        items = self._items()
        number, space, text = rest.partition(" ")
        if not space:
            choices = [(f"{n} ", one_line(item, 60)) for n, item in enumerate(items, 1)]
            yield from _chosen(choices, rest)
        elif command == "/edit" and not text and number.isdecimal() and 1 <= int(number) <= len(items):
            yield Completion(one_line(items[int(number) - 1], 2_000), 0)

    def _paths(self, word: str) -> Iterator[Completion]:
        wanted = word.removeprefix("@").lower()
        if word.startswith("@") or "/" in word or len(word) >= LETTERS:
            worst = 2 if word.startswith("@") else 1
            found = sorted((rank, path) for path in self._files if (rank := _rank(path, wanted)) <= worst)
            for _, path in found[:MOST]:
                yield Completion(_attached(path) if word.startswith("@") else path, -len(word))


def _attached(path: str) -> str:
    """What attaches a file."""
    return f'@"{path}"' if any(letter.isspace() for letter in path) else f"@{path}"


def offers_itself(before: str) -> bool:
    """Whether what is offered is shown while typing: for commands and after `@`, where nothing else can be meant."""
    command = before.startswith("/") and not any(c.isspace() for c in before)
    return command or _word(before).startswith("@")


def _word(before: str) -> str:
    """The last word, without the bracket or quote that it begins with."""
    words = before.split()
    last = words[-1] if words and not before[-1].isspace() else ""
    return last.lstrip("(\"'`")


def _chosen(choices: Iterable[Choice], begun: str) -> Iterator[Completion]:
    for text, about in choices:
        if text.startswith(begun):
            yield Completion(text, -len(begun), display=text.strip(), display_meta=about)


def _rank(path: str, wanted: str) -> int:
    """How well a path fits: 0 by its beginning, 1 by its file's beginning, 2 by any part of it, 3 not at all."""
    lower = path.lower()
    fits = (lower.startswith(wanted), lower.rpartition("/")[2].startswith(wanted), wanted in lower, True)
    return fits.index(True)
