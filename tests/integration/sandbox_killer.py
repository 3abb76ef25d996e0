"""Starts hosts with boxes, kills them after various times and reports what is still alive; run as a script.

As a subreaper it inherits whatever a killed host leaves, so that nothing can hide.
"""

import asyncio
import ctypes
import json
import os
import signal
import sys
import time
from pathlib import Path

from sandbox_world import SANDBOXES

from vulcan.application.ports import BoxSpec

STEP = 0.003
PATIENCE = 5.0
BUSY = "setsid sleep 300 & (trap '' TERM; sleep 300) & nohup setsid sleep 300 & sleep 300"


async def use_a_box(kind, workspace, says):
    sandbox = SANDBOXES[kind]()
    os.write(says, b"1")
    async with sandbox.open(BoxSpec(workspace)) as box:
        os.write(says, b"2")
        await box.run(["bash", "-c", BUSY], timeout=600)


def start_host(kind, workspace):
    """Fork a host; its pipe tells how far it has come."""
    hears, says = os.pipe()
    host = os.fork()
    if not host:
        os.close(hears)
        asyncio.run(use_a_box(kind, workspace, says))
        os._exit(0)
    os.close(says)
    os.read(hears, 1)
    return host, hears


def children():
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def survivors():
    """What is still there when nothing should be."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return []
        time.sleep(0.005)
    return [Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode() for child in children()]


def kill_hosts(kind, number, times, workspace):
    report = {"left": [], "early": 0, "late": 0}
    for step in range(times):
        host, hears = start_host(kind, workspace)
        # The last ones are sure to be late, the first ones are spread over the start.
        if step >= times - 2:
            os.read(hears, 1)
            time.sleep(0.05)
            report["late"] += 1
        else:
            time.sleep(step * STEP)
            os.set_blocking(hears, False)
            try:
                report["late" if os.read(hears, 1) else "early"] += 1
            except BlockingIOError:
                report["early"] += 1
        os.kill(host, number)
        os.close(hears)
        report["left"] += survivors()
    return report


if __name__ == "__main__":
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    folder = Path("tmp/workspace").absolute()
    folder.mkdir(exist_ok=True)
    kind, name, times = sys.argv[1:]
    print(json.dumps(kill_hosts(kind, signal.Signals[f"SIG{name}"], int(times), folder)))
