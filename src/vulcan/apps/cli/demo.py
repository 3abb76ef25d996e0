"""The demo's project, made as a fresh git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from importlib import resources
from pathlib import Path

from vulcan.domain.errors import UserError

INSTRUCTION = "Add a --json flag to the list command"
RECORDING = "recorded:demo"
IDENTITY = ("-c", "user.name=Vulcan demo", "-c", "user.email=demo@localhost")
SYSTEM_FOLDERS = "/usr/local/bin:/usr/bin:/bin"
DATE = "2026-01-01T00:00:00+00:00"


def make_project(folder: Path) -> Path:
    """Copy the demo project into a new folder below `folder` and commit it; always the same commit."""
    target = folder / time.strftime("shelf-%Y%m%d-%H%M%S")
    if target.exists():
        shutil.rmtree(target)
    with resources.as_file(resources.files("vulcan") / "demo" / "project") as source:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    git = shutil.which("git", path=f"{os.environ.get('PATH', os.defpath)}:{SYSTEM_FOLDERS}")
    if git is None:
        raise UserError("git is not installed", hint="Install it with: apt-get install git")
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_DATE": DATE,
        "GIT_COMMITTER_DATE": DATE,
    }
    for arguments in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "Start the shelf")):
        subprocess.run([git, *IDENTITY, *arguments], cwd=target, env=environment, check=True)
    return target
