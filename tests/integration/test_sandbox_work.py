"""Normal work goes on inside: what a box must not break."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from vulcan.application.ports import BoxSpec
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox
from vulcan.infrastructure.sandbox.user import box_user, hand_over

pytestmark = pytest.mark.sandbox

PYTHON = {
    "asyncio subprocess": """
import asyncio
async def main():
    many = [asyncio.create_subprocess_exec("echo", str(n), stdout=-1) for n in range(10)]
    print(*[(await (await one).communicate())[0].decode().strip() for one in many])
asyncio.run(asyncio.wait_for(main(), 10))
""",
    "threads": """
import threading
threads = [threading.Thread(target=lambda: None) for _ in range(50)]
[t.start() for t in threads], [t.join() for t in threads]
""",
    "temporary files and SQLite": """
import sqlite3, tempfile
with tempfile.TemporaryDirectory() as folder:
    base = sqlite3.connect(folder + "/x.db"); base.execute("pragma journal_mode=wal"); base.execute("create table t(x)")
""",
    "multiprocessing": """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: assert pool.map(abs, [-1, -2]) == [1, 2]
""",
    "loopback server": """
import http.server, threading, urllib.request
server = http.server.ThreadingHTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
assert urllib.request.urlopen(f"http://localhost:{server.server_port}/").status == 200
""",
    "a name for the user": "import getpass, pwd; assert getpass.getuser() == 'agent'",
}
SHELL = {
    "git": "export GIT_CONFIG_NOSYSTEM=1; git init -q . && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x && git log --oneline",
    "gcc": "echo 'int main(void){return 0;}' > a.c && gcc a.c -o a && ./a",
    "node": 'node -e \'new WebAssembly.Memory({initial: 10}); require("child_process").execSync("true")\'',
}
ALSO_UNDER_LANDLOCK = ("asyncio subprocess", "threads", "temporary files and SQLite")


@pytest.fixture
def ground():
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


async def work(sandbox, ground, argv):
    sandbox.hand_over(ground)
    async with sandbox.open(BoxSpec(ground)) as box:
        result = await box.run(argv, timeout=60)
    assert result.exit_code == 0, result


@pytest.mark.parametrize("name", PYTHON)
async def test_python_works_under_bubblewrap(ground, name):
    (ground / "task.py").write_text(PYTHON[name])
    await work(BubblewrapSandbox(), ground, ["/usr/bin/python3", "task.py"])


@pytest.mark.parametrize("name", ALSO_UNDER_LANDLOCK)
async def test_python_works_under_landlock(ground, name):
    (ground / "task.py").write_text(PYTHON[name])
    await work(LandlockSandbox(), ground, ["/usr/bin/python3", "task.py"])


@pytest.mark.parametrize(
    "sandbox", [BubblewrapSandbox(), LandlockSandbox()], ids=lambda sandbox: sandbox.name
)
@pytest.mark.parametrize("tool", [tool for tool in SHELL if os.access(f"/usr/bin/{tool}", os.X_OK)])
async def test_tools_work(ground, tool, sandbox):
    await work(sandbox, ground, ["bash", "-c", SHELL[tool]])


async def test_the_server_can_not_be_stopped_from_inside(ground):
    async with BubblewrapSandbox().open(BoxSpec(ground)) as box:
        script = "for s in KILL STOP INT TERM HUP QUIT USR1 SEGV; do kill -$s 1; kill -$s -1; done"
        await box.run(["bash", "-c", "trap '' TERM INT HUP QUIT USR1;" + script], timeout=60)
        result = await box.run(["echo", "here"], timeout=60)
    assert (result.output, result.note) == ("here\n", "")


async def test_a_server_that_is_stopped_where_it_can_be_does_not_hang_the_host(ground):
    async with LandlockSandbox().open(BoxSpec(ground)) as box:
        result = await box.run(["bash", "-c", "kill -KILL $PPID; sleep 60"], timeout=30)
        assert result.exit_code == 137
        assert "the box ended under the command" in result.note
        assert (await box.run(["echo", "again"], timeout=30)).output == "again\n"


def leaky(command):
    """Run a command as a careless host would."""
    return subprocess.run(command, close_fds=False, capture_output=True, stdin=subprocess.DEVNULL, check=True)


async def test_a_descriptor_that_the_host_leaks_is_not_inherited(ground):
    (ground / "secret").write_text("FAKESECRET")
    leak = os.open(ground / "secret", os.O_RDONLY)
    os.set_inheritable(leak, True)
    read = ["bash", "-c", "for n in /proc/self/fd/*; do cat <&${n##*/}; done 2>/dev/null; true"]
    try:
        (ground / "workspace").mkdir()
        async with BubblewrapSandbox().open(BoxSpec(ground / "workspace")) as box:
            inside = await box.run(read, timeout=30)
        plain = leaky(read)
    finally:
        os.close(leak)
    assert b"FAKESECRET" in plain.stdout
    assert inside.output == ""


async def test_a_command_has_three_descriptors(ground):
    script = """
import os
def is_open(number):
    try:
        return bool(os.fstat(number))
    except OSError:
        return False
print([number for number in range(1000) if is_open(number)])
"""
    for sandbox in (BubblewrapSandbox(), LandlockSandbox()):
        async with sandbox.open(BoxSpec(ground)) as box:
            result = await box.run(["/usr/bin/python3", "-I", "-c", script], timeout=30)
        assert result.output == "[0, 1, 2]\n"


async def test_boxes_live_side_by_side(ground):
    async with (
        BubblewrapSandbox().open(BoxSpec(ground)) as one,
        BubblewrapSandbox().open(BoxSpec(ground)) as two,
    ):
        results = await asyncio.gather(
            one.run(["sh", "-c", "echo one > /tmp/x; sleep 0.2; cat /tmp/x"], timeout=30),
            two.run(["sh", "-c", "echo two > /tmp/x; sleep 0.2; cat /tmp/x"], timeout=30),
        )
    assert [result.output for result in results] == ["one\n", "two\n"]


def test_handing_over_follows_no_link_and_shares_no_file(ground):
    outside = ground / "outside"
    outside.write_text("mine")
    outside.chmod(0o640)
    tree = ground / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "plain").write_text("given")
    (tree / "link").symlink_to(outside)
    (tree / "folder link").symlink_to(ground)
    os.link(outside, tree / "sub" / "hard")
    os.mkfifo(tree / "fifo")
    hand_over(tree)
    user = box_user()
    given = [tree, *tree.rglob("*")]
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in given} == {(user.uid, user.gid)}
    assert (outside.stat().st_uid, ground.stat().st_uid) == (os.geteuid(), os.geteuid())
    assert (tree / "sub" / "hard").read_text() == "mine"
    assert (tree / "link").readlink() == outside
    if os.geteuid() == 0:
        assert user.uid != 0
        assert not (tree / "sub" / "hard").samefile(outside)
        assert (tree / "sub" / "hard").stat().st_mode == outside.stat().st_mode
    assert sorted(path.name for path in tree.rglob("*")) == [
        "fifo",
        "folder link",
        "hard",
        "link",
        "plain",
        "sub",
    ]
