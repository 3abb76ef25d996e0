"""What a killed process left is removed, and what a living one uses stays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vulcan.infrastructure.host.leftovers import owned, sweep

LEAVE = """
import os, signal, sys, tempfile
from vulcan.infrastructure.host.leftovers import owned
folder = tempfile.mkdtemp(prefix=owned("box"), dir=sys.argv[1])
open(folder + "/file", "w").close()
print(folder, flush=True)
if len(sys.argv) > 2: os.kill(os.getpid(), signal.SIGKILL)
sys.stdin.read()
"""


def left(folder: Path) -> Path:
    """A folder whose owner was killed."""
    done = subprocess.run(
        [sys.executable, "-c", LEAVE, str(folder), "die"], stdout=subprocess.PIPE, check=False
    )
    return Path(done.stdout.decode().strip())


def test_a_dead_process_s_folder_goes_and_all_others_stay(tmp_path: Path) -> None:
    dead = left(tmp_path)
    mine = tmp_path / f"{owned('box')}abc"
    machine = owned("box").split("-")[2]
    elsewhere = tmp_path / dead.name.replace(machine, "0" * 6)
    other = "1" if owned("box")[-2] == "0" else "0"
    reused = tmp_path / f"{owned('box')[:-2]}{other}-abc"  # this process's id, another start
    stranger, link = tmp_path / "vulcan-box-x1y2z3", tmp_path / f"{dead.name}1"
    for folder in (mine, elsewhere, reused, stranger):
        folder.mkdir()
    link.symlink_to(stranger)
    assert dead.is_dir()

    sweep(tmp_path, tmp_path / "absent")

    assert {path.name for path in tmp_path.iterdir()} == {mine.name, elsewhere.name, stranger.name, link.name}


def test_a_living_process_s_folder_stays_until_it_has_ended(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", LEAVE, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        sweep(tmp_path)
        assert folder.is_dir()
    sweep(tmp_path)
    assert not folder.exists()
