"""Version control with git: the host's own repositories, and the user's one seen from a safe distance."""

from vulcan.infrastructure.git.hardened import HardenedGit
from vulcan.infrastructure.git.repository import GitRepository
from vulcan.infrastructure.git.source import GitSource

__all__ = ["GitRepository", "GitSource", "HardenedGit"]
