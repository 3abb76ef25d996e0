"""An answer's Markdown on a terminal: nothing of it is hidden, and sources stand back."""

from __future__ import annotations

import re
from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement, Paragraph
from rich.segment import Segment
from rich.syntax import Syntax
from rich.theme import Theme

SOURCE = r"\[(?:events?|gates?) [^\]\n]+\]|\[[^\s\]]+:\d+(?:-\d+)?(?:, [^\]\n]+)?\]"
"""How a source looks."""

THEME = Theme({"markdown.code": "cyan", "markdown.code_block": "default", "markdown.item.bullet": "cyan"})
_CODE_OR_TAG = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|<", re.DOTALL)
_FENCED = re.compile(
    r"(^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)[`~]*\s*?$|\Z))", re.DOTALL | re.MULTILINE
)


class _CitedParagraph(Paragraph):
    """A paragraph whose sources are dim."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.highlight_regex(SOURCE, "dim")
        yield from super().__rich_console__(console, options)


class _Code(CodeBlock):
    """Code without the blank lines that Rich puts around it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip()
        yield Syntax(
            code,
            self.lexer_name,
            theme="ansi_dark",
            background_color="default",
            word_wrap=True,
            padding=(0, 2),
        )


class CitedMarkdown(Markdown):
    """Markdown in which HTML is text like any other: Rich would leave it out."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "paragraph_open": _CitedParagraph,
        "fence": _Code,
        "code_block": _Code,
    }

    def __init__(self, text: str) -> None:
        super().__init__(_without_html(text), hyperlinks=False)


class Tight:
    """What it holds, without blank lines around it and blanks at lines' ends, which would be copied along."""

    def __init__(self, held: RenderableType) -> None:
        self._held = held

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = console.render_lines(self._held, options, pad=False)
        blank = ["".join(segment.text for segment in line).strip() == "" for line in lines]
        while blank and blank[-1]:
            blank.pop()
        first = blank.index(False) if False in blank else len(blank)
        for line in lines[first : len(blank)]:
            yield from _trimmed(line)
            yield Segment.line()


def _trimmed(line: list[Segment]) -> list[Segment]:
    kept = list(line)
    while kept and not kept[-1].text.strip():
        kept.pop()
    return [*kept[:-1], Segment(kept[-1].text.rstrip(), kept[-1].style)] if kept else []


def _without_html(text: str) -> str:
    """The text with each tag's beginning escaped, outside of code."""
    parts, at = [], 0
    for fenced in _FENCED.finditer(text):
        parts += [_escaped(text[at : fenced.start()]), fenced[0]]
        at = fenced.end()
    return "".join([*parts, _escaped(text[at:])])


def _escaped(prose: str) -> str:
    return _CODE_OR_TAG.sub(lambda found: "\\<" if found[0] == "<" else found[0], prose)
