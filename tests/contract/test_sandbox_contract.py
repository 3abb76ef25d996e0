"""What every sandbox owes its callers, on each adapter."""

import asyncio
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from vulcan.application.ports import BoxSpec, Limits, Mount
from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox, NoSandbox

pytestmark = pytest.mark.sandbox

SANDBOXES = {"bubblewrap": BubblewrapSandbox, "landlock": LandlockSandbox, "none": NoSandbox}
LIMIT = 30.0


@pytest.fixture(params=SANDBOXES)
def sandbox(request):
    return SANDBOXES[request.param]()


@pytest.fixture(params=["bubblewrap", "landlock"])
def real_sandbox(request):
    """A sandbox that enforces something."""
    return SANDBOXES[request.param]()


@pytest.fixture
def ground():
    """A folder that the box's user can reach, which pytest's own may not be."""
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "workspace").mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def box(sandbox, ground):
    sandbox.hand_over(ground / "workspace")
    async with sandbox.open(BoxSpec(ground / "workspace")) as opened:
        yield opened


def alive(marker: str) -> list[int]:
    """Processes of the whole machine with `marker` in their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if marker.encode() in arguments:
            found.append(int(process.name))
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def descriptors() -> list[str]:
    return names(Path("/proc/self/fd"))


def scratch_folders() -> list[str]:
    """Those of this user: another one's suite may run on the same machine."""
    found = []
    for folder in Path("/tmp").glob("vulcan-box-*"):
        with contextlib.suppress(FileNotFoundError):
            if folder.stat().st_uid == os.getuid():
                found.append(str(folder))
    return sorted(found)


def sleeper() -> str:
    """Seconds to sleep that no other process sleeps: a marker that can be found from outside."""
    return f"{1000 + os.getpid() % 1000}.{time.monotonic_ns()}"


async def there(marker: str, number: int = 1) -> bool:
    """Whether so many with the marker run; between fork and exec they can't be seen."""
    for _ in range(200):
        if len(alive(marker)) >= number:
            return True
        await asyncio.sleep(0.01)
    return False


async def gone(marker: str) -> bool:
    """Whether nothing with the marker is left, waiting for the kernel a little."""
    for _ in range(200):
        if not alive(marker):
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_command_reports_its_exit_code_and_output(box):
    result = await box.run(["sh", "-c", "echo hello; exit 3"], timeout=LIMIT)
    assert (result.exit_code, result.output, result.total_bytes, result.note) == (3, "hello\n", 6, "")
    assert not result.timed_out
    assert result.duration > 0


async def test_output_and_errors_come_in_the_order_they_were_written(box):
    script = "for i in 1 2 3; do echo out$i; echo err$i >&2; done; echo via >/dev/stderr; echo last"
    result = await box.run(["sh", "-c", script], timeout=LIMIT)
    assert result.output.split() == ["out1", "err1", "out2", "err2", "out3", "err3", "via", "last"]


async def test_a_signal_is_reported_as_a_shell_does(box):
    result = await box.run(["sh", "-c", "kill -TERM $$"], timeout=LIMIT)
    assert result.exit_code == 128 + 15


async def test_standard_input_is_empty(box):
    result = await box.run(["cat"], timeout=LIMIT)
    assert (result.exit_code, result.output) == (0, "")


async def test_commands_start_in_the_workspace_and_see_what_the_host_wrote(box, ground):
    (ground / "workspace" / "given").write_text("from the host")
    result = await box.run(["sh", "-c", "pwd; cat given; echo from the box > made"], timeout=LIMIT)
    assert result.output == f"{box.workspace_path}\nfrom the host"
    assert (ground / "workspace" / "made").read_text() == "from the box\n"


async def test_nothing_in_a_box_is_root(box, ground):
    await box.run(["touch", "made"], timeout=LIMIT)
    assert (ground / "workspace" / "made").stat().st_uid != 0


async def test_large_output_keeps_head_and_tail(box):
    script = "echo first; head -c 15000000 /dev/zero | tr '\\0' x; echo; echo last"
    result = await box.run(["sh", "-c", script], timeout=LIMIT, output_limit=1000)
    total = len("first\n") + 15_000_000 + len("\nlast\n")
    head, note, tail = result.output.split("\n[", 1)[0], *result.output.split("\n[", 1)[1].split("]\n", 1)
    assert result.total_bytes == total
    assert head.startswith("first\nxxx")
    assert tail.endswith("xxx\nlast\n")
    assert (len(head), len(tail)) == (300, 700)
    assert note == f"... {total - 1000} bytes left out ..."


async def test_output_at_the_limit_is_whole(box):
    result = await box.run(["sh", "-c", "printf %01000d 7"], timeout=LIMIT, output_limit=1000)
    assert result.output == "7".rjust(1000, "0")


async def test_undecodable_bytes_are_replaced(box):
    result = await box.run(["printf", r"a\377b"], timeout=LIMIT)
    assert result.output == "a\ufffdb"
    assert result.total_bytes == 3


@pytest.mark.parametrize(
    "script",
    [
        "sleep {0} & sleep {0}",
        "(trap '' TERM INT HUP; sleep {0}; sleep {0}) & sleep {0}",
        "set -m; sleep {0} & sleep {0}",
        "setsid sleep {0} & sleep {0}",
    ],
)
async def test_the_time_limit_kills_the_command_and_its_children(box, script):
    seconds = sleeper()
    result = await box.run(["bash", "-c", "echo before;" + script.format(seconds)], timeout=0.4)
    assert (result.exit_code, result.timed_out, result.output) == (124, True, "before\n")
    assert result.note == "stopped after 0.4 seconds"
    assert await gone(seconds)
    assert (await box.run(["echo", "usable"], timeout=LIMIT)).output == "usable\n"


async def test_a_background_job_does_not_hold_its_command(box):
    seconds = sleeper()
    result = await box.run(["sh", "-c", f"echo out; sleep {seconds} & echo on"], timeout=LIMIT)
    assert (result.output, result.exit_code, result.timed_out) == ("out\non\n", 0, False)
    assert await there(seconds)
    assert (await box.run(["echo", "next"], timeout=LIMIT)).output == "next\n"
    assert await there(seconds)


async def test_a_background_job_that_prints_goes_on_and_disturbs_nobody(box, ground):
    script = "(while true; do echo noise; date +%s%N > next; mv next beat; sleep 0.01; done) & sleep 0.1"
    assert (await box.run(["sh", "-c", script], timeout=LIMIT)).exit_code == 0
    beat = ground / "workspace" / "beat"
    first = beat.read_text()
    result = await box.run(["sh", "-c", "sleep 0.3; echo calm"], timeout=LIMIT)
    assert result.output == "calm\n"
    assert beat.read_text() != first


async def test_an_earlier_background_job_survives_a_later_time_out(box):
    seconds = sleeper()
    await box.run(["sh", "-c", f"sleep {seconds} &"], timeout=LIMIT)
    assert (await box.run(["sleep", "60"], timeout=0.2)).timed_out
    assert await there(seconds)


async def test_cancelling_the_task_kills_the_command(box):
    seconds = sleeper()
    task = asyncio.create_task(box.run(["sh", "-c", f"sleep {seconds} & sleep {seconds}"], timeout=LIMIT))
    assert await there(seconds, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await gone(seconds)
    assert (await box.run(["echo", "usable"], timeout=LIMIT)).output == "usable\n"


async def test_cancelling_at_once_leaves_a_usable_box(box):
    for delay in (0, 0.0005, 0.001, 0.002):
        seconds = sleeper()
        task = asyncio.create_task(box.run(["sleep", seconds], timeout=LIMIT))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gone(seconds)
        assert (await box.run(["echo", "usable"], timeout=LIMIT)).output == "usable\n"


async def test_cancelling_the_cancelling_leaves_a_usable_box(box):
    for turns in range(4):
        seconds = sleeper()
        task = asyncio.create_task(box.run(["sleep", seconds], timeout=LIMIT))
        assert await there(seconds)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await box.run(["echo", "usable"], timeout=LIMIT)).output == "usable\n"
        assert await gone(seconds)


async def test_commands_asked_for_together_run_one_after_another(box):
    script = "test ! -e lock && touch lock && sleep 0.05 && rm lock"
    results = await asyncio.gather(*(box.run(["sh", "-c", script], timeout=LIMIT) for _ in range(4)))
    assert [result.exit_code for result in results] == [0, 0, 0, 0]


async def test_the_environment_is_exactly_what_was_said(sandbox, ground, monkeypatch):
    monkeypatch.setenv("HOST_TOKEN", "secret")
    spec = BoxSpec(ground / "workspace", environment={"SAID": "yes", "BOTH": "spec"})
    async with sandbox.open(spec) as box:
        result = await box.run(["/usr/bin/env"], timeout=LIMIT, environment={"BOTH": "call", "ODD": "a=b c"})
    seen = dict(line.split("=", 1) for line in result.output.splitlines())
    always = {"PATH", "HOME", "LANG", "TMPDIR", "TERM", "GIT_CONFIG_NOSYSTEM"}
    assert seen.keys() == always | {"SAID", "BOTH", "ODD"}
    assert (seen["SAID"], seen["BOTH"], seen["ODD"]) == ("yes", "call", "a=b c")


async def test_paths_in_a_spec_s_environment_lead_where_they_should(sandbox, ground):
    (ground / "deps" / "bin").mkdir(parents=True)
    (ground / "deps" / "bin" / "tool").write_text("#!/bin/sh\necho found\n")
    (ground / "deps" / "bin" / "tool").chmod(0o755)
    variables = {"PATH": "/venv/bin:/usr/bin:/bin", "LIST": "/workspace/src:/workspace", "FILE": "/tmp/file"}
    spec = BoxSpec(ground / "workspace", mounts=(Mount(ground / "deps", "/venv"),), environment=variables)
    async with sandbox.open(spec) as box:
        script = 'tool; for each in ${LIST#*:}; do cd "$each" && pwd; done; touch "$FILE" && ls "$TMPDIR"'
        result = await box.run(["sh", "-c", script], timeout=LIMIT)
    assert result.output == f"found\n{box.workspace_path}\nfile\n"


async def test_home_and_temporary_folder_can_be_written(box):
    result = await box.run(["sh", "-c", 'touch "$HOME/x" "$TMPDIR/x" && mktemp >/dev/null'], timeout=LIMIT)
    assert (result.exit_code, result.output) == (0, "")


async def test_programs_are_found_on_the_path_of_the_command(box):
    await box.run(
        ["sh", "-c", "mkdir bin; printf '#!/bin/sh\\necho mine' > bin/tool; chmod +x bin/tool"], timeout=LIMIT
    )
    path = {"PATH": f"{box.workspace_path}/bin:/usr/bin"}
    assert (await box.run(["tool"], timeout=LIMIT, environment=path)).output == "mine\n"
    assert (await box.run(["tool"], timeout=LIMIT)).exit_code == 127


async def test_a_missing_command_is_127_and_a_file_that_is_none_126(box):
    missing = await box.run(["no-such-command"], timeout=LIMIT)
    assert (missing.exit_code, missing.output) == (127, "no-such-command: command not found\n")
    await box.run(["touch", "plain"], timeout=LIMIT)
    refused = await box.run(["./plain"], timeout=LIMIT)
    assert (refused.exit_code, refused.output) == (126, "./plain: Permission denied\n")


async def test_long_argument_lists_pass(box):
    words = [f"{number:0100d}" for number in range(10_000)]
    result = await box.run(["sh", "-c", "echo $#", "sh", *words], timeout=LIMIT)
    assert result.output == "10000\n"


async def test_a_word_with_a_nul_is_refused(box):
    with pytest.raises(ValueError, match="NUL"):
        await box.run(["echo", "a\0b"], timeout=LIMIT)
    with pytest.raises(ValueError, match="at least one word"):
        await box.run([], timeout=LIMIT)


async def test_a_hundred_commands_keep_the_descriptors_flat(box):
    await box.run(["true"], timeout=LIMIT)
    before = descriptors()
    # The box's own count shows in the number of the pipe that the next command would get.
    script = ["sh", "-c", "ls /proc/self/fd 2>/dev/null | wc -l; ulimit -n"]
    first = await box.run(script, timeout=LIMIT)
    for _ in range(100):
        assert (await box.run(["true"], timeout=LIMIT)).exit_code == 0
    assert descriptors() == before
    assert (await box.run(script, timeout=LIMIT)).output == first.output


async def test_more_commands_than_the_server_may_have_descriptors(sandbox, ground):
    async with sandbox.open(BoxSpec(ground / "workspace", limits=Limits(open_files=32))) as box:
        for _ in range(60):
            assert (await box.run(["true"], timeout=LIMIT)).exit_code == 0


async def test_closing_kills_what_daemonised(sandbox, ground):
    seconds = sleeper()
    script = f"""
import os, signal, time
if os.fork(): os._exit(0)
os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork(): os._exit(0)
os.execvp("sleep", ["sleep", "{seconds}"])
"""
    async with sandbox.open(BoxSpec(ground / "workspace")) as box:
        await box.run(["/usr/bin/python3", "-c", script], timeout=LIMIT)
        await box.run(["sh", "-c", f"setsid nohup sleep {seconds} >/dev/null 2>&1 &"], timeout=LIMIT)
        assert await there(seconds, 2)
    assert not alive(seconds)


async def test_closing_under_a_running_command_ends_it(sandbox, ground):
    seconds = sleeper()
    async with sandbox.open(BoxSpec(ground / "workspace")) as box:
        task = asyncio.create_task(box.run(["sleep", seconds], timeout=LIMIT))
        assert await there(seconds)
    assert not alive(seconds)
    assert (await task).exit_code == 137
    with pytest.raises(SandboxUnavailable, match="closed"):
        await box.run(["true"], timeout=LIMIT)


async def test_a_box_leaves_no_process_no_descriptor_and_no_folder(sandbox, ground):
    async def use() -> None:
        async with sandbox.open(BoxSpec(ground / "workspace")) as box:
            await box.run(["sh", "-c", 'touch "$TMPDIR/x"'], timeout=LIMIT)

    await use()
    before = (descriptors(), scratch_folders())
    await use()
    assert (descriptors(), scratch_folders()) == before
    assert not alive(str(ground))


async def test_an_error_in_the_block_closes_the_box(sandbox, ground):
    seconds = sleeper()

    async def fail() -> None:
        async with sandbox.open(BoxSpec(ground / "workspace")) as box:
            await box.run(["sh", "-c", f"sleep {seconds} &"], timeout=LIMIT)
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        await fail()
    assert not alive(seconds)


async def test_a_mount_is_where_the_box_says(sandbox, ground):
    (ground / "deps").mkdir()
    (ground / "deps" / "file").write_text("dependency")
    spec = BoxSpec(ground / "workspace", mounts=(Mount(ground / "deps", "/venv"),))
    async with sandbox.open(spec) as box:
        result = await box.run(["cat", box.inside("/venv/file")], timeout=LIMIT)
    assert result.output == "dependency"


async def test_a_read_only_workspace_refuses_writes(real_sandbox, ground):
    (ground / "workspace" / "kept").write_text("as it was")
    real_sandbox.hand_over(ground / "workspace")
    async with real_sandbox.open(BoxSpec(ground / "workspace", writable=False)) as box:
        result = await box.run(
            ["sh", "-c", "cat kept; echo x > kept; rm -f kept; touch new; chmod 777 ."], timeout=LIMIT
        )
    assert result.output.startswith("as it was")
    assert (ground / "workspace" / "kept").read_text() == "as it was"
    assert names(ground / "workspace") == ["kept"]


async def test_mounts_are_read_only_unless_said(real_sandbox, ground):
    for name in ("shown", "given"):
        (ground / name).mkdir()
        real_sandbox.hand_over(ground / name)
    mounts = (Mount(ground / "shown", "/shown"), Mount(ground / "given", "/given", writable=True))
    async with real_sandbox.open(BoxSpec(ground / "workspace", mounts=mounts)) as box:
        await box.run(["touch", box.inside("/shown") + "/x", box.inside("/given") + "/x"], timeout=LIMIT)
    assert (names(ground / "shown"), names(ground / "given")) == ([], ["x"])


async def test_a_missing_workspace_or_mount_is_said(sandbox, ground):
    with pytest.raises(SandboxUnavailable, match=r"missing.*No such file"):
        async with sandbox.open(BoxSpec(ground / "missing")):
            pass
    spec = BoxSpec(ground / "workspace", mounts=(Mount(ground / "missing", "/venv"),))
    with pytest.raises(SandboxUnavailable, match=r"missing.*No such file"):
        async with sandbox.open(spec):
            pass


@pytest.mark.parametrize("target", ["venv", "/", "/a/../etc"])
async def test_a_mount_needs_a_plain_place(sandbox, ground, target):
    spec = BoxSpec(ground / "workspace", mounts=(Mount(ground, target),))
    with pytest.raises(SandboxUnavailable, match="can't be a place"):
        async with sandbox.open(spec):
            pass


async def test_a_box_whose_server_is_killed_is_opened_anew(sandbox, ground):
    sandbox.hand_over(ground / "workspace")
    async with sandbox.open(BoxSpec(ground / "workspace")) as box:
        box._process.supervisor.kill()
        box._process.supervisor.wait()
        await box._process._supervisor_gone()
        await asyncio.sleep(0.05)  # the kernel's time to end the server
        result = await box.run(["echo", "again"], timeout=LIMIT)
    assert (result.output, result.exit_code) == ("again\n", 0)
    assert "opened anew" in result.note
