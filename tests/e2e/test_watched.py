"""The main job with Langfuse watching, as `vulcan demo` runs it: one trace of it all, and the same work whatever Langfuse does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from conftest import GOOD_JOB, Cli, git
from fakes.chat import Chat
from fakes.langfuse_server import LangfuseServer, Span

pytestmark = pytest.mark.sandbox
STAGES = [
    "prepare",
    "analyze",
    "generate",
    "validate",
    "write_tests",
    "run_tests",
    "judge",
    "deliver",
    "follow_ci",
    "release",
]
AGENTS = {"analyst", "coder", "reviewer", "test author"}


@pytest.fixture
def server() -> Iterator[LangfuseServer]:
    with LangfuseServer() as made:
        yield made


def keys(server: LangfuseServer) -> dict[str, str]:
    return {
        "LANGFUSE_PUBLIC_KEY": "pk-lf-test",
        "LANGFUSE_SECRET_KEY": "sk-lf-test-secret",
        "LANGFUSE_BASE_URL": server.url,
    }


def kinds(server: LangfuseServer) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in sorted(server.spans.values(), key=lambda each: each["start"]):
        found.setdefault(span["attributes"]["langfuse.observation.type"], []).append(span)
    return found


def tree(cli: Cli, home: Path) -> tuple[str, str]:
    """The job, and the tree that it delivered."""
    page = json.loads(cli("show", "--json"))
    (repository,) = [path for path in (home / "forge").glob("*.git") if has(path, page["delivery"]["branch"])]
    return page["job"], git(repository, "rev-parse", f"{page['delivery']['branch']}^{{tree}}")


def has(repository: Path, branch: str) -> bool:
    return branch in git(repository, "for-each-ref", "--format=%(refname:short)").split()


def test_a_watched_job_is_one_trace_and_a_refused_one_is_the_same_work(
    cli: Cli, home: Path, server: LangfuseServer
) -> None:
    assert "verdict: PROVEN" in cli("demo", **keys(server))
    watched, delivered = tree(cli, home)
    cli("traces", "push", **keys(server))  # on a slow machine the last of it follows
    found = kinds(server)
    names = [span["name"] for span in found["span"]]
    assert names == ["vulcan job", *STAGES]
    assert {span["name"] for span in found["generation"]} == AGENTS
    assert {span["attributes"]["langfuse.observation.metadata.agent"] for span in found["agent"]} == AGENTS
    assert {"edit", "write"} & {span["name"] for span in found["tool"]}
    assert len({span["trace"] for span in server.spans.values()}) == 1
    assert {span["attributes"]["session.id"] for span in server.spans.values()} == {watched}
    scores = {score["name"]: score["value"] for score in server.scores.values()}
    assert (scores["verdict"], scores["coverage"], scores["criteria_met"], scores["gate:red-green"]) == (
        1,
        100,
        1,
        1,
    )
    whole = Counter(span["name"] for span in server.spans.values())
    known = set(server.spans)

    server.fault = 503
    out = cli("demo", **keys(server))
    assert "verdict: PROVEN" in out
    refused, again = tree(cli, home)
    assert refused != watched
    assert again == delivered
    assert f"vulcan traces push {refused}" in out
    assert set(server.spans) == known
    server.fault = 0
    cli("traces", "push", refused, **keys(server))
    later = [span for identity, span in server.spans.items() if identity not in known]
    assert Counter(span["name"] for span in later) == whole
    assert len({span["trace"] for span in server.spans.values()}) == 2
    assert len(server.scores) == 2 * len(scores)


def test_jobs_of_a_conversation_are_traces_of_its_session(
    home: Path, project: Path, recording: Callable[[Sequence[str]], str], cli: Cli, server: LangfuseServer
) -> None:
    with Chat(home, project, "--model", recording(GOOD_JOB), "--yes", **keys(server)) as chat:
        chat.say("/new Make add add")
        chat.turn("waits for approval")
        assert chat.leave() == 0
    (conversation,) = [line.split()[0] for line in cli("chat", "--list").splitlines()]
    cli("traces", "push", **keys(server))
    assert {span["attributes"]["session.id"] for span in server.spans.values()} == {conversation}
    assert len({span["trace"] for span in server.spans.values()}) == 1
