"""Whether a worker still lives, told from the process table and not from a promise."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

from vulcan.domain.events import Worker
from vulcan.infrastructure.host.lease import is_alive, this_lease
from vulcan.infrastructure.host.leftovers import start_time

HOST = socket.gethostname()


def test_this_process_is_a_living_worker() -> None:
    lease = this_lease()
    assert (lease.worker.host, lease.worker.pid) == (HOST, os.getpid())
    assert lease.worker.started > 0
    assert lease.alive(lease.worker)


def test_a_process_that_ended_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        worker = Worker(HOST, child.pid, start_time(child.pid))
        assert is_alive(worker)
        child.kill()
        child.wait()
    assert start_time(child.pid) == 0
    assert not is_alive(worker)


def test_a_pid_that_was_given_to_another_process_is_not_the_worker() -> None:
    worker = this_lease().worker
    assert not is_alive(replace(worker, started=worker.started - 1))
    assert not is_alive(replace(worker, started=0))


def test_nobody_can_tell_of_another_machine() -> None:
    assert is_alive(Worker(f"not-{HOST}", 1, 1))


def test_a_program_s_name_does_not_mislead() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b') S 1 (', 0, 0, 0); print(1, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        assert abs(start_time(child.pid) - this_lease().worker.started) < 10**7
        assert start_time(child.pid) >= this_lease().worker.started
        child.kill()


def test_a_killed_process_that_nobody_waited_for_is_dead() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert start_time(process.pid) > 0
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) == 0
    process.wait()
