"""Agents' prompts in Langfuse: found and stored by REST, with a copy on disk for the time of an outage."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from vulcan.application.prompts import FROM_LANGFUSE, PromptLibrary, PromptSource, StoredPrompt, prompt_name
from vulcan.domain.errors import NotSent, Refused
from vulcan.infrastructure.monitoring.http import request
from vulcan.infrastructure.monitoring.langfuse import LangfuseAccess

DEADLINE = 2.0
"""Seconds for the prompts of all agents together."""

PATH = "/api/public/v2/prompts"


class LangfusePrompts:
    """Langfuse's prompt management."""

    def __init__(self, access: LangfuseAccess) -> None:
        self._access = access
        self._host = f"Langfuse at {access.base_url}"
        self.receiver = access.receiver

    def find(self, name: str, label: str, timeout: float | None = None) -> StoredPrompt | None:
        """The text prompt of that name and label; a chat prompt counts as none."""
        path = f"{PATH}/{quote(name, safe='')}?{urlencode({'label': label})}"
        try:
            found = self._request(path, timeout=timeout)
        except Refused:  # 404
            return None
        if found.get("type") != "text" or not str(found.get("prompt", "")).strip():
            return None
        return StoredPrompt(int(found["version"]), str(found["prompt"]))

    def create(self, name: str, text: str, labels: Sequence[str], message: str) -> int:
        """Store a new version."""
        body = {
            "type": "text",
            "name": name,
            "prompt": text,
            "labels": list(labels),
            "commitMessage": message,
        }
        return int(self._request(PATH, json.dumps(body).encode())["version"])

    def _request(self, path: str, body: bytes | None = None, timeout: float | None = None) -> dict[str, Any]:
        headers = {"Authorization": self._access.authorization, "Content-Type": "application/json"}
        url = self._access.base_url.rstrip("/") + path
        answer = request(url, headers, timeout or self._access.timeout, body, receiver=self._host)
        try:
            found = json.loads(answer)
            int(found["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise NotSent(
                f"{self._host} answers without a prompt", hint="Check its base URL and version.", again=False
            ) from error
        return dict(found)


class ManagedPrompts:
    """Prompts as they are labelled in a library; each is asked for once.

    Where the library does not answer, the copy of its last answer is used, so that an outage does not change a prompt
    in the middle of a job; where there is none, or none of that label, the packaged prompt.

    Args:
        folder: for the copies.
        deadline: seconds that the library gets for all prompts together; then it is asked no more.
    """

    def __init__(
        self,
        library: PromptLibrary,
        folder: Path,
        packaged: PromptSource,
        label: str,
        deadline: float = DEADLINE,
    ) -> None:
        self._library, self._folder, self._packaged, self._label = library, folder, packaged, label
        self._left = deadline
        self._known: dict[str, tuple[str, str, str]] = {}

    def __call__(self, agent: str) -> tuple[str, str]:
        """Version and text of an agent's prompt."""
        version, text, _ = self._of(agent)
        return version, text

    def origin(self, agent: str) -> str:
        """Where the agent's prompt is from, in words."""
        return self._of(agent)[2]

    def _of(self, agent: str) -> tuple[str, str, str]:
        if agent not in self._known:
            self._known[agent] = self._pull(agent)
        return self._known[agent]

    def _pull(self, agent: str) -> tuple[str, str, str]:
        copy = self._folder / f"{agent.replace(' ', '_')}.json"
        try:
            found = self._ask(prompt_name(agent))
        except NotSent as error:
            why = error.message
            kept = _read(copy, self._label)
            if kept:
                return _managed(kept, f"copy of Langfuse's, label {self._label} ({why})")
        else:
            _write(copy, self._label, found)
            if found:
                return _managed(found, f"Langfuse, label {self._label}")
            why = f"Langfuse has none with label {self._label}"
        return *self._packaged(agent), f"packaged ({why})"

    def _ask(self, name: str) -> StoredPrompt | None:
        if self._left <= 0:
            raise NotSent("Langfuse did not answer in time")
        began = time.monotonic()
        try:
            found = self._library.find(name, self._label, self._left)
        except NotSent:
            self._left = 0.0
            raise
        self._left -= time.monotonic() - began
        return found


def _managed(found: StoredPrompt, origin: str) -> tuple[str, str, str]:
    return f"{FROM_LANGFUSE}{found.number}", found.text, origin


def _read(copy: Path, label: str) -> StoredPrompt | None:
    try:
        kept = json.loads(copy.read_text(encoding="utf-8"))
        return StoredPrompt(int(kept["number"]), str(kept["text"])) if kept["label"] == label else None
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _write(copy: Path, label: str, found: StoredPrompt | None) -> None:
    """Keep the answer; without room there is no copy, and the next outage means the packaged prompt."""
    draft = copy.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):
        if found is None:
            copy.unlink(missing_ok=True)
            return
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        kept = {"label": label, "number": found.number, "text": found.text}
        draft.write_text(json.dumps(kept), encoding="utf-8")
        draft.replace(copy)
