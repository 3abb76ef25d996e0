"""Every port: what the use cases need of the outside, one to four methods each; a file for each kind.

Values that cross a port are frozen dataclasses of the domain or of this package. An adapter raises the errors of
`vulcan.domain.errors` only. A fake passes the same contract suite as the real adapter.
"""

from __future__ import annotations

from vulcan.application.ports.agents import (
    Analyst,
    AuthoredTests,
    Briefing,
    CallJournal,
    Coder,
    EnvironmentEngineer,
    RecipeBench,
    Reviewer,
    TestAuthor,
)
from vulcan.application.ports.conversation import Answerer, Interpretation, Interpreter, Workers
from vulcan.application.ports.forge import (
    Branches,
    Forge,
    PipelineRun,
    Pipelines,
    PullRequest,
    PullRequests,
    Release,
    Releases,
)
from vulcan.application.ports.history import (
    History,
    Repository,
    SourceRepository,
    SourceState,
    VersionControl,
)
from vulcan.application.ports.sandbox import (
    Box,
    BoxSpec,
    CommandResult,
    Egress,
    Limits,
    Mount,
    Origin,
    Sandbox,
)
from vulcan.application.ports.store import BlobStore, Chain, Clock, EventStore, Link, StoredEvent
from vulcan.application.ports.testing import (
    CodeInspector,
    KeptRuns,
    MutationTester,
    StaticChecks,
    TestChanges,
    TestRequest,
    TestRunner,
    TestRunResult,
)
from vulcan.application.ports.workflow import Observer, WorkflowEngine
from vulcan.application.ports.workspace import (
    Checkout,
    Checkouts,
    EnvironmentBuilder,
    OpenWorkspace,
    PreparedEnvironment,
    Workspace,
)

__all__ = [
    "Analyst",
    "Answerer",
    "AuthoredTests",
    "BlobStore",
    "Box",
    "BoxSpec",
    "Branches",
    "Briefing",
    "CallJournal",
    "Chain",
    "Checkout",
    "Checkouts",
    "Clock",
    "CodeInspector",
    "Coder",
    "CommandResult",
    "Egress",
    "EnvironmentBuilder",
    "EnvironmentEngineer",
    "EventStore",
    "Forge",
    "History",
    "Interpretation",
    "Interpreter",
    "KeptRuns",
    "Limits",
    "Link",
    "Mount",
    "MutationTester",
    "Observer",
    "OpenWorkspace",
    "Origin",
    "PipelineRun",
    "Pipelines",
    "PreparedEnvironment",
    "PullRequest",
    "PullRequests",
    "RecipeBench",
    "Release",
    "Releases",
    "Repository",
    "Reviewer",
    "Sandbox",
    "SourceRepository",
    "SourceState",
    "StaticChecks",
    "StoredEvent",
    "TestAuthor",
    "TestChanges",
    "TestRequest",
    "TestRunResult",
    "TestRunner",
    "VersionControl",
    "Workers",
    "WorkflowEngine",
    "Workspace",
]
