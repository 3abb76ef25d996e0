"""How long commands and boxes take, beside a plain subprocess in the same run.

PYTHONPATH=src python benchmarks/sandbox_latency.py [commands] [boxes]
"""

import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vulcan.application.ports import BoxSpec
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox, NoSandbox

PROGRAM = ["/usr/bin/true"]
LOUD = ["/usr/bin/head", "-c", "15000000", "/dev/zero"]


def plain(argv):
    begin = time.perf_counter()
    subprocess.run(argv, env={}, capture_output=True, check=True)
    return time.perf_counter() - begin


async def in_box(box, argv):
    begin = time.perf_counter()
    result = await box.run(argv, timeout=30)
    assert result.exit_code == 0, result
    return time.perf_counter() - begin


async def commands(sandbox, folder, times, argv):
    """Pairs of one command in a kept-alive box and one without, taken in turn."""
    async with sandbox.open(BoxSpec(folder)) as box:
        pairs = [(await in_box(box, argv), plain(argv)) for _ in range(times)]
    return [statistics.median(column) * 1e3 for column in zip(*pairs, strict=True)]


async def start(sandbox, folder):
    begin = time.perf_counter()
    async with sandbox.open(BoxSpec(folder)):
        ready = time.perf_counter()
    return ready - begin, time.perf_counter() - ready


async def starts(sandbox, folder, times):
    trio = [(*(await start(sandbox, folder)), plain(PROGRAM)) for _ in range(times)]
    return [statistics.median(column) * 1e3 for column in zip(*trio, strict=True)]


async def measure(folder, number, boxes):
    print(f"medians in ms; {number} commands, {boxes} boxes")
    for sandbox in (BubblewrapSandbox(), LandlockSandbox(), NoSandbox()):
        inside, outside = await commands(sandbox, folder, number, PROGRAM)
        loud, loud_outside = await commands(sandbox, folder, 10, LOUD)
        opened, closed, reference = await starts(sandbox, folder, boxes)
        print(
            f"{sandbox.name:11} command {inside:.2f} ({inside / outside:.2f} x plain {outside:.2f})"
            f" | 15 MB of output {loud:.1f} ({loud / loud_outside:.2f} x plain)"
            f" | start {opened:.1f} ({opened / reference:.0f} x plain) close {closed:.1f}"
        )


def main(number=200, boxes=20):
    folder = Path(tempfile.mkdtemp(prefix="vulcan-bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        asyncio.run(measure(folder, number, boxes))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
