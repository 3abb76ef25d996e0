"""Records kept in refs: each state is a commit on the state before it, so git shows a record's history."""

from __future__ import annotations

import json
from collections.abc import Mapping

from vulcan.application.ports import PipelineRun, PullRequest
from vulcan.domain.errors import VulcanError
from vulcan.infrastructure.local_forge.repository import ForgeRepository

PULLS = "refs/vulcan/pulls"
PULL_FILE = "pull.json"
BODY_FILE = "body.md"
RUN_FILE = "run.json"
LOG_FILE = "log.txt"


def store_pull(
    repository: ForgeRepository, pull: PullRequest, base_commit: str, before: str, what: str
) -> str:
    """Store a state of a pull request (after the state `before`) and return its commit."""
    data = {
        "number": pull.number,
        "title": pull.title,
        "state": pull.state,
        "draft": pull.draft,
        "head": pull.head,
        "head_commit": pull.head_commit,
        "base": pull.base,
        "base_commit": base_commit,
        "merge_commit": pull.merge_commit,
        "url": pull.url,
    }
    files = {PULL_FILE: _to_json(data), BODY_FILE: _to_bytes(pull.body)}
    return repository.commit(repository.write_files(files), before, f"{what} #{pull.number}")


def load_pull(repository: ForgeRepository, state: str) -> tuple[PullRequest, str]:
    """A pull request and the commit that its base branch had when it was opened."""
    data = _from_json(repository, state, PULL_FILE)
    pull = PullRequest(
        number=int(data["number"]),
        title=str(data["title"]),
        body=_from_bytes(repository.content(state, BODY_FILE) or b""),
        head=str(data["head"]),
        base=str(data["base"]),
        head_commit=str(data["head_commit"]),
        state=str(data["state"]),
        draft=bool(data["draft"]),
        merge_commit=str(data["merge_commit"]),
        url=str(data["url"]),
    )
    return pull, str(data["base_commit"])


def store_run(repository: ForgeRepository, run: PipelineRun, before: str) -> str:
    """Store a finished pipeline run after the run `before` on the same commit."""
    data = {"id": run.id, "commit": run.commit, "passed": run.passed, "duration": run.duration}
    files = {RUN_FILE: _to_json(data), LOG_FILE: _to_bytes(run.log)}
    return repository.commit(repository.write_files(files), before, f"Pipeline {run.id}")


def load_run(repository: ForgeRepository, state: str) -> PipelineRun:
    """A finished pipeline run."""
    data = _from_json(repository, state, RUN_FILE)
    return PipelineRun(
        id=str(data["id"]),
        commit=str(data["commit"]),
        passed=bool(data["passed"]),
        log=_from_bytes(repository.content(state, LOG_FILE) or b""),
        duration=float(data["duration"]),
    )


def _to_json(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, indent=1).encode("ascii") + b"\n"


def _from_json(repository: ForgeRepository, state: str, name: str) -> dict[str, str]:
    content = repository.content(state, name)
    if content is None:
        raise VulcanError(
            f"the forge's record {state} lacks {name}", hint="Was a ref below refs/vulcan changed?"
        )
    data: dict[str, str] = json.loads(content)
    return data


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _from_bytes(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
