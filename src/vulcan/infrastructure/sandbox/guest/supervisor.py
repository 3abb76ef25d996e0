"""Stands over one box: starts it, watches what it uses, and leaves nothing alive when it or the host ends.

Arguments: the control socket's descriptor, the host's process id, memory and disk limits in bytes, the number
of files that the box's temporary folders may hold, which of them lie in memory (separated by commas), how many
bytes each of the others may hold, these (separated by line feeds), the descriptors to hand down (commas), whether
the server is a grandchild (1) or a child (0), then the command.
The host sends `kill PID` (a command, by its process id inside), `sweep` (everything but the server, answered
by `swept`) or hangs up; it is told `limit KIND` before anything is killed for a limit, and `swept` after.
"""

# pathlib costs more than the rest of this program's start
# ruff: noqa: PTH110, PTH115, PTH116, PTH123, PTH208

import _socket
import ctypes
import os
import select
import stat as stat_
import sys
import time

TICK_MS = 100
PAUSE = 0.001
PATIENCE = 5.0
QUIET_ROUNDS = 2
PR_SET_CHILD_SUBREAPER = 36
SIGKILL, SIGSTOP = 9, 19
PAGE = os.sysconf("SC_PAGESIZE")
BLOCK = 512
ENTRY = 16
ENDLESS = 1 << 40
ENAMETOOLONG = 36
LOOK_SECONDS = 0.3
LOOK_SHARE = 4


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


def own_memory(pid: int) -> tuple[int, int]:
    """Bytes in memory that are the process's own, and its share of shared memory: exact and slow."""
    text = read(f"/proc/{pid}/smaps_rollup")
    if not text:
        return resident(pid), 0
    return 1024 * number(text, "Pss_Anon"), 1024 * number(text, "Pss_Shmem")


def shared() -> int:
    """Bytes of the whole machine in memory files, shared memory and tmpfs."""
    return 1024 * number(read("/proc/meminfo"), "Shmem")


def memory_files(pids: list[int], unseen: int) -> int:
    """Bytes in the memory files that processes hold open, mapped or not; `unseen` if one hides what it holds."""
    sizes = {}
    for pid in pids:
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                sizes.update(memory_file(f"/proc/{pid}/fd/{name}"))
        except PermissionError:
            return unseen
        except OSError:
            continue
    return sum(sizes.values())


def memory_file(path: str) -> dict[tuple[int, int], int]:
    """A descriptor's file and its bytes in memory, if it is a memory file."""
    try:
        if not os.readlink(path).startswith("/memfd:"):
            return {}
        status = os.stat(path)
    except FileNotFoundError:
        return {}
    return {(status.st_dev, status.st_ino): status.st_blocks * BLOCK}


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


def tally(folder: str) -> tuple[int, int]:
    """Bytes and entries below a folder of the disk, no link followed."""
    size = count = 0
    waiting = [(folder, 0)]
    while waiting:
        path, inode = waiting.pop()
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as failure:
            count += hidden(path, failure.errno)
            continue
        try:
            if inode and os.fstat(descriptor).st_ino != inode:
                continue
            for name in os.listdir(descriptor):
                status = entry(name, descriptor)
                if status is None:
                    continue
                count += 1
                size += status.st_blocks * BLOCK
                if stat_.S_ISDIR(status.st_mode):
                    waiting.append((f"{path}/{name}", status.st_ino))
        finally:
            os.close(descriptor)
    return size, count


def entry(name: str, folder: int) -> "os.stat_result | None":
    """What a folder's entry is; None if it is gone."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None


def hidden(path: str, reason: "int | None") -> int:
    """Entries of a folder that can't be listed: by its own size, or without end where its path has none."""
    if reason == ENAMETOOLONG:
        return ENDLESS
    try:
        return os.lstat(path).st_size // ENTRY
    except OSError:
        return 0


class Scratch:
    """A temporary folder on the host's disk, which nothing but looking limits."""

    def __init__(self, path: str, most_bytes: int, most_files: int) -> None:
        self.path = path
        self.most = (most_bytes, most_files)
        self.held = (0, 0)

    def exceeded(self) -> bool:
        """Whether it holds too much, and more than when that was said last: emptying it is no offence."""
        now = tally(self.path)
        if any(n > max(most, held) for n, most, held in zip(now, self.most, self.held, strict=True)):
            self.held = now
            return True
        self.held = (min(now[0], self.held[0]), min(now[1], self.held[1]))
        return False


class Watch:
    """Compares what the box uses with its limits."""

    def __init__(
        self, memory: int, disk: int, most_files: int, folders: list[str], scratch: list[Scratch]
    ) -> None:
        self.memory = memory
        self.disk = disk
        self.most_files = most_files
        self.folders = folders
        self.scratch = scratch
        self.written = 0
        self.files = 0
        self.shared = shared()
        self.next_look = 0.0

    def exceeded(self, server: int) -> str:
        """The limit that is passed, or nothing. Disk and files count from the last time they were passed."""
        pids = [server, *below(server)]
        if self.too_much_memory(pids):
            return "memory"
        total = sum(map(written, pids))
        if total - self.written > self.disk:
            self.written = total
            return "disk"
        count = sum(files(server, folder) for folder in self.folders)
        if count - self.files > self.most_files:
            self.files = count
            return "files"
        return "scratch" if self.too_much_scratch() else ""

    def too_much_memory(self, pids: list[int]) -> bool:
        """Cheaply first. What the whole machine has more of in shared memory may be the box's, or another's."""
        now = shared()
        self.shared = min(self.shared, now)
        grown = now - self.shared
        if sum(map(resident, pids)) + grown <= self.memory:
            return False
        own = [own_memory(pid) for pid in pids]
        unmapped = memory_files(pids[1:], grown)
        return sum(private for private, _ in own) + max(sum(part for _, part in own), unmapped) > self.memory

    def too_much_scratch(self) -> bool:
        """Looks at temporary folders on disk, for a fifth of the time at most."""
        begin = time.monotonic()
        if not self.scratch or begin < self.next_look:
            return False
        found = [scratch for scratch in self.scratch if scratch.exceeded()]
        took = time.monotonic() - begin
        self.next_look = begin + took + max(LOOK_SECONDS, LOOK_SHARE * took)
        return bool(found)


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
    control, host_pid, memory, disk, most_files, folders, *rest = sys.argv[1:]
    most_bytes, scratch, keep, nested, *command = rest
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.getppid() != int(host_pid):
        return
    host = os.pidfd_open(int(host_pid))
    kept = {0, 1, 2, *(int(number) for number in keep.split(","))}
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in kept and os.path.exists(f"/proc/self/fd/{name}"):
            os.set_inheritable(int(name), False)
    watch = Watch(
        int(memory),
        int(disk),
        int(most_files),
        [folder for folder in folders.split(",") if folder],
        [Scratch(path, int(most_bytes), int(most_files)) for path in scratch.split("\n") if path],
    )
    supervisor = Supervisor(int(control), watch, nested == "1")
    try:
        supervisor.run(host, command)
    finally:
        end()


if __name__ == "__main__":
    main()
