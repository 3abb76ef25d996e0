"""What of a command's output is shown: its head and its tail."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_SHARE = 0.3
LONGEST_CHARACTER = 4
SLACK = 16


@dataclass(frozen=True, slots=True)
class Window:
    """How much of an output to keep: characters of it, and bytes that are sure to hold them."""

    limit: int

    @property
    def head(self) -> int:
        """Characters from the start."""
        return int(self.limit * HEAD_SHARE)

    @property
    def tail(self) -> int:
        """Characters from the end."""
        return self.limit - self.head

    @property
    def head_bytes(self) -> int:
        """Bytes to keep of the start."""
        return self.head * LONGEST_CHARACTER + SLACK

    @property
    def tail_bytes(self) -> int:
        """Bytes to keep of the end."""
        return self.tail * LONGEST_CHARACTER + SLACK


def render(kept: bytes, head_size: int, total: int, window: Window) -> str:
    """The output as text: all of it, or head and tail with a line between that says how much is left out.

    Args:
        kept: the first `head_size` bytes and the last ones; everything if it was `total` bytes.
        head_size: where in `kept` the tail begins, if anything is missing between.
        total: bytes that the command printed.
        window: how much to show.
    """
    first, last = (kept, kept) if total == len(kept) else (kept[:head_size], kept[head_size:])
    # `surrogateescape` keeps one character per undecodable byte, so that what is left out can be counted.
    head = first.decode("utf-8", "surrogateescape")
    if total == len(kept) and len(head) <= window.limit:
        return kept.decode("utf-8", "replace")
    start = _encode(head[: window.head])
    end = _encode(last.decode("utf-8", "surrogateescape")[-window.tail :] if window.tail else "")
    left_out = total - len(start) - len(end)
    shown = [part.decode("utf-8", "replace") for part in (start, end)]
    return f"\n[... {left_out} bytes left out ...]\n".join(shown)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
