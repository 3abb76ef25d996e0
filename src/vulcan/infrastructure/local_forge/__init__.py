"""The forge on this machine: branches, pull requests, pipelines and releases in a bare repository."""

from vulcan.infrastructure.local_forge.forge import BranchSync, Checks, LocalForge
from vulcan.infrastructure.local_forge.repository import ForgeRepository

__all__ = ["BranchSync", "Checks", "ForgeRepository", "LocalForge"]
