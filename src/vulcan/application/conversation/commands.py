"""Slash commands: what they are called, what they take, what they want."""

from __future__ import annotations

from dataclasses import dataclass

from vulcan.domain.messages import Intent


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command; `about` is shown in help and in completion."""

    name: str
    arguments: str
    about: str
    intent: Intent = Intent.COMMAND


COMMANDS: tuple[Command, ...] = (
    Command("new", "INSTRUCTION", "start a job", Intent.NEW_JOB),
    Command("ask", "QUESTION", "ask about the job or the repository", Intent.QUESTION),
    Command(
        "steer", "MESSAGE", "tell the job something; the model hears it before its next call", Intent.STEERING
    ),
    Command("ok", "", "agree to the requirements", Intent.CONFIRMATION),
    Command("edit", "N TEXT", "change item N of the requirements", Intent.CONFIRMATION),
    Command("veto", "N [WHY]", "veto item N of the requirements", Intent.CONFIRMATION),
    Command("approve", "", "approve the merge that the job waits for", Intent.APPROVAL),
    Command("refuse", "[WHY]", "refuse it; the job ends, its pull request stays open", Intent.REFUSAL),
    Command("pause", "", "pause the job (as Ctrl-C)", Intent.PAUSE),
    Command("resume", "", "go on with the job", Intent.RESUME),
    Command("cancel", "", "end the job", Intent.CANCEL),
    Command("undo", "", "remove the branches and the open pull request that the job made", Intent.UNDO),
    Command("pull", "", "bring what was merged into your branch, where it is clean and behind; nothing else"),
    Command("status", "", "where the job stands"),
    Command("cost", "", "what the job and this conversation cost"),
    Command("plan", "", "the requirements as a numbered list"),
    Command("diff", "", "the job's change"),
    Command("test", "", "run the project's tests: on the job's change, else on what is checked out"),
    Command("jobs", "", "the jobs of this conversation"),
    Command("job", "ID", "talk about another job"),
    Command("budget", "LIMIT=NUMBER ...", "raise limits: cost, tokens, calls, seconds, rounds"),
    Command("model", "[NAME]", "have work that starts from here done with another model; alone: which one"),
    Command("notes", "", "what is kept of this conversation"),
    Command("remember", "TEXT", "keep a rule; it holds for every job of this conversation"),
    Command("forget", "N", "drop note N"),
    Command("help", "", "this list"),
    Command("detach", "", "leave; the job goes on in the background"),
    Command("quit", "", "leave; a job that is under way is paused"),
)
BY_NAME = {command.name: command for command in COMMANDS}


def help_text() -> str:
    """All commands, a line each."""
    width = max(len(f"{c.name} {c.arguments}") for c in COMMANDS) + 1
    lines = [f"/{f'{c.name} {c.arguments}':<{width}} {c.about}" for c in COMMANDS]
    return "\n".join(["Say in your own words what you want, or use a command:", *lines])
