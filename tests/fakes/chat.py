"""A chat through pipes, as a machine holds it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

Line = dict[str, Any]


class Chat:
    """`vulcan chat --json` as a process; every line that it printed is kept."""

    def __init__(self, home: Path, project: Path, *options: str, **environment: str) -> None:
        known = {k: v for k, v in os.environ.items() if not k.startswith(("VULCAN", "OPENAI", "LANGFUSE"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vulcan", "chat", "--json", "--repo", str(project), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=known | {"VULCAN_HOME": str(home)} | environment,
        )
        self.lines: list[Line] = []
        self._queue: Queue[Line | None] = Queue()
        self._errors: list[str] = []
        for target in (self._read, self._read_errors):
            threading.Thread(target=target, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr
        self._errors += self.process.stderr

    def say(self, text: str) -> Line:
        """Say something and wait for the reply."""
        self.send(text)
        return self.until(lambda line: line.get("type") == "reply")

    def send(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"text": text}) + "\n")
        self.process.stdin.flush()

    def until(self, wanted: Callable[[Line], bool], timeout: float = 60.0) -> Line:
        while True:
            try:
                line = self._queue.get(timeout=timeout)
            except Empty:
                raise AssertionError(f"nothing came; {self.lines[-5:]} {self._errors}") from None
            if line is None:
                raise AssertionError(f"the chat ended; {self.lines[-5:]} {self._errors}")
            self.lines.append(line)
            if wanted(line):
                return line

    def turn(self, words: str) -> Line:
        """Wait until a job says this."""
        return self.until(lambda line: line.get("type") == "turn" and words in line["text"])

    def event(self, name: str) -> Line:
        return self.until(lambda line: line.get("event") == name)

    def leave(self) -> int:
        """Say nothing more; wait for the jobs and the end."""
        assert self.process.stdin
        self.process.stdin.close()
        code = self.process.wait(timeout=120)
        while (line := self._queue.get(timeout=5)) is not None:
            self.lines.append(line)
        return code

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def names(self) -> Sequence[str]:
        return [line["event"] for line in self.lines if "event" in line]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=10)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
