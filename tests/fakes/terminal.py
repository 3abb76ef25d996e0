"""A person at a terminal: a real pseudo-terminal, and pyte as what they see."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pyte

ENTER, TAB, UP, ALT_ENTER, CTRL_C, CTRL_D, CTRL_R, ESC = (
    "\r",
    "\t",
    "\x1b[A",
    "\x1b\r",
    "\x03",
    "\x04",
    "\x12",
    "\x1b",
)


class Terminal:
    """A command under a pseudo-terminal.

    Attributes:
        raw: every byte that the command wrote.
        code: its exit code, once it has ended.
    """

    def __init__(
        self,
        home: Path,
        *arguments: str,
        columns: int = 100,
        rows: int = 40,
        cwd: Path | None = None,
        **environment: str,
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=5_000, ratio=1)
        self._stream = pyte.ByteStream(self._screen)
        self.raw, self.code = b"", None
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VULCAN", "OPENAI", "LANGFUSE"))}
        kept |= {"VULCAN_HOME": str(home), "TERM": "xterm-256color", "COVERAGE_CORE": ""}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            kept.pop(name, None)
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            if cwd:
                os.chdir(cwd)
            os.execve(sys.executable, [sys.executable, "-m", "vulcan", *arguments], kept | environment)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.write_process_input = self.press

    # -------------------------------------------------------------------------------------- what one sees

    @property
    def screen(self) -> str:
        """What stands on the screen now."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip()

    @property
    def all(self) -> str:
        """What has scrolled by, and the screen."""
        width = self._screen.columns
        above = ("".join(line[x].data for x in range(width)).rstrip() for line in self._screen.history.top)
        return "\n".join([*above, self.screen])

    @property
    def line(self) -> str:
        """The line that the cursor is in."""
        return self._screen.display[self._screen.cursor.y].rstrip()

    def colours(self) -> set[str]:
        """Colours on the screen."""
        return {cell.fg for row in self._screen.buffer.values() for cell in row.values()}

    def until(self, seen: str | Callable[[], bool], timeout: float = 60.0) -> Self:
        """Wait until this text has come to be seen, or this holds."""
        holds = seen if callable(seen) else lambda: " ".join(seen.split()) in " ".join(self.all.split())
        deadline = time.monotonic() + timeout
        while not holds():
            if not self._read(0.05) and self.code is not None:
                break
            assert time.monotonic() < deadline, f"{seen!r} did not come:\n{self.all}"
        assert holds(), f"{seen!r} did not come before the end:\n{self.all}"
        return self

    def _read(self, timeout: float) -> bool:
        if not select.select([self._fd], [], [], timeout)[0]:
            return False
        try:
            piece = os.read(self._fd, 65_536)
        except OSError:  # the kernel's word for: the other end is closed
            piece = b""
        if not piece:
            self._wait()
            return False
        self.raw += piece
        self._stream.feed(piece)
        return True

    # -------------------------------------------------------------------------------------- what one does

    def press(self, keys: str) -> Self:
        """Press keys."""
        os.write(self._fd, keys.encode())
        return self

    def say(self, text: str) -> Self:
        """Type a message and send it."""
        self.press(text)
        end = "".join(text.split())[-20:]
        self.until(lambda: end in "".join(self.screen.split()))
        return self.press(ENTER)

    def paste(self, text: str) -> Self:
        """Paste as a terminal does."""
        return self.press(f"\x1b[200~{text}\x1b[201~")

    def kill(self) -> None:
        """As the kernel does where memory runs out."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait()

    def hang_up(self) -> int:
        """Close the window; returns the exit code."""
        os.close(self._fd)
        self._fd = -1
        return self._wait()

    def end(self, timeout: float = 60.0) -> int:
        """Wait for the end."""
        self.until(lambda: self.code is not None, timeout)
        assert self.code is not None
        return self.code

    def _wait(self) -> int:
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()
        if self._fd >= 0:
            os.close(self._fd)
