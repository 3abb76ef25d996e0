"""The two agents of a conversation: one reads what a message wants, one answers questions with sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_ai import ToolOutput
from pydantic_ai.models import Model

from vulcan.application.ports import CallJournal, Interpretation, Workspace
from vulcan.application.prompts import PromptSource
from vulcan.domain.errors import ModelUnavailable
from vulcan.domain.messages import Intent, NoteKind
from vulcan.infrastructure.agents.journaled import TurnLimit
from vulcan.infrastructure.agents.packaged import prompt
from vulcan.infrastructure.agents.run import AgentRun, Tuning, Work
from vulcan.infrastructure.agents.tools import LoopingError

INTERPRETER, ANSWERER = "interpreter", "answerer"
TURNS = {INTERPRETER: 3, ANSWERER: 16}


class Remembered(BaseModel):
    kind: Literal["goal", "rule", "decision", "fact", "open"]
    text: str = Field(description="One sentence that stands alone.")


class Reading(BaseModel):
    intent: Literal[
        "new job",
        "question",
        "steering",
        "agreement",
        "approval",
        "refusal",
        "cancel",
        "undo",
        "pause",
        "resume",
        "run tests",
        "small talk",
        "unclear",
    ]
    certain: bool = Field(description="False if another intent is possible, too.")
    text: str = Field(
        default="", description="Only if the message leans on earlier ones: the whole of it in its own words."
    )
    reply: str = Field(
        default="", description="Only for small talk and unclear: what to answer, or to ask back."
    )
    remember: list[Remembered] = []


class ConversationAgents:
    """Interpreter and answerer on one model; satisfies both ports.

    Args:
        model: the model of both.
        prompts: version and text of an agent's prompt; by default the packaged ones.
        tuning: how the model is asked.
    """

    def __init__(self, model: Model, prompts: PromptSource = prompt, tuning: Tuning | None = None) -> None:
        self._model, self._prompts, self._tuning = model, prompts, tuning

    async def interpret(
        self, call_key: str, context: str, message: str, journal: CallJournal
    ) -> Interpretation:
        """What a message wants, as the model reads it."""
        told = f"{context}\n\nThe message to read:\n{message}"
        work = Work(INTERPRETER, call_key, told, TURNS[INTERPRETER])
        run = AgentRun(work, self._prompts(INTERPRETER), self._model, None, journal, tuning=self._tuning)
        try:
            reading: Reading = await run.go([], ToolOutput(Reading, name="submit_reading"))
        except TurnLimit as error:
            raise ModelUnavailable(
                "the model does not say what it takes the message to want",
                hint="Say it as a command (/help), or use a stronger model.",
            ) from error
        remember = tuple((NoteKind(note.kind), note.text) for note in reading.remember)
        if reading.intent == "run tests":
            return Interpretation(Intent.COMMAND, reading.certain, "test", remember=remember)
        intent = Intent.CONFIRMATION if reading.intent == "agreement" else Intent(reading.intent)
        return Interpretation(intent, reading.certain, reading.text, reading.reply, remember)

    async def answer(
        self,
        call_key: str,
        context: str,
        question: str,
        workspace: Workspace,
        journal: CallJournal,
        show: Callable[[str], None],
    ) -> str:
        """The answer, as the model gives it; its sources are not checked here."""
        told = f"{context}\n\nThe question:\n{question}"
        work = Work(ANSWERER, call_key, told, TURNS[ANSWERER])
        run = AgentRun(work, self._prompts(ANSWERER), self._model, workspace, journal, show, self._tuning)
        try:
            return str(await run.go(run.tools.reading(), str))
        except (TurnLimit, LoopingError):
            return ""
