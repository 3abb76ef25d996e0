"""A kill at any moment loses nothing and doubles nothing: SIGKILL before and after every append, then resume."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import GOOD_JOB, git
from vulcan.application.jobs.commands import Order
from vulcan.application.ports import EventStore, StoredEvent
from vulcan.bootstrap import Application, application
from vulcan.domain.budget import Budget
from vulcan.domain.events import EffectDone, Event, JobFinished, JobOutcome, ModelReplied, ToolCalled
from vulcan.domain.policy import MergeRule, ReviewPolicy
from vulcan.infrastructure.llm.recorded import RecordedModel, load_recording


class DyingStore:
    """Kills its process before (or after) the append that holds event number `at`."""

    def __init__(self, real: EventStore, at: int, *, after: bool) -> None:
        self._real, self._at, self._after = real, at, after

    def append(self, job: str, expected_seq: int, events: Sequence[Event]) -> list[StoredEvent]:
        now = expected_seq < self._at <= expected_seq + len(events)
        if now and not self._after:
            os.kill(os.getpid(), signal.SIGKILL)
        stored = self._real.append(job, expected_seq, events)
        if now:
            os.kill(os.getpid(), signal.SIGKILL)
        return stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class CountingModel(RecordedModel):
    """Writes down each key that it is really asked for."""

    calls: Path

    async def request(self, messages, model_settings, model_request_parameters):
        with self.calls.open("a") as file:
            file.write(model_settings["extra_body"]["key"] + "\n")
        return await super().request(messages, model_settings, model_request_parameters)


def installation(home: Path, model: str, kill: tuple[int, bool] | None = None) -> Application:
    """A Vulcan that dies where it is told to."""

    def dying(store: EventStore) -> Any:
        return DyingStore(store, kill[0], after=kill[1]) if kill else store

    def counting(name: str) -> Any:
        recorded = load_recording(name)
        model = CountingModel(recorded.model_name, recorded._replies)
        model.calls = home / "calls"
        return model

    environ = {**os.environ, "VULCAN_HOME": str(home)}
    return application(None, environ, {"model.name": model}, store=dying, model=counting)


def request(home: Path, project: Path, model: str) -> str:
    vulcan = installation(home, model)
    policy = ReviewPolicy(MergeRule.PROVEN, release=True)
    return vulcan.jobs.commands.request(Order("Make add add", project, model, Budget(), policy))


def work(home: Path, project: Path, model: str, job: str, kill: tuple[int, bool] | None = None) -> None:
    vulcan = installation(home, model, kill)
    asyncio.run(vulcan.jobs.runner.run(job))


def in_a_process(*arguments: Any) -> int:
    """Work in a fork, which shares this process's imports; its exit code, or minus its signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(*arguments)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def story(home: Path, model: str, job: str) -> str:
    return "\n".join(str(stored) for stored in installation(home, model).container.store.read(job))


def outcome(home: Path, project: Path, model: str, job: str) -> dict[str, Any]:
    """What must be the same after any kill."""
    vulcan = installation(home, model)
    events = [stored.event for stored in vulcan.container.store.read(job)]
    forge = vulcan.container.repository(project).git_dir
    refs = git(forge, "for-each-ref", "--format=%(refname)").splitlines()
    state = vulcan.jobs.queries.job(job)
    return {
        "finished": [e.outcome for e in events if isinstance(e, JobFinished)],
        "replies": Counter(e.key for e in events if isinstance(e, ModelReplied)),
        "tools": Counter(e.key for e in events if isinstance(e, ToolCalled)),
        "effects": Counter(e.key.rsplit("/", 1)[0] for e in events if isinstance(e, EffectDone)),
        "pulls": [r for r in refs if r.startswith("refs/vulcan/pulls/")],
        "tags": [r for r in refs if r.startswith("refs/tags/")],
        "merges": git(forge, "rev-list", "--count", "--merges", "main"),
        "tree": git(forge, "rev-parse", f"{state.newest_commit}^{{tree}}"),
        "branch": git(project, "rev-list", "--count", f"main..{state.deployment.branch}"),
    }


@pytest.mark.sandbox
def test_killed_before_or_after_any_event_the_job_ends_the_same(
    home: Path, project: Path, recording: Any, reachable: Path
) -> None:
    model = recording(GOOD_JOB)
    straight = request(home, project, model)
    assert in_a_process(home, project, model, straight) == 0, story(home, model, straight)
    wanted = outcome(home, project, model, straight)
    assert wanted["finished"] == [JobOutcome.DONE]
    assert (len(wanted["pulls"]), len(wanted["tags"]), wanted["merges"], wanted["branch"]) == (1, 1, "1", "2")
    length = installation(home, model).jobs.queries.job(straight).seq
    environments = (home / "environments").resolve()

    points = [(at, False) for at in range(2, length + 1)] + [(at, True) for at in range(2, length + 1, 4)]
    for number, (at, after) in enumerate(points):
        where = reachable / f"kill{number}"
        where.mkdir(mode=0o711)
        (where / "environments").symlink_to(environments)
        (where / "tools").symlink_to((home / "tools").resolve())
        copy = where / "calc"
        shutil.copytree(project, copy)
        for ref in git(copy, "for-each-ref", "--format=%(refname)", "refs/heads/vulcan").splitlines():
            git(copy, "update-ref", "-d", ref)
        job = request(where, copy, model)

        killed = in_a_process(where, copy, model, job, (at, after))
        assert killed == -signal.SIGKILL, f"event {at}: the kill did not happen\n{story(where, model, job)}"
        assert in_a_process(where, copy, model, job) == 0
        assert outcome(where, copy, model, job) == wanted, (
            f"killed {'after' if after else 'before'} event {at}"
        )
        asked = Counter((where / "calls").read_text().split())
        again = {key: count for key, count in asked.items() if count > 1}
        assert len(again) <= (0 if after else 1), f"event {at}: asked again for {again}"
        shutil.rmtree(where)
