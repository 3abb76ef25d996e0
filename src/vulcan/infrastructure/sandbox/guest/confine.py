"""Puts Landlock and a seccomp filter on itself, then becomes another program.

Arguments: the descriptors of the rules and of the filter, the folder to start in, then the command.
The rules are NUL-separated: a letter (`r` read and execute, `w` also write), then a path; or `p` and a TCP port that
may be connected to. What no rule names can't be opened; TCP, signals to the outside and abstract sockets are refused where the kernel's Landlock can.
"""

# pathlib costs more than the rest of this program's start
# ruff: noqa: PTH123
# Landlock's versions are numbers
# ruff: noqa: PLR2004

import ctypes
import os
import stat
import sys

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
O_PATH = 0o10000000

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
CONNECT_TCP = 1 << 1
ALL_OF_ABI_1 = (1 << 13) - 1
READ = EXECUTE | READ_FILE | READ_DIR
FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("parent", ctypes.c_int32))


class NetPort(ctypes.Structure):
    """struct landlock_net_port_attr."""

    _fields_ = (("access", ctypes.c_uint64), ("port", ctypes.c_uint64))


class Filter(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def check(result: int, what: str) -> int:
    """Stop here rather than run anything less confined."""
    if result < 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def version() -> int:
    """The kernel's Landlock version; 0 without Landlock."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def handled(abi: int) -> int:
    """Every right to files that this version can refuse."""
    return (
        ALL_OF_ABI_1
        | (REFER if abi >= 2 else 0)
        | (TRUNCATE if abi >= 3 else 0)
        | (IOCTL_DEV if abi >= 5 else 0)
    )


def allow(ruleset: int, letters: str, path: str, rights: int) -> None:
    """Add a rule; a path that is not there needs none."""
    try:
        parent = os.open(path, O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    access = rights & ~IOCTL_DEV if "w" in letters else rights & READ
    if not stat.S_ISDIR(os.fstat(parent).st_mode):
        access &= FOR_FILES
    rule = PathBeneath(access, parent)
    check(libc.syscall(ADD_RULE, ruleset, 1, ctypes.byref(rule), 0), path)
    os.close(parent)


def allow_port(ruleset: int, port: int, abi: int) -> None:
    """Allow connections to a TCP port; an older kernel's Landlock does not look at them."""
    if abi >= 4:
        rule = NetPort(CONNECT_TCP, port)
        check(libc.syscall(ADD_RULE, ruleset, 2, ctypes.byref(rule), 0), f"port {port}")


def restrict(rules: list[str]) -> None:
    """Put Landlock on this process."""
    abi = version()
    attributes = Ruleset(handled(abi), 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = check(
        libc.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0),
        "landlock_create_ruleset",
    )
    for letters, path in zip(rules[::2], rules[1::2], strict=True):
        if letters == "p":
            allow_port(ruleset, int(path), abi)
        else:
            allow(ruleset, letters, path, handled(abi))
    check(libc.syscall(RESTRICT_SELF, ruleset, 0), "landlock_restrict_self")
    os.close(ruleset)


def whole(descriptor: int) -> bytes:
    """A memory file's content."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def main() -> None:
    """Confine, then exec."""
    rules, code, folder, *command = sys.argv[1:]
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("900")
    os.chdir(folder)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    restrict(whole(int(rules)).decode("utf-8", "surrogateescape").split("\0"))
    text = whole(int(code))
    program = Filter(len(text) // 8, text)
    check(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0), "seccomp")
    os.close(int(rules))
    os.close(int(code))
    os.execve(command[0], command, {})  # noqa: S606 - what the host asked for


if __name__ == "__main__":
    main()
