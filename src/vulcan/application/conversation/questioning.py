"""Questions in a conversation: answered from the log, else by a model with sources."""

from __future__ import annotations

from vulcan.application.conversation.answers import answer
from vulcan.application.conversation.context import context_of
from vulcan.application.conversation.open_conversation import OpenConversation, Reply
from vulcan.application.conversation.questions import Show, Subject, attached, from_log, from_model
from vulcan.application.conversation.recognise import ParsedMessage
from vulcan.domain.errors import ModelUnavailable
from vulcan.domain.messages import Intent

NO_MODEL = (
    "No model is configured, so only commands, exact words and common questions are understood. See /help."
)


class Questions:
    """Answers what is asked."""

    def __init__(self, at: OpenConversation) -> None:
        self._at = at

    async def question(self, understood: ParsedMessage, show: Show) -> Reply:
        """Answer from the log where it has an answer, else by the model, else say what can be said."""
        subject = self._at.services.subject(self._at.job)
        if known := from_log(understood.text, subject):
            return Reply(known, Intent.QUESTION, self._at.job)
        answerer = self._at.services.answerer
        if answerer is None:
            return Reply(self._offline(understood.text, subject, NO_MODEL), Intent.QUESTION, self._at.job)
        named = attached(self._at.log.state.messages[-1].text, subject)
        context = "\n\n".join(filter(None, [context_of(self._at.log.state, None), named]))
        key = f"chat/{self._at.log.state.seq}/answer"
        try:
            text = await from_model(understood.text, context, subject, answerer, key, self._at.calls(), show)
        except ModelUnavailable as error:
            text = self._offline(understood.text, subject, "That can't be answered now.")
            return Reply(f"{text}\n({error.message})", Intent.QUESTION, self._at.job)
        return Reply(text, Intent.QUESTION, self._at.job, shown=True)

    def _offline(self, question: str, subject: Subject, otherwise: str) -> str:
        """What the log says to the question's topic, where no model can be asked."""
        return answer(question, subject.log).text if subject.log else otherwise

    async def small_talk(self, understood: ParsedMessage, _show: Show) -> Reply:
        """Say what the model said, or that nothing was understood."""
        text = understood.text or "I am not sure what you want. Start a job, steer one, or ask? (/help)"
        return Reply(text, understood.intent, self._at.job)
