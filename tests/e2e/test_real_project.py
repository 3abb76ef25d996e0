"""A recorded job on a project that we did not write: python-slugify 8.0.3, from its source distribution.

The replies were written at a desk by somebody who saw nothing but the requests; all else is real.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from conftest import Cli, git

RECORDING = Path(__file__).parent.parent / "fixtures/recordings/slugify.jsonl"
INSTRUCTION = (
    "Uppercase special characters are not pre-translated: PRE_TRANSLATIONS in slugify/special.py is meant to hold the "
    "uppercase form of every special character too, but only the first character of each language gets one: there is "
    "no entry for 'Ö' or 'Ä', for example. Every lowercase special character must have its uppercase entry."
)


def download(folder: Path) -> Path:
    """The source distribution as a repository of one commit."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps"]
    subprocess.run([*pip, "--no-binary", ":all:", "-d", str(folder), "python-slugify==8.0.3"], check=True)
    with tarfile.open(next(folder.glob("python*slugify-*.tar.gz"))) as archive:
        for (
            member
        ) in archive:  # Debian 12's Python 3.11.2 has no filters yet: root would keep the archive's owners
            member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # noqa: S202
    root = next(path for path in folder.iterdir() if path.is_dir())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "8.0.3")
    return root


@pytest.mark.sandbox
def test_a_real_bug_of_a_real_project_is_mended_and_proven(cli: Cli, reachable: Path) -> None:
    folder = reachable / "sdist"
    folder.mkdir(mode=0o755)
    root = download(folder)
    out = cli("run", INSTRUCTION, "--repo", str(root), "--model", f"recorded:{RECORDING}")
    assert "verdict: PROVEN" in out
    assert "5 of 5 new tests prove the change" in out
    branch = json.loads(cli("show", "--json"))["delivery"]["branch"]
    git(root, "checkout", "-q", branch)
    code = "from slugify import PRE_TRANSLATIONS as p; print(dict(p)['Ö'], dict(p)['Я'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    # text-unidecode is the project's dependency, not ours: where it is missing the import fails for that reason only
    assert done.stdout == "Oe Ya\n" or "unidecode" in done.stderr
