"""Vulcan: an autonomous coding agent that proves its work."""

__version__ = "0.1.0"
