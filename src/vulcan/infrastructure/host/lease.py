"""This process as a job's worker, and whether another one still lives."""

from __future__ import annotations

import os
import socket

from vulcan.application.jobs.pipeline import Lease
from vulcan.domain.events import Worker
from vulcan.infrastructure.host.leftovers import start_time


def is_alive(worker: Worker) -> bool:
    """Whether a worker still lives; one on another machine counts as alive, since nobody can tell here."""
    if worker.host != socket.gethostname():
        return True
    return worker.started != 0 and start_time(worker.pid) == worker.started


def this_lease() -> Lease:
    """This process as a worker."""
    pid = os.getpid()
    return Lease(Worker(socket.gethostname(), pid, start_time(pid)), is_alive)
