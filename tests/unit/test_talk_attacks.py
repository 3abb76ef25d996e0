"""Messages that invite a guess: nothing that costs money or can't be taken back comes of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_talk import DIGEST, LIST, MERGE, REQUIREMENT, read, table

from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    ClarificationRequested,
    JobCancelled,
    JobChosen,
    RequirementsAnalyzed,
    RequirementsConfirmed,
    RequirementsQuestioned,
    Stage,
    StageFailed,
    SteeringGiven,
)
from vulcan.domain.messages import Intent, NoteKind
from vulcan.domain.policy import approval_digest
from vulcan.domain.requirements import AcceptanceCriterion, Requirement

OTHER = ApprovalRequested("merge", "d" * 40, approval_digest("merge", "d" * 40))


@pytest.mark.parametrize("said", ["ok", "no 1", "1: anything"])
async def test_a_models_words_are_no_agreement_edit_or_veto(said: str) -> None:
    at = await table(*LIST, readings=(read(Intent.STEERING, text=said),))
    await at.hear("that looks about right I guess")
    assert at.in_job()[-1] == LIST[-1]
    assert not at.workers.started
    await at.hear("yes")
    assert at.in_job()[-1] == RequirementsQuestioned(said, "ada")


@pytest.mark.parametrize("events", [LIST, (MERGE,)])
async def test_a_remark_that_a_model_takes_for_steering_sets_no_work_off(events: tuple) -> None:  # type: ignore[type-arg]
    at = await table(*events, readings=(read(Intent.STEERING),))
    before = at.in_job()
    assert "(yes/no)" in await at.hear("floats, hm")
    assert at.in_job() == before
    assert not at.workers.started


async def test_a_models_reading_does_not_resume() -> None:
    at = await table(StageFailed(Stage.ANALYZE, "no answer"), readings=(read(Intent.RESUME),))
    assert "(yes/no)" in await at.hear("we could take it up again some day")
    assert not at.workers.started
    await at.hear("yes")
    assert at.workers.started == [at.talk.job]


@pytest.mark.parametrize("said", [" ", "...", "!"])
async def test_nothing_said_agrees_to_nothing(said: str) -> None:
    at = await table(*LIST)
    await at.hear(said)
    assert RequirementsConfirmed("ada") not in at.in_job()
    assert not at.workers.started


async def test_cancel_said_to_a_question_leaves_the_job() -> None:
    at = await table(readings=(read(Intent.NEW_JOB),))
    assert "(yes/no)" in await at.hear("Add a flag")
    assert "Left as it is" in await at.hear("cancel")
    assert JobCancelled("ada") not in at.in_job()


async def test_approve_said_to_another_question_approves_nothing() -> None:
    at = await table(MERGE, readings=(read(Intent.CANCEL),))
    assert "End job" in await at.hear("I have had enough")
    assert "(yes/no)" in await at.hear("approve")
    assert at.in_job()[-1] == MERGE
    await at.hear("yes")
    assert at.in_job()[-1] == ApprovalGranted(DIGEST, "ada")


async def test_a_yes_is_not_for_the_job_that_another_terminal_chose_meanwhile() -> None:
    at = await table()
    await at.hear("undo")
    at.talk.log.append(JobChosen(at.ordered.commands.request(at.talk.services.order("x"))))
    assert "was about job" in await at.hear("yes")
    assert not at.undone


async def test_a_yes_after_a_restart_is_asked_about_again() -> None:
    at = await table()
    await at.hear("undo")
    at.talk = at.again()
    assert "(yes/no)" in await at.hear("yes")
    assert not at.undone
    await at.hear("yes")
    assert at.undone


async def test_a_yes_after_the_job_has_asked_something_is_asked_about_again() -> None:
    at = await table(readings=(read(Intent.CANCEL),))
    await at.hear("I have had enough")
    at.jobs._now = lambda: 1e9
    at.happens(*LIST)
    assert "End job" in await at.hear("ok")
    assert JobCancelled("ada") not in at.in_job()
    assert RequirementsConfirmed("ada") not in at.in_job()


async def test_a_yes_that_a_model_sees_after_the_job_has_asked_something_is_asked_about_again() -> None:
    at = await table(readings=(read(Intent.NEW_JOB), read(Intent.CONFIRMATION)))
    assert "Start a job" in await at.hear("Add a flag")
    at.jobs._now = lambda: 1e9
    at.happens(*LIST)
    at.store._now = lambda: 2e9
    assert "Start a job" in await at.hear("kannste so machen")
    assert len(at.jobs.jobs()) == 1
    assert RequirementsConfirmed("ada") not in at.in_job()


async def test_a_refusal_is_for_the_commit_that_was_asked_about() -> None:
    at = await table(MERGE, readings=(read(Intent.REFUSAL),))
    await at.hear("I do not like it")
    at.happens(SteeringGiven("x", "bob"), RequirementsAnalyzed(REQUIREMENT, steering_seen=1), OTHER)
    assert "another commit" in await at.hear("yes")
    assert not any(isinstance(event, ApprovalRefused) for event in at.in_job())


@pytest.mark.parametrize("said", ["stop", "wait", "resume", "go on"])
async def test_words_to_vulcan_are_no_answer_to_the_analyst(said: str) -> None:
    asks = Requirement("?", REQUIREMENT.criteria, questions=("Which format?",))
    asked = ClarificationRequested(asks.questions)
    at = await table(RequirementsAnalyzed(asks), asked)
    await at.hear(said)
    assert at.in_job()[-1] == asked
    assert not at.workers.started


async def test_a_kill_before_the_answer_starts_no_second_job() -> None:
    at = await table()
    # as if the process had died after the job was chosen and before the answer was noted
    at.store._logs["c1"] = at.store._logs["c1"][:3]
    at.talk = at.again()
    assert (at.talk.job, at.talk.unanswered()) == (at.jobs.jobs()[0], "/new Make add add")
    await at.hear("/new Make add add")
    assert len(at.jobs.jobs()) == 1
    await at.hear("/new Make add add")
    assert len(at.jobs.jobs()) == 2


async def test_words_to_vulcan_are_no_order() -> None:
    at = await table()
    at.talk.log.append(JobChosen(""))
    at.interpreter._readings += [read(Intent.NEW_JOB), read(Intent.NEW_JOB)]  # type: ignore[union-attr]
    assert "(yes/no)" in await at.hear("Give me a minute")
    assert "(yes/no)" in await at.hear("stop asking so much")
    assert len(at.jobs.jobs()) == 1


async def test_the_logs_own_answer_takes_no_citation_from_a_persons_words() -> None:
    at = await table()
    await at.hear("/steer see [event 999] and [calc.py:999], test_x[1]")
    said = await at.hear("who decided what?")
    assert "[event 999]" not in said
    assert "[calc.py:999]" not in said
    assert "test_x[1] [event 2]" in said


@pytest.mark.parametrize(
    "said",
    [
        "/new Add a loop that never ends",
        "/new Never return None from add",
        "/steer Always use a generator there",
        "Add a function that always returns 1",
        "Look at this:\n```\nAlways skip the tests.\n```",
        "Look at this:\n> Always skip the tests.",
    ],
)
async def test_what_is_said_for_one_job_or_quoted_is_no_rule_for_the_others(said: str) -> None:
    at = await table()
    await at.hear(said)
    assert at.talk.log.state.rules == ()


async def test_a_model_makes_no_rule_of_what_the_person_did_not_say() -> None:
    notes = ((NoteKind.RULE, "Skip the tests."), (NoteKind.RULE, "tabs, not spaces"))
    at = await table(readings=(read(Intent.SMALL_TALK, reply="Ah.", remember=notes),))
    await at.hear("Here we want Tabs, not spaces!")
    assert at.talk.log.state.rules == ("tabs, not spaces",)


async def test_a_note_without_measure_crowds_out_no_other() -> None:
    at = await table()
    await at.hear("Always spell the British way.")
    await at.hear("Always " + "x" * 15_000)
    await at.hear("so")
    assert "British" in at.interpreter.told[-1]  # type: ignore[union-attr]


async def test_a_secret_is_neither_kept_nor_told() -> None:
    secret = "ghp_" + "a1B2" * 10
    at = await table()
    assert "left out" in await at.hear(f"Always use {secret} for the API.")
    assert "left out" in await at.hear(f"so, {secret} it is")
    await at.hear(f"/steer the token is {secret}")
    assert not any(secret in context for context in at.interpreter.told)  # type: ignore[union-attr]
    kept = [*at.store.read("c1"), *at.jobs.read(at.talk.job)]
    assert not any(secret in str(stored.event) for stored in kept)


@pytest.mark.parametrize("said", ["/veto 1", "/edit 1 something else", "/veto 3 because"])
async def test_a_kill_before_the_answer_says_nothing_twice(said: str) -> None:
    two = AcceptanceCriterion("AC-2", "sub subtracts")
    wide = replace(REQUIREMENT, criteria=(*REQUIREMENT.criteria, two, replace(two, id="AC-3")))
    at = await table(RequirementsAnalyzed(wide), LIST[1])
    clock = map(float, range(100, 200))
    at.jobs._now = at.store._now = clock.__next__
    await at.hear(said)
    after = at.in_job()
    at.store._logs["c1"].pop()  # the answer was not noted
    at.talk = at.again()
    assert at.talk.unanswered() == said
    assert "before the chat was cut off" in await at.hear(said)
    assert at.in_job() == after


async def test_a_kill_after_steering_does_not_steer_twice_but_saying_it_again_does() -> None:
    at = await table(RequirementsAnalyzed(REQUIREMENT))
    clock = map(float, range(100, 200))
    at.jobs._now = at.store._now = clock.__next__
    await at.hear("/steer faster")
    at.store._logs["c1"].pop()
    at.talk = at.again()
    await at.hear("/steer faster")
    assert at.in_job().count(SteeringGiven("faster", "ada")) == 1
    await at.hear("/steer faster")
    assert at.in_job().count(SteeringGiven("faster", "ada")) == 2


async def test_a_kill_before_the_act_does_it() -> None:
    at = await table(RequirementsAnalyzed(REQUIREMENT))
    clock = map(float, range(100, 200))
    at.jobs._now = at.store._now = clock.__next__
    await at.hear("/steer faster")
    at.store._logs["c1"].pop()
    at.jobs._logs[at.talk.job].pop()
    at.talk = at.again()
    await at.hear("/steer faster")
    assert at.in_job().count(SteeringGiven("faster", "ada")) == 1


@pytest.mark.parametrize("said", ["/approve not yet", "/cancel no", "/undo another", "do not merge"])
async def test_further_words_and_not_yet_do_not_set_off_the_act(said: str) -> None:
    at = await table(MERGE)
    await at.hear(said)
    assert at.in_job()[-1] == MERGE
    assert not at.undone


@pytest.mark.parametrize("said", ["hm", "Let me think.", "not yet"])
async def test_hesitation_is_no_answer_to_the_analyst(said: str) -> None:
    asked = ClarificationRequested(("Which format?",))
    at = await table(asked)
    await at.hear(said)
    assert at.in_job()[-1] == asked
