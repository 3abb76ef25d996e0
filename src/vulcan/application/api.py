"""The application as apps hold it: parse what a person wants, call one of these, render what comes back."""

from __future__ import annotations

from typing import Protocol

from vulcan.application.conversation.service import Conversations
from vulcan.application.jobs.service import Jobs
from vulcan.application.observability.service import Observability
from vulcan.application.ports.installation import Installation
from vulcan.application.ports.models import Models
from vulcan.application.settings import Settings
from vulcan.application.setup.service import ProjectSetup
from vulcan.application.verification import Verifier


class Vulcan(Protocol):
    """Everything that an app (command line, REST, web page) can do, by subject.

    Each part is made when it is first used: `vulcan config` opens no log, and what needs no model loads none.
    """

    @property
    def settings(self) -> Settings:
        """What is set."""

    @property
    def jobs(self) -> Jobs:
        """Ordering jobs, looking at them and working on them."""

    @property
    def conversations(self) -> Conversations:
        """Talking about a repository and its jobs."""

    @property
    def verifier(self) -> Verifier:
        """Judging anybody's change."""

    @property
    def models(self) -> Models:
        """The models that are set, and what else is reachable."""

    @property
    def setup(self) -> ProjectSetup:
        """Finding out how a project's tests are run."""

    @property
    def observability(self) -> Observability:
        """Figures, traces and the activity log."""

    @property
    def installation(self) -> Installation:
        """Vulcan on this machine: settings, keys, state folder, sandbox."""
