"""Stands over one box: starts it, watches what it uses, and leaves nothing alive when it or the host ends.

Arguments: the control socket's descriptor, the host's process id, memory and disk limits in bytes, the number
of files that the box's tmpfs folders may hold, these folders and the descriptors to hand down (separated by
commas), whether the server is a grandchild (1) or a child (0), then the command.
The host sends `kill PID` (a command, by its process id inside), `sweep` (everything but the server, answered
by `swept`) or hangs up; it is told `limit KIND` before anything is killed for a limit, and `swept` after.
"""

# pathlib costs more than the rest of this program's start
# ruff: noqa: PTH110, PTH116, PTH123, PTH208

import _socket
import ctypes
import os
import select
import sys
import time

TICK_MS = 100
PAUSE = 0.001
PATIENCE = 5.0
QUIET_ROUNDS = 2
PR_SET_CHILD_SUBREAPER = 36
SIGKILL, SIGSTOP = 9, 19
PAGE = os.sysconf("SC_PAGESIZE")


def read(path: str) -> str:
    """A file of /proc, empty if the process is gone."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def stat(pid: int) -> list[str]:
    """State, parent, group, session, ... of a process; empty if it is gone."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def children(pid: int) -> list[int]:
    """Living and dead children of all threads of a process."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []
    return [int(child) for thread in threads for child in read(f"/proc/{pid}/task/{thread}/children").split()]


def children_by_scan(pid: int) -> list[int]:
    """The same on a kernel without `children` files."""
    return [
        int(name) for name in os.listdir("/proc") if name.isdigit() and stat(int(name))[1:2] == [str(pid)]
    ]


if not os.path.exists("/proc/thread-self/children"):
    children = children_by_scan


def below(pid: int) -> list[int]:
    """All descendants, parents first."""
    found = [pid]
    for parent in found:
        found += [child for child in children(parent) if child not in found]
    return found[1:]


def alive(pids: list[int]) -> list[int]:
    """Those that are no zombies."""
    return [pid for pid in pids if stat(pid)[:1] not in ([], ["Z"], ["X"])]


def signal(pids: list[int], number: int) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            continue


def kill_below(pid: int) -> None:
    """Kill all descendants; twice nothing found counts as none, as a list may miss one while others end."""
    quiet = 0
    give_up = time.monotonic() + PATIENCE
    while quiet < QUIET_ROUNDS and time.monotonic() < give_up:
        signal(alive(below(pid)), SIGSTOP)
        found = alive(below(pid))
        signal(found, SIGKILL)
        quiet = 0 if found else quiet + 1
        time.sleep(PAUSE)


def kill_command(server: int, inner_pid: int) -> None:
    """Kill the server's child that is `inner_pid` in its own namespace, its descendants and its session."""
    doomed = {pid for pid in children(server) if inner_id(pid) == inner_pid}
    leaders = {str(pid) for pid in doomed}
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        for pid in below(server):
            status = stat(pid)
            if status and (int(status[1]) in doomed or status[3] in leaders):
                doomed.add(pid)
        found = alive(sorted(doomed))
        if not found:
            return
        signal(found, SIGKILL)
        time.sleep(PAUSE)


def inner_id(pid: int) -> int:
    """The process id in the innermost namespace."""
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith("NSpid:"):
            return int(line.split()[-1])
    return 0


def end() -> None:
    """Kill everything; as subreaper this process has no child left exactly when nothing is alive."""
    while True:
        signal(below(os.getpid()), SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(PAUSE)


def number(text: str, name: str) -> int:
    """The number after `name:` in a file of lines."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    return 0


def resident(pid: int) -> int:
    """Bytes in memory, shared ones included: cheap and never too small."""
    fields = read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE if fields else 0


def own_memory(pid: int) -> int:
    """Bytes in memory that are the process's own, and its share of shared memory: exact and slow."""
    text = read(f"/proc/{pid}/smaps_rollup")
    if not text:
        return resident(pid)
    return 1024 * (number(text, "Pss_Anon") + number(text, "Pss_Shmem"))


def written(pid: int) -> int:
    """Bytes that a process and the children it has reaped sent to disks."""
    text = read(f"/proc/{pid}/io")
    return number(text, "write_bytes") - number(text, "cancelled_write_bytes")


def files(server: int, folder: str) -> int:
    """Files in a tmpfs of the box; 0 while the box is not set up yet."""
    path = f"/proc/{server}/root{folder}"
    try:
        if os.stat(path).st_dev == os.stat(folder).st_dev:
            return 0
        state = os.statvfs(path)
    except OSError:
        return 0
    return state.f_files - state.f_ffree


class Watch:
    """Compares what the box uses with its limits."""

    def __init__(self, memory: int, disk: int, most_files: int, folders: list[str]) -> None:
        self.memory = memory
        self.disk = disk
        self.most_files = most_files
        self.folders = folders
        self.written = 0
        self.files = 0

    def exceeded(self, server: int) -> str:
        """The limit that is passed, or nothing. Disk and files count from the last time they were passed."""
        pids = [server, *below(server)]
        if sum(map(resident, pids)) > self.memory and sum(map(own_memory, pids)) > self.memory:
            return "memory"
        total = sum(map(written, pids))
        if total - self.written > self.disk:
            self.written = total
            return "disk"
        count = sum(files(server, folder) for folder in self.folders)
        if count - self.files > self.most_files:
            self.files = count
            return "files"
        return ""


class Supervisor:
    """The control socket, the box and its watch."""

    def __init__(self, descriptor: int, watch: Watch, nested: bool) -> None:
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, descriptor)
        self.watch = watch
        self.nested = nested
        self.child = 0

    def server(self) -> int:
        """The server's process id; 0 while there is none."""
        return next(iter(children(self.child)), 0) if self.nested else self.child

    def run(self, host: int, command: list[str]) -> None:
        """Start the box and stay until it, or the host, ends."""
        poll = select.poll()
        poll.register(self.socket.fileno(), select.POLLIN)
        poll.register(host, select.POLLIN)
        if any(event & select.POLLHUP or descriptor == host for descriptor, event in poll.poll(0)):
            return
        self.child = os.posix_spawn(command[0], command, {})
        poll.register(os.pidfd_open(self.child), select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(TICK_MS)]
            if set(ready) - {self.socket.fileno()} or (ready and not self.obey()):
                return
            self.check()

    def obey(self) -> bool:
        """Do what the host asks; False if it hung up."""
        verb, _, argument = self.socket.recv(256).partition(b" ")
        server = self.server()
        if verb == b"kill" and server:
            kill_command(server, int(argument))
        elif verb == b"sweep" and server:
            kill_below(server)
            self.tell(b"swept")
        return bool(verb)

    def check(self) -> None:
        server = self.server()
        if not server or not children(server):
            return
        kind = self.watch.exceeded(server)
        if kind:
            self.tell(f"limit {kind}".encode())
            kill_below(server)
            self.tell(b"swept")

    def tell(self, word: bytes) -> None:
        """Without waiting: the host may not be reading."""
        try:
            self.socket.send(word, _socket.MSG_DONTWAIT)
        except OSError:
            return


def main() -> None:
    """Become the reaper of everything below, run the box, then end it."""
    control, host_pid, memory, disk, most_files, folders, keep, nested, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != int(host_pid):
        return
    host = os.pidfd_open(int(host_pid))
    kept = {0, 1, 2, *(int(number) for number in keep.split(","))}
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept and os.path.exists(f"/proc/self/fd/{name}"):
            os.set_inheritable(int(name), False)
    watch = Watch(
        int(memory), int(disk), int(most_files), [folder for folder in folders.split(",") if folder]
    )
    supervisor = Supervisor(int(control), watch, nested == "1")
    try:
        supervisor.run(host, command)
    finally:
        end()


if __name__ == "__main__":
    main()
