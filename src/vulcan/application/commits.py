"""How a change is cut into commits: the product's code first, its tests on top."""

from __future__ import annotations

from vulcan.application.plaintext import on_one_line, safe
from vulcan.application.ports import Repository
from vulcan.application.secrets import without_secrets
from vulcan.application.testpaths import is_test_path
from vulcan.domain.errors import UserError
from vulcan.domain.events import JobRequested
from vulcan.domain.generation import CodeArtifact
from vulcan.domain.job import Job
from vulcan.domain.requirements import Requirement
from vulcan.domain.texts import shortened

SUBJECT_LENGTH = 72


def request_of(job: Job) -> JobRequested:
    """The job's request; every job that a stage sees has one."""
    if job.request is None:
        raise UserError("the job has no request")
    return job.request


def requirement_of(job: Job) -> Requirement:
    """The job's requirement; every stage after analyze has one."""
    if job.requirement is None:
        raise UserError("the job has no requirements yet")
    return job.requirement


def subject(requirement: Requirement) -> str:
    """The summary as a commit's first line."""
    line = " ".join(without_secrets(safe(requirement.summary)).split()).rstrip(".")
    return shortened(line, SUBJECT_LENGTH, "...")


def without_tests(repository: Repository, base: str, head: str) -> str:
    """The tree (or commit) `head`, but with all test files as they are in `base`."""
    kept_out = [each.path for each in test_artifacts(repository, base, head)]
    return repository.overlay(head, base, kept_out) if kept_out else head


def code_commit(repository: Repository, job: Job, job_id: str, tree: str) -> str:
    """Commit what the coder changed outside of tests; the rest of its work is left out."""
    request, requirement = request_of(job), requirement_of(job)
    product = without_tests(repository, request.base_commit, tree)
    criteria = "\n".join(f"{c.id}: {on_one_line(without_secrets(c.text))}" for c in requirement.criteria)
    message = f"{subject(requirement)}\n\n{criteria}\n\nVulcan-Job: {job_id}\n"
    return repository.commit(product, request.base_commit, message)


def tests_commit(repository: Repository, job: Job, job_id: str, code: str, source: str) -> str:
    """Commit the test files of tree or commit `source` on top of the code; nothing else of it comes along."""
    requirement = requirement_of(job)
    paths = [a.path for a in test_artifacts(repository, code, source)]
    tree = repository.overlay(code, source, paths)
    short = shortened(subject(requirement), SUBJECT_LENGTH - 6, "...")
    message = f"Test: {short}\n\nVulcan-Job: {job_id}\n"
    return repository.commit(tree, code, message)


def test_artifacts(repository: Repository, base: str, head: str) -> tuple[CodeArtifact, ...]:
    """What differs in test files."""
    return tuple(a for a in repository.changes(base, head) if is_test_path(a.path))


test_artifacts.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it where it is imported


def product_artifacts(repository: Repository, base: str, head: str) -> tuple[CodeArtifact, ...]:
    """What differs in all other files."""
    return tuple(a for a in repository.changes(base, head) if not is_test_path(a.path))
