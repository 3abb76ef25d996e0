"""What keys do in the chat."""

from __future__ import annotations

from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys


class Actions(Protocol):
    """What a person sets off with keys."""

    def send(self, text: str) -> None:
        """Take a message."""

    def pasted(self, text: str) -> str:
        """What goes into the input for pasted text."""

    def stop(self) -> None:
        """Esc: stop the answer that is being given, if any."""

    def interrupt(self) -> None:
        """Ctrl-C with nothing in the input."""

    def leave(self) -> None:
        """Ctrl-D with nothing in the input."""


def bindings(actions: Actions) -> KeyBindings:
    """Enter sends, Esc stops the answer, Alt-Enter and a backslash before Enter add a line, Ctrl-C and Ctrl-D do as in a shell.

    Ctrl-J is Enter: as that comes what is typed before the prompt is there, or while something is printed.
    """
    keys = KeyBindings()

    @keys.add("enter", filter=Condition(_typing))
    @keys.add("c-j", filter=Condition(_typing))
    def _(event: KeyPressEvent) -> None:
        _enter(event, actions)

    @keys.add("escape", "enter")
    @keys.add("escape", "c-j")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @keys.add("c-c", filter=Condition(_typing))
    @keys.add("<sigint>")
    def _(event: KeyPressEvent) -> None:
        if event.current_buffer.text:
            event.current_buffer.reset()
        else:
            actions.interrupt()

    @keys.add(Keys.BracketedPaste)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(actions.pasted(event.data))

    @keys.add("escape", filter=Condition(_typing))
    def _(_event: KeyPressEvent) -> None:
        actions.stop()

    @keys.add("c-d", filter=Condition(lambda: _typing() and not _text()))
    def _(_event: KeyPressEvent) -> None:
        actions.leave()

    return keys


def _enter(event: KeyPressEvent, actions: Actions) -> None:
    buffer = event.current_buffer
    if buffer.document.text_before_cursor.endswith("\\"):
        buffer.delete_before_cursor()
        buffer.insert_text("\n")
    elif text := buffer.text.strip():
        buffer.reset(append_to_history=True)
        actions.send(text)


def _typing() -> bool:
    """Whether keys go into the message, not into a search."""
    return get_app().layout.has_focus(DEFAULT_BUFFER)


def _text() -> str:
    return get_app().current_buffer.text
