"""Limits hold, say why a command was stopped, and leave a box that can be used."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import pytest

from vulcan.application.ports import BoxSpec, Limits
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox, NoSandbox

pytestmark = pytest.mark.sandbox

MEBIBYTE = 1024**2
SMALL = Limits(
    memory=200 * MEBIBYTE, processes=40, file_size=20 * MEBIBYTE, disk=60 * MEBIBYTE, cpu_seconds=1
)
GROW = "/usr/bin/python3 -c 'import time; x = bytearray({0} * 2**20); time.sleep({1})'"


@pytest.fixture
def ground():
    folder = Path(tempfile.mkdtemp(prefix="vulcan-test-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=[BubblewrapSandbox, LandlockSandbox])
async def box(request, ground):
    sandbox = request.param()
    sandbox.hand_over(ground)
    async with sandbox.open(BoxSpec(ground, limits=SMALL)) as opened:
        yield opened


@pytest.fixture
async def roomy(ground):
    sandbox = BubblewrapSandbox()
    sandbox.hand_over(ground)
    async with sandbox.open(BoxSpec(ground)) as opened:
        yield opened


async def run(box, script):
    return await box.run(["bash", "-c", script], timeout=60)


async def usable(box):
    return (await run(box, "echo usable")).output == "usable\n"


async def test_one_process_can_not_take_too_much_memory(box):
    result = await run(box, GROW.format(300, 0))
    assert "MemoryError" in result.output
    assert await usable(box)


async def test_many_processes_together_can_not_either(box):
    result = await run(box, " & ".join([GROW.format(90, 30)] * 4) + "; wait")
    assert result.exit_code == 137
    assert result.note == "stopped: its processes used more than 200 MiB of memory"
    assert await usable(box)


async def test_shared_memory_counts_as_much_as_any_other(box):
    script = """
import mmap, time
regions = [mmap.mmap(-1, 30 * 2**20) for _ in range(10)]
for region in regions:
    for page in range(0, len(region), 4096): region[page] = 1
time.sleep(30)
"""
    result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.exit_code, result.note) == (137, "stopped: its processes used more than 200 MiB of memory")


MEMORY_FILES = """
import os, time
block = b"x" * 2**20
files = []
for n in range({0}):
    files.append(os.memfd_create("f"))
    for _ in range(15): os.write(files[-1], block)
"""


async def test_memory_files_that_no_process_has_mapped_count_too(box):
    script = MEMORY_FILES.format(40) + "time.sleep(30)"
    result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.exit_code, result.note) == (137, "stopped: its processes used more than 200 MiB of memory")
    assert await usable(box)


async def test_a_process_that_hides_its_memory_files_hides_nothing(box):
    hide = "import ctypes; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
    script = hide + MEMORY_FILES.format(40) + "time.sleep(30)"
    result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.exit_code, result.note) == (137, "stopped: its processes used more than 200 MiB of memory")


async def test_a_memory_file_that_many_hold_is_counted_once(box):
    script = (
        MEMORY_FILES.format(6)
        + """
children = []
for _ in range(6):
    child = os.fork()
    if not child:
        time.sleep(0.5); os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
print("fine")
"""
    )
    result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.output, result.note) == ("fine\n", "")


async def test_memory_that_many_share_is_counted_once(box):
    script = """
import mmap, os, time
region = mmap.mmap(-1, 60 * 2**20)
for page in range(0, len(region), 4096): region[page] = 1
children = []
for _ in range(6):
    child = os.fork()
    if not child:
        sum(region[page] for page in range(0, len(region), 4096)); time.sleep(0.5); os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
print("fine")
"""
    result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.output, result.note) == ("fine\n", "")


async def test_forks_are_counted(box):
    script = "import os, time\nfor n in range(500):\n    if not os.fork(): time.sleep(5); os._exit(0)\n"
    result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert "Resource temporarily unavailable" in result.output


async def test_a_box_full_of_processes_is_swept_for_the_next_command(box):
    script = """
import os, time
if os.fork(): time.sleep(0.1); os._exit(0)
while True:
    try:
        if not os.fork(): time.sleep(60); os._exit(0)
    except BlockingIOError:
        time.sleep(0.001)
"""
    await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    await asyncio.sleep(0.1)  # until the place of the command that ended is taken too
    result = await run(box, "echo room")
    assert result.output == "room\n"
    assert "all in the background were stopped" in result.note


async def test_a_fork_bomb_is_over_at_the_time_limit(box):
    result = await box.run(["bash", "-c", "b() { b | b & }; b; sleep 60"], timeout=0.5)
    assert result.timed_out
    assert await usable(box)


async def test_one_file_can_not_be_too_large(box):
    result = await run(box, "head -c 30000000 /dev/zero > big; stat -c %s big")
    assert str(SMALL.file_size) in result.output
    assert (await run(box, "truncate -s 1T sparse")).exit_code != 0


async def test_all_files_together_can_not_be_too_large(box):
    script = "for n in $(seq 8); do head -c 15000000 /dev/zero > file$n; sync file$n; done; sleep 30"
    result = await run(box, script)
    assert (result.exit_code, result.note) == (137, "stopped: it wrote more than 60 MiB to disk")
    assert await usable(box)


async def test_a_spinning_process_ends(box):
    result = await run(box, "while :; do :; done")
    assert result.exit_code == 137
    assert result.duration < 30


async def test_open_files_are_counted(ground):
    sandbox = BubblewrapSandbox()
    sandbox.hand_over(ground)
    async with sandbox.open(BoxSpec(ground, limits=Limits(open_files=20))) as box:
        script = "import os\nfor n in range(100): os.open('/', os.O_RDONLY)"
        result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert "Too many open files" in result.output


async def test_temporary_folders_have_a_size(roomy):
    result = await run(roomy, "head -c 200000000 /dev/zero > /tmp/a; head -c 200000000 /dev/zero > /tmp/b")
    assert "No space left on device" in result.output
    await run(roomy, "rm -f /tmp/*")


async def test_temporary_folders_hold_so_many_files(roomy):
    script = "import os, time\nfor n in range(300_000): os.mknod(f'/tmp/{n}')\n"
    result = await roomy.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.exit_code, result.note) == (137, "stopped: it made too many temporary files")
    assert await usable(roomy)


@pytest.fixture(params=[LandlockSandbox, NoSandbox])
async def on_disk(request, ground):
    """A box whose temporary folders lie on the host's disk."""
    sandbox = request.param()
    sandbox.hand_over(ground)
    async with sandbox.open(BoxSpec(ground)) as opened:
        yield opened


TOO_MUCH = "stopped: it kept too much in its temporary folders"


async def test_temporary_folders_on_disk_have_a_size_too(on_disk):
    fill = 'for n in 1 2; do head -c 150000000 /dev/zero > "${0}/{1}$n"; done; sleep 30'
    result = await run(on_disk, fill.format("TMPDIR", "a"))
    assert (result.exit_code, result.note) == (137, TOO_MUCH)
    assert await usable(on_disk)
    assert (await run(on_disk, fill.format("TMPDIR", "b"))).note == TOO_MUCH
    assert (await run(on_disk, 'rm "$TMPDIR"/*; sleep 1; echo emptied')).output == "emptied\n"


@pytest.mark.parametrize("where", ["flat", "deep", "closed"])
async def test_temporary_folders_on_disk_hold_so_many_files_too(ground, where):
    script = f"""
import os, time
os.chdir(os.environ["TMPDIR"])
if {where!r} == "deep":
    for n in range(60):
        os.mkdir("d" * 100); os.chdir("d" * 100)
if {where!r} == "closed":
    os.mkdir("d"); os.chdir("d"); os.chmod(".", 0o300)
for n in range(130_000): os.mknod(str(n))
time.sleep(60)
"""
    sandbox = LandlockSandbox()
    sandbox.hand_over(ground)
    async with sandbox.open(BoxSpec(ground)) as box:
        result = await box.run(["/usr/bin/python3", "-c", script], timeout=60)
    assert (result.exit_code, result.note) == (137, TOO_MUCH)


async def test_endless_output_costs_the_host_nothing(roomy):
    result = await roomy.run(["yes"], timeout=0.3, output_limit=100)
    assert result.timed_out
    assert result.total_bytes > 1_000_000
    assert len(result.output) < 200
