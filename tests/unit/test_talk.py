"""What a conversation does with a message, and what it never does by guess."""

from __future__ import annotations

import pytest

from fakes.sample_events import BASE_COMMIT
from fakes.talkers import ScriptedAnswerer, ScriptedInterpreter, Table
from vulcan.application.conversation.questions import LEFT_OUT
from vulcan.application.conversation.recognise import ParsedMessage
from vulcan.application.ports import Interpretation
from vulcan.domain.budget import Usage
from vulcan.domain.errors import ModelUnavailable
from vulcan.domain.events import (
    ApprovalGranted,
    ApprovalRefused,
    ApprovalRequested,
    BranchPushed,
    ClarificationAnswered,
    ClarificationRequested,
    CodeGenerated,
    ConfirmationRequested,
    Event,
    EvidenceJudged,
    JobCancelled,
    JobFinished,
    JobOutcome,
    JobRequested,
    Merged,
    ModelReplied,
    RequirementsAnalyzed,
    RequirementsConfirmed,
    RequirementsEdited,
    RequirementsQuestioned,
    Stage,
    StageFailed,
    SteeringGiven,
)
from vulcan.domain.evidence import GateResult, Verdict
from vulcan.domain.generation import CodeGeneration, CodeMetadata
from vulcan.domain.messages import Intent, NoteKind
from vulcan.domain.policy import approval_digest
from vulcan.domain.requirements import AcceptanceCriterion, Assumption, Requirement

REQUIREMENT = Requirement(
    "Make add add", (AcceptanceCriterion("AC-1", "add(2, 3) returns 5"),), (Assumption("AS-1", "ints only"),)
)
LIST = (RequirementsAnalyzed(REQUIREMENT), ConfirmationRequested())
DIGEST = approval_digest("merge", "c" * 40)
MERGE = ApprovalRequested("merge", "c" * 40, DIGEST)


def read(intent: Intent, *, certain: bool = True, **more: object) -> Interpretation:
    return Interpretation(intent, certain, **more)  # type: ignore[arg-type]


async def table(
    *events: Event, readings: tuple[Interpretation, ...] = (), answers: tuple[str, ...] = ()
) -> Table:
    """A conversation with a job to which `events` happened."""
    at = Table(ScriptedInterpreter(*readings), ScriptedAnswerer(*answers))
    await at.hear("/new Make add add")
    at.happens(*events)
    at.workers.started.clear()
    return at


# ------------------------------------------------------------------------------------------------ new jobs


async def test_a_command_starts_a_job_that_will_wait_for_the_persons_word() -> None:
    at = Table()
    said = await at.hear("/new Make add add")
    request = at.in_job()[0]
    assert isinstance(request, JobRequested)
    assert (request.instruction, request.confirm, request.conversation) == ("Make add add", True, "c1")
    assert at.workers.started == [at.talk.job]
    assert at.talk.job in said


@pytest.mark.parametrize(
    "said", ["Please make add add", "Can you make add add?", "I'd like you to make add add", "let's fix add"]
)
async def test_an_order_that_the_model_reads_as_one_starts_a_job_since_two_readings_agree(said: str) -> None:
    at = Table(ScriptedInterpreter(read(Intent.NEW_JOB)))
    await at.hear(said)
    assert at.workers.started


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        ("It would be nice if add added", read(Intent.NEW_JOB)),
        ("Make add add", read(Intent.NEW_JOB, certain=False)),
        ("Do the same for sub", read(Intent.NEW_JOB, text="Make sub subtract")),
    ],
)
async def test_a_job_that_could_be_a_guess_is_asked_about_first(
    message: str, reading: Interpretation
) -> None:
    at = Table(ScriptedInterpreter(reading))
    said = await at.hear(message)
    assert said.endswith("(yes/no)")
    assert not at.jobs.jobs()
    await at.hear("yes")
    request = at.in_job()[0]
    assert isinstance(request, JobRequested)
    assert request.instruction == (reading.text or message)


async def test_without_a_model_an_order_is_asked_about_and_prose_is_not_understood() -> None:
    at = Table()
    assert "No model" in await at.hear("the sky is blue")
    assert "(yes/no)" in await at.hear("Make add add")
    assert await at.hear("no") == "Left as it is."
    assert "No model" in await at.hear("yes")
    assert not at.jobs.jobs()


async def test_beside_a_job_under_way_another_one_is_always_asked_about() -> None:
    at = await table(readings=(read(Intent.NEW_JOB),))
    assert "is under way" in await at.hear("Add a flag")
    assert len(at.jobs.jobs()) == 1


async def test_a_kill_between_the_request_and_its_note_starts_no_second_job() -> None:
    at = await table()
    # as if the process had died after the job was requested and before the conversation knew of it
    at.store._logs["c1"] = at.store._logs["c1"][:2]
    at.talk = at.again()
    assert at.talk.job == ""
    assert at.talk.unanswered() == "/new Make add add"
    await at.hear(at.talk.unanswered())
    assert len(at.jobs.jobs()) == 1
    assert at.talk.job == at.jobs.jobs()[0]


async def test_rules_of_the_conversation_go_into_its_jobs() -> None:
    at = Table()
    await at.hear("/remember Spell the British way")
    await at.hear("Never touch the file legacy.py. What is new?")
    await at.hear("/new Make add add")
    request = at.in_job()[0]
    assert isinstance(request, JobRequested)
    assert request.rules == ("Spell the British way", "Never touch the file legacy.py.")


# ------------------------------------------------------------------------------------- the requirements' list


async def test_the_list_is_agreed_to_edited_and_vetoed() -> None:
    at = await table(*LIST)
    assert "1. add(2, 3) returns 6" in await at.hear("1: add(2, 3) returns 6")
    assert isinstance(at.in_job()[-1], RequirementsEdited)
    assert not at.workers.started
    await at.hear("ok")
    assert at.in_job()[-1] == RequirementsConfirmed("ada")
    assert at.workers.started == [at.talk.job]


async def test_a_vetoed_assumption_goes_to_the_analyst() -> None:
    at = await table(*LIST)
    assert "works the requirements out again" in await at.hear("/veto 2 floats, too")
    assert at.in_job()[-1] == RequirementsQuestioned("This does not hold: ints only\nfloats, too", "ada")
    assert at.workers.started


async def test_a_sentence_about_the_list_goes_to_the_analyst_only_if_the_model_is_sure() -> None:
    at = await table(*LIST, readings=(read(Intent.STEERING, certain=False), read(Intent.STEERING)))
    assert "(yes/no)" in await at.hear("floats would be nice")
    assert not at.workers.started
    await at.hear("It must take floats")
    assert at.in_job()[-1] == RequirementsQuestioned("It must take floats", "ada")


async def test_a_wish_in_plain_words_for_the_list_goes_to_the_analyst_without_a_question() -> None:
    at = await table(*LIST, readings=(read(Intent.STEERING),))
    await at.hear("wait, actually keep add as an alias")
    assert at.in_job()[-1] == RequirementsQuestioned("wait, actually keep add as an alias", "ada")


async def test_an_item_that_is_not_there_is_said_and_changes_nothing() -> None:
    at = await table(*LIST)
    assert "there is no item 7" in await at.hear("7: nothing")
    assert at.in_job()[-1] == ConfirmationRequested()


# ------------------------------------------------------------------------------------------- a job under way


async def test_an_answer_answers_the_open_question() -> None:
    asks = Requirement("?", REQUIREMENT.criteria, questions=("Which format?",))
    at = await table(RequirementsAnalyzed(asks), ClarificationRequested(asks.questions))
    await at.hear("semver, as everywhere")
    assert at.in_job()[-1] == ClarificationAnswered("semver, as everywhere", "ada")


async def test_steering_goes_into_the_jobs_log() -> None:
    at = await table(RequirementsAnalyzed(REQUIREMENT), readings=(read(Intent.STEERING),))
    at.workers.working.add(at.talk.job)
    assert "before its next model call" in await at.hear("Use a generator for that")
    assert at.in_job()[-1] == SteeringGiven("Use a generator for that", "ada")


async def test_steering_a_job_that_has_ended_says_so() -> None:
    at = await table(JobFinished(JobOutcome.DONE, ""))
    assert "has ended" in await at.hear("/steer faster")


async def test_pause_and_resume() -> None:
    at = await table(StageFailed(Stage.ANALYZE, "no answer"))
    at.workers.working.add(at.talk.job)
    await at.hear("stop")
    assert at.workers.paused == [at.talk.job]
    at.workers.working.clear()
    await at.hear("go on")
    assert at.workers.started == [at.talk.job]


# ------------------------------------------------------------------------- what can't be taken back


@pytest.mark.parametrize("said", ["approve", "merge it", "/approve", "LGTM!"])
async def test_a_merge_is_approved_by_plain_words(said: str) -> None:
    at = await table(MERGE)
    await at.hear(said)
    assert at.in_job()[-1] == ApprovalGranted(DIGEST, "ada")
    assert at.workers.started == [at.talk.job]


@pytest.mark.parametrize("intent", [Intent.APPROVAL, Intent.CANCEL, Intent.UNDO, Intent.REFUSAL])
async def test_no_model_however_sure_sets_off_what_can_not_be_taken_back(intent: Intent) -> None:
    at = await table(MERGE, readings=(read(intent), read(intent), read(Intent.SMALL_TALK, reply="Well.")))
    before = at.in_job()
    assert "(yes/no)" in await at.hear("looks fine to me, let us have it")
    assert await at.hear("no") == "Left as it is."
    assert "(yes/no)" in await at.hear("looks fine to me, let us have it")
    assert (await at.hear("hm")).startswith("Well.\nStill open: ")
    assert at.in_job() == before
    assert not at.undone
    assert not at.workers.started


async def test_a_yes_is_for_the_commit_that_was_asked_about() -> None:
    at = await table(MERGE, readings=(read(Intent.APPROVAL),))
    await at.hear("I am happy with that")
    other = approval_digest("merge", "d" * 40)
    heard = RequirementsAnalyzed(REQUIREMENT, steering_seen=1)
    at.happens(SteeringGiven("x", "bob"), heard, ApprovalRequested("merge", "d" * 40, other))
    assert "another commit" in await at.hear("yes")
    assert not any(isinstance(event, ApprovalGranted) for event in at.in_job())


async def test_a_bare_yes_with_nothing_asked_merges_nothing() -> None:
    at = await table(MERGE)
    assert "(yes/no)" in await at.hear("yes")
    assert not any(isinstance(event, ApprovalGranted) for event in at.in_job())
    await at.hear("yes")
    assert at.in_job()[-1] == ApprovalGranted(DIGEST, "ada")


async def test_refusing_cancelling_and_undoing_by_plain_words() -> None:
    at = await table(MERGE)
    await at.hear("/refuse too slow")
    assert at.in_job()[-1] == ApprovalRefused(DIGEST, "ada", "too slow")
    at = await table()
    await at.hear("cancel")
    assert at.in_job()[-1] == JobCancelled("ada")
    at.happens(BranchPushed("vulcan/x", "c" * 40))
    assert "(yes/no)" in await at.hear("undo")
    assert "removed branch vulcan/x" in await at.hear("yes")
    assert at.undone == [at.talk.job]


# --------------------------------------------------------------------------- a yes in any words, and what stays open

YES_IN_WORDS = (
    "ja bitte",
    "Sure, go for it!",
    "oui",
    "d'accord",
    "S\u00ed.",
    "да",
    "はい",
    "好的。",
    "mach das",
    "👍",
)


@pytest.mark.parametrize("said", YES_IN_WORDS)
async def test_one_list_of_words_says_yes_to_whatever_waits(said: str) -> None:
    at = await table(*LIST)
    await at.hear(said)
    assert at.in_job()[-1] == RequirementsConfirmed("ada")
    at = await table(StageFailed(Stage.ANALYZE, "no answer"))
    await at.hear(said)
    assert at.workers.started == [at.talk.job]
    at = await table(MERGE)
    at.talk.shown(at.talk.job, "c" * 40)
    await at.hear(said)
    assert at.in_job()[-1] == ApprovalGranted(DIGEST, "ada")
    at = Table()
    await at.hear("Make add add")
    await at.hear(said)
    assert at.workers.started


@pytest.mark.parametrize("said", ["nein", "No!", "non merci", "нет", "いいえ", "不要"])
async def test_one_list_of_words_says_no_to_whatever_waits(said: str) -> None:
    at = Table()
    await at.hear("Make add add")
    assert await at.hear(said) == "Left as it is."
    for events, words in ((LIST, "What is to be different?"), ((MERGE,), "The merge waits")):
        at = await table(*events)
        before = at.in_job()
        assert words in await at.hear(said)
        assert at.in_job() == before


@pytest.mark.parametrize("said", ["weiter", "继续", "Continue!", "продолжай", "sigue", "go on"])
async def test_a_job_that_stands_still_goes_on_by_plain_words_and_without_a_question(said: str) -> None:
    for events in ((StageFailed(Stage.ANALYZE, "no answer"),), ()):  # it waits, or its process is gone
        at = await table(*events)
        assert "goes on" in await at.hear(said)
        assert at.workers.started == [at.talk.job]


async def test_go_on_does_not_agree_to_the_end_of_a_job() -> None:
    at = await table(readings=(read(Intent.CANCEL),))
    assert "End job" in await at.hear("I have had enough")
    assert "End job" in await at.hear("继续")
    assert JobCancelled("ada") not in at.in_job()


async def test_a_yes_after_other_words_does_not_merge_unasked() -> None:
    at = await table(MERGE, readings=(read(Intent.SMALL_TALK, reply="Fine."),))
    at.talk.shown(at.talk.job, "c" * 40)
    await at.hear("/diff")
    await at.hear("a nice change, that")
    assert "(yes/no)" in await at.hear("ok")
    assert at.in_job()[-1] == MERGE


AGREES = read(Intent.CONFIRMATION)


async def test_what_no_list_knows_is_a_yes_if_the_model_says_so_and_something_waits() -> None:
    at = await table(*LIST, readings=(AGREES,))
    await at.hear("kannste so machen")
    assert at.in_job()[-1] == RequirementsConfirmed("ada")
    at = Table(ScriptedInterpreter(read(Intent.NEW_JOB, certain=False), AGREES))
    await at.hear("Make add add")
    await at.hear("kannste so machen")
    assert at.workers.started
    assert "Start a job with this instruction: Make add add" in at.interpreter.told[-1]  # type: ignore[union-attr]
    at = await table(readings=(AGREES,))
    assert "Nothing waits" in await at.hear("kannste so machen")


async def test_a_yes_that_only_a_model_sees_is_not_enough_for_what_can_not_be_taken_back() -> None:
    at = await table(MERGE, readings=(AGREES, AGREES, AGREES))
    assert "Approve the merge" in await at.hear("kannste so machen")
    assert "Approve the merge" in await at.hear("kannste so machen")
    assert at.in_job()[-1] == MERGE
    await at.hear("ja, kannste so machen")
    assert at.in_job()[-1] == ApprovalGranted(DIGEST, "ada")


async def test_a_yes_that_the_model_is_not_sure_of_is_asked_about() -> None:
    at = await table(*LIST, readings=(read(Intent.CONFIRMATION, certain=False),))
    assert "(yes/no)" in await at.hear("kannste so machen")
    assert at.in_job()[-1] == LIST[-1]


async def test_a_question_in_between_is_answered_and_what_was_asked_stays_open() -> None:
    at = Table(
        ScriptedInterpreter(read(Intent.NEW_JOB, certain=False), read(Intent.QUESTION)),
        ScriptedAnswerer("It adds [calc.py:1-2]."),
    )
    await at.hear("Make add add")
    said = await at.hear("what does calc.py do")
    assert (
        said == "It adds [calc.py:1-2].\nStill open: Start a job with this instruction: Make add add (yes/no)"
    )
    assert "".join(at.shown) == f"{said}\n"
    await at.hear("yes")
    assert at.workers.started


async def test_what_was_asked_is_closed_by_a_no_by_doing_it_and_by_another_act() -> None:
    at = Table(ScriptedInterpreter())
    for closing in ("no", "yes", "/new Make sub subtract"):
        at.interpreter._readings.append(read(Intent.NEW_JOB, certain=False))  # type: ignore[union-attr]
        await at.hear("Make mul multiply")
        await at.hear(closing)
        assert at.talk.log.state.proposal is None
        assert "Still open" not in await at.hear("hm")


async def test_a_yes_that_fails_is_not_asked_for_for_ever() -> None:
    at = await table(JobFinished(JobOutcome.DONE, ""), readings=(read(Intent.CANCEL),))
    await at.hear("I have had enough")
    await at.hear("yes")
    assert at.talk.log.state.proposal is None


async def test_a_yes_that_was_typed_before_the_question_is_not_for_it() -> None:
    at = Table()
    typed = at.talk.waits()
    await at.hear("Make add add")
    assert "(yes/no)" in (await at.talk.handle_message("yes", at.shown.append, typed)).text
    assert not at.jobs.jobs()
    await at.talk.handle_message("yes", at.shown.append, at.talk.waits())
    assert at.workers.started


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (LIST, "ok"),
        ((MERGE,), "approve"),
        ((MERGE,), "/approve"),
        ((StageFailed(Stage.ANALYZE, "no answer"),), "continue"),
        ((RequirementsAnalyzed(REQUIREMENT), ClarificationRequested(("Which format?",))), "semver, too"),
    ],
)
async def test_a_word_that_was_typed_before_the_job_asked_is_asked_about(
    events: tuple[Event, ...], said: str
) -> None:
    at = await table()
    typed = at.talk.waits()
    at.happens(*events)
    at.talk.shown(at.talk.job, "c" * 40)
    assert "(yes/no)" in (await at.talk.handle_message(said, at.shown.append, typed)).text
    assert at.in_job()[-1] == events[-1]
    assert not at.workers.started
    await at.hear("yes")
    assert at.workers.started


async def test_going_on_in_other_words_needs_no_question_where_the_words_say_so() -> None:
    at = await table(StageFailed(Stage.ANALYZE, "no answer"), readings=(read(Intent.RESUME),))
    await at.hear("alright, please go on with it")
    assert at.workers.started == [at.talk.job]


# --------------------------------------------------------------------------------------------- what was merged

MERGED = (
    BranchPushed("vulcan/x", "c" * 40),
    Merged(1, "f" * 40),
    JobFinished(JobOutcome.DONE, "proven and merged as ffffffffff"),
)


@pytest.mark.parametrize("said", ["pull", "/pull", "git pull"])
async def test_what_was_merged_is_brought_into_the_persons_branch(said: str) -> None:
    at = await table(*MERGED)
    assert "Your main is brought forward" in await at.hear(said)
    assert at.pulled == ["f" * 40]


async def test_nothing_merged_is_nothing_to_pull() -> None:
    at = await table(JobFinished(JobOutcome.DONE, ""))
    assert "nothing was merged" in await at.hear("pull")


async def test_a_job_that_would_start_without_what_was_merged_is_asked_about() -> None:
    at = await table(*MERGED)
    first = at.talk.job
    said = await at.hear("/new Make sub subtract")
    assert f"What job {first} merged is not in your branch yet" in said
    assert not at.workers.started
    await at.hear("pull")
    assert at.pulled == ["f" * 40]
    await at.hear("yes")
    assert len(at.workers.started) == 1
    at = await table(*MERGED)
    at.pulled.append("f" * 40)
    assert "is started" in await at.hear("/new Make sub subtract")


async def test_undoing_says_that_the_merge_stays() -> None:
    at = await table(*MERGED)
    said = await at.hear("undo")
    assert "Its merge stays: ffffffffff is on main of the forge. To take that back: git revert -m 1" in said
    said = await at.hear("yes")
    assert said.startswith("removed branch vulcan/x of /project\nIts merge stays: ffffffffff")
    assert said.endswith("(your branch does not have it)")
    at = await table(JobFinished(JobOutcome.DONE, ""))
    await at.hear("undo")
    assert "merge stays" not in await at.hear("yes")


# ------------------------------------------------------------------------------------------------ questions

GENERATED = CodeGenerated(CodeGeneration(REQUIREMENT, (), CodeMetadata(BASE_COMMIT, "c" * 40, 1)))
JUDGED = EvidenceJudged(Verdict(True, (GateResult("red-green", True, "1 of 1"),), (), "c" * 40), 1)


async def test_common_questions_need_no_model_and_leave_the_job_alone() -> None:
    at = await table(*LIST)
    before = at.in_job()
    assert "[event 3]" in await at.hear("what is the status?")
    assert at.in_job() == before
    assert not at.answerer.questions  # type: ignore[union-attr]
    assert not at.interpreter.told  # type: ignore[union-attr]


async def test_only_lines_with_sources_that_exist_are_shown() -> None:
    first = "It subtracted [calc.py:2].\nA gate says so [gate nope].\nI feel it.\nSee [event 99].\nThat is not in the log."
    second = "The gate says so [gate red-green].\nSee [event 98]."
    at = await table(GENERATED, JUDGED, readings=(read(Intent.QUESTION),), answers=(first, second))
    said = await at.hear("why did you change it")
    assert said.split("\n") == [
        "It subtracted [calc.py:2].",
        "That is not in the log.",
        "The gate says so [gate red-green].",
        LEFT_OUT,
    ]
    assert "".join(at.shown) == said + "\n"
    assert "[gate nope] " not in "".join(at.shown)
    assert "I feel it." in at.answerer.questions[1]  # type: ignore[union-attr]


async def test_code_and_paragraphs_of_an_answer_are_kept() -> None:
    answer = (
        "It subtracts [calc.py:2]:\n\n```python\n    return a - b\n```\n\nNothing else does [calc.py:1-2]."
    )
    at = await table(GENERATED, readings=(read(Intent.QUESTION),), answers=(answer,))
    assert await at.hear("explain add") == answer
    assert "".join(at.shown) == f"{answer}\n"


@pytest.mark.parametrize(
    "said", ["explain @calc.py.", 'explain @"calc.py", @calc.py and @nowhere.py', "explain (@calc.py)"]
)
async def test_a_file_that_is_named_with_an_at_sign_is_told_with_its_lines(said: str) -> None:
    at = Table(ScriptedInterpreter(read(Intent.QUESTION)), ScriptedAnswerer("It subtracts [calc.py:2]."))
    await at.hear(said)
    told = at.answerer.told[0]  # type: ignore[union-attr]
    assert (
        told.count(
            "attached calc.py, here with the numbers of its lines:\n1 def add(a, b):\n2     return a - b"
        )
        == 1
    )


async def test_an_address_attaches_nothing() -> None:
    at = Table(ScriptedInterpreter(read(Intent.QUESTION)), ScriptedAnswerer("No [calc.py:2]."))
    await at.hear("who is ada@calc.py")
    assert "attached" not in at.answerer.told[0]  # type: ignore[union-attr]


async def test_what_the_coder_said_at_work_can_answer_a_why() -> None:
    at = await table(readings=(read(Intent.QUESTION),), answers=("It asked mypy [event 3].",))
    words = at.blobs.put(b'{"text": "mypy is right: I keep\\n the annotation [event 99]", "tool_calls": []}')
    silent = at.blobs.put(b'{"tool_calls": []}')
    at.happens(
        *(ModelReplied(f"k{n}", "coder", "m", Usage(1), kept) for n, kept in enumerate([silent, words]))
    )
    await at.hear("why did u do it this way?")
    told = at.answerer.told[0]  # type: ignore[union-attr]
    assert "coder: mypy is right: I keep the annotation (event 99) [event 3]" in told


async def test_an_answer_that_has_no_source_at_all_becomes_not_in_the_log() -> None:
    at = await table(readings=(read(Intent.QUESTION),), answers=("It is so.", "It is so!"))
    assert "not in the log" in await at.hear("why is the sky blue")


async def test_a_question_about_the_repository_needs_no_job() -> None:
    at = Table(ScriptedInterpreter(read(Intent.QUESTION)), ScriptedAnswerer("It adds [calc.py:1-2]."))
    assert await at.hear("what does calc.py do") == "It adds [calc.py:1-2]."
    assert "Be kind." in at.answerer.told[0]  # type: ignore[union-attr]


# --------------------------------------------------------------------------------------------- what is kept

FACT = "By the way, our staging server is called heron-7 and nobody may restart it on Fridays."


async def test_a_fact_of_the_first_turn_is_there_after_ten_compactions() -> None:
    interpreter = ScriptedInterpreter()
    at = Table(interpreter)
    await at.hear(FACT)
    for turn in range(200):
        await at.hear(f"Message {turn}: {'some more prose about this and that. ' * 50}")
        if at.talk.log.state.compactions >= 10:
            break
    assert at.talk.log.state.compactions == 10
    await at.hear("and what now")
    assert "heron-7" in interpreter.told[-1]
    assert len(interpreter.told[-1]) < 50_000
    at.talk = at.again()
    await at.hear("and after a restart")
    assert "heron-7" in interpreter.told[-1]


async def test_what_a_model_finds_worth_keeping_stays_though_no_rule_sees_it() -> None:
    fact = "The tea lives in the blue cupboard"
    first = read(Intent.SMALL_TALK, reply="Ah.", remember=((NoteKind.FACT, fact),))
    interpreter = ScriptedInterpreter(first)
    at = Table(interpreter)
    await at.hear(f"{'Well, you know how it is. ' * 40} {fact}.")
    while at.talk.log.state.compactions < 10:
        await at.hear("x" * 9_000)
    await at.hear("where was it")
    assert interpreter.told[-1].count(fact) == 1
    await at.hear("/forget 1")
    await at.hear("where was it")
    assert fact not in interpreter.told[-1]


async def test_the_jobs_data_is_told_however_long_the_talk_was() -> None:
    interpreter = ScriptedInterpreter()
    at = Table(interpreter)
    await at.hear("/new Make add add")
    at.happens(*LIST)
    while at.talk.log.state.compactions < 3:
        await at.hear("y" * 9_000 + "?")
    for words in ("Instruction: Make add add", "1. add(2, 3) returns 5", "ints only", "waits for your word"):
        assert words in interpreter.told[-1]


async def test_a_conversations_own_calls_have_a_limit_and_commands_go_on() -> None:
    at = Table(ScriptedInterpreter())
    for _ in range(50):
        await at.hear("so")
    assert "used up its limit" in await at.hear("so")
    assert "start a job" in await at.hear("/help")


async def test_every_message_is_in_the_log_before_anything_is_done_with_it() -> None:
    at = Table()
    at.interpreter = ScriptedInterpreter()
    at.talk = at.again()

    async def die(*_arguments: object) -> Interpretation:
        raise KeyboardInterrupt

    at.interpreter.interpret = die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await at.hear("hear me")
    at.talk = at.again()
    assert at.talk.unanswered() == "hear me"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("/nonsense", "there is no command /nonsense"),
        ("/job", "/job takes ID"),
        ("/job zzz", "there is no job zzz"),
        ("/forget 9", "there is no note 9"),
        ("/budget cost=many", "is no limit"),
        ("/budget fun=3", "is no limit"),
        ("/budget cost=nan", "is no limit"),
        ("/budget cost=inf", "is no limit"),
        ("/budget calls=-1", "is no limit"),
        ("/approve", "does not wait for an approval"),
        ("/ok", "does not wait for a word"),
        ("/jobs", "in prepare"),
        ("/plan", "no requirements yet"),
        ("/model", "done with m."),
        ("/model other", "done with other."),
        ("/diff", "no change yet"),
        ("/notes", "Nothing is kept"),
        ("/cost", "This conversation itself: 0 model calls, 0 tokens in, 0 out, $0.0000."),
        ("/budget cost=10 tokens=5", "are changed"),
        ("/pause", "Nobody works on"),
        ("thanks!", "welcome"),
    ],
)
async def test_commands_answer_in_words(said: str, words: str) -> None:
    at = await table()
    assert words in await at.hear(said)


async def test_what_the_conversation_itself_cost_is_said_in_money() -> None:
    at = await table(*LIST)
    await at.hear("well")
    at.talk.log.append(ModelReplied("k", "interpreter", "m", Usage(1, 100, 0, 20, 0.0125), "x"))
    assert "2 model calls, 110 tokens in, 25 out, $0.0125" in await at.hear("/cost")


@pytest.mark.parametrize("said", ["/diff", "show me the diff pls"])
async def test_the_diff_by_command_and_in_words(said: str) -> None:
    at = await table(GENERATED)
    reply = await at.talk.handle_message(said, at.shown.append)
    assert reply.form == "diff"
    assert "+    return a + b" in reply.text


async def test_the_projects_tests_are_run_on_the_job_under_way_or_on_what_is_checked_out() -> None:
    at = await table(readings=(read(Intent.COMMAND, text="test"),))
    assert await at.hear("run the tests") == "3 passed"
    at.happens(JobFinished(JobOutcome.DONE, ""))
    assert await at.hear("kannste mal testen") == "3 passed"
    assert at.tested == [at.talk.job, ""]
    assert "".join(at.shown) == "The project's tests are being run ...\n" * 2


async def test_long_words_are_said_back_by_their_beginning() -> None:
    at = Table()
    instruction = "Fix what the log says:\n" + "\n".join(f"line {number}" for number in range(100))
    said = await at.hear(instruction)
    assert said.startswith("Start a job with this instruction: Fix what the log says:\nline 0\n")
    assert said.endswith("[89 lines more] (yes/no)")
    assert "[89 lines more]" in await at.hear("yes")
    request = at.in_job()[0]
    assert isinstance(request, JobRequested)
    assert request.instruction == instruction


async def test_leaving() -> None:
    at = await table()
    assert (await at.talk.handle_message("bye", at.shown.append)).leave == "quit"
    assert (await at.talk.handle_message("/detach", at.shown.append)).leave == "detach"


async def test_a_message_without_measure_is_refused_and_not_kept() -> None:
    at = Table()
    assert "at most 20,000 characters" in await at.hear("x" * 20_001)
    assert at.talk.log.state.messages == ()


async def test_where_the_model_does_not_answer_the_form_of_a_message_must_do() -> None:
    at = await table(*LIST)

    async def away(*_arguments: object) -> Interpretation:
        raise ModelUnavailable("the model m does not answer", hint="Check it.")

    at.interpreter.interpret = away  # type: ignore[union-attr, method-assign]
    at.talk = at.again()
    assert "the model m does not answer\nCheck it." in await at.hear("the sky is blue")
    assert "(yes/no)" in await at.hear("Add a flag")
    assert not at.workers.started
    at.answerer.answer = away  # type: ignore[union-attr, method-assign]
    said = await at.hear("why did it cost so much?")
    assert "No model was asked, so it cost nothing." in said
    assert "(the model m does not answer)" in said


async def test_a_plain_approval_is_for_the_commit_that_was_shown() -> None:
    at = await table(MERGE)
    at.talk.shown(at.talk.job, "c" * 40)
    other = approval_digest("merge", "d" * 40)
    at.happens(
        SteeringGiven("x", "bob"),
        RequirementsAnalyzed(REQUIREMENT, 1),
        ApprovalRequested("merge", "d" * 40, other),
    )
    assert "another commit" in await at.hear("approve")
    at.talk.shown(at.talk.job, "d" * 40)
    assert "Approved" in await at.hear("approve")


# ------------------------------------------------------------------------------------------------ consent

FREE = {
    Intent.QUESTION, Intent.ANSWER, Intent.PAUSE, Intent.SMALL_TALK, Intent.UNCLEAR, Intent.COMMAND,
}  # fmt: skip
"""What costs nothing that the person has not asked for, and can be taken back. A new intent is decided about here."""


def test_every_intent_is_free_or_asks_for_consent() -> None:
    acts = Table().talk._acts
    assert {intent for intent, act in acts.items() if act.ask is None} == FREE
    assert set(acts) == set(Intent)


@pytest.mark.parametrize("intent", sorted(set(Intent) - FREE))
async def test_a_guess_at_what_costs_or_can_not_be_taken_back_is_only_asked_about(intent: Intent) -> None:
    waits = {Intent.APPROVAL: MERGE, Intent.REFUSAL: MERGE, Intent.RESUME: StageFailed(Stage.ANALYZE, "no")}
    at = await table(*([waits[intent]] if intent in waits else []))
    before, started = at.in_job(), list(at.workers.started)
    reply = await at.talk._do(ParsedMessage(intent, "some words", exact=False), at.shown.append)
    assert "(yes/no)" in reply.text
    assert (at.in_job(), at.workers.started, at.undone) == (before, started, [])
