"""The system-call filter of a box: a deny list as classic BPF, made by hand so that no library is needed."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable

from vulcan.domain.errors import SandboxUnavailable

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
ERRNO = 0x00050000

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_OFFSET, ARCH_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
X32_BIT = 0x40000000

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
NEW_NAMESPACE = 0x7E020080  # every CLONE_NEW* flag, the time namespace's included

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}

REFUSED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "iopl": (172, None),
    "ioperm": (173, None),
    "lookup_dcookie": (212, 18),
    "vhangup": (153, 58),
}
"""Refused with EPERM: numbers on x86_64 and aarch64."""

ABSENT: dict[str, tuple[int | None, int | None]] = {
    "clone3": (435, 435),  # its flags lie in memory, where a filter can't look; libc falls back to clone
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
}
"""Refused with ENOSYS, so that callers fall back."""

EXAMINED = {"clone": (56, 220), "ioctl": (16, 29), "socket": (41, 198), "socketpair": (53, 199)}
"""Allowed or refused by an argument."""


SHARED: dict[str, tuple[int | None, int | None]] = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
}
"""Refused with EPERM where the box has no IPC namespace of its own."""

OWN_FAMILIES = (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)
"""Socket families that an empty network namespace makes harmless."""

STREAMS = (1, 1 | 0o4000, 1 | 0o2000000, 1 | 0o4000 | 0o2000000)
"""SOCK_STREAM alone, non-blocking, closed on exec, and both."""
TCP = (0, 6)
"""The protocol that a stream has by default, and by its number: Landlock knows no other (not MPTCP)."""


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refuse(number: int, error: int) -> bytes:
    return _op(JUMP_EQUAL, number, 0, 1) + _op(RETURN, ERRNO | error)


def _examine(number: int, body: bytes) -> bytes:
    """Run `body`, which returns, for one system call."""
    return _op(JUMP_EQUAL, number, 0, len(body) // 8) + body


def _argument(index: int) -> bytes:
    # The low 32 bits: the kernel ignores the others in each of these arguments.
    return _op(LOAD, ARGUMENTS_OFFSET + 8 * index)


def _only(values: Iterable[int], error: int) -> bytes:
    allowed = b"".join(_op(JUMP_EQUAL, value, 0, 1) + _op(RETURN, ALLOW) for value in values)
    return _argument(0) + allowed + _op(RETURN, ERRNO | error)


def _tcp_only() -> bytes:
    """Allow IPv4 TCP sockets, which Landlock can hold to one port."""
    refuse = _op(RETURN, ERRNO | errno.EAFNOSUPPORT)
    body = b""
    for index, allowed in ((0, (AF_INET,)), (1, STREAMS), (2, TCP)):
        body += _argument(index)
        for left, value in zip(range(len(allowed), 0, -1), allowed, strict=True):
            body += _op(JUMP_EQUAL, value, left, 0)
        body += refuse
    return body + _op(RETURN, ALLOW)


def _not_these(values: Iterable[int], error: int) -> bytes:
    refused = b"".join(_refuse(value, error) for value in values)
    return _argument(1) + refused + _op(RETURN, ALLOW)


def _no_namespace() -> bytes:
    refused = _op(JUMP_ANY_BIT, NEW_NAMESPACE, 0, 1) + _op(RETURN, ERRNO | errno.EPERM)
    return _argument(0) + refused + _op(RETURN, ALLOW)


def _numbers(table: dict[str, tuple[int | None, int | None]], machine: str) -> list[int]:
    column = COLUMN[machine]
    return [number for pair in table.values() if (number := pair[column]) is not None]


def _head(machine: str) -> bytes:
    """Another architecture's calls (`int 0x80`) kill; the x32 variant of x86_64 is absent."""
    head = _op(LOAD, ARCH_OFFSET) + _op(JUMP_EQUAL, AUDIT_ARCH[machine], 1, 0) + _op(RETURN, KILL_PROCESS)
    head += _op(LOAD, NUMBER_OFFSET)
    if machine == "x86_64":
        head += _op(JUMP_AT_LEAST, X32_BIT, 0, 1) + _op(RETURN, ERRNO | errno.ENOSYS)
    return head


def _sockets(*, namespaces: bool, tcp: bool) -> bytes:
    if tcp and not namespaces:
        return _tcp_only()
    return _only(OWN_FAMILIES if namespaces else (), errno.EAFNOSUPPORT)


def program(*, namespaces: bool, tcp: bool = False, machine: str = "") -> bytes:
    """The filter as `struct sock_filter`s in a row.

    Args:
        namespaces: whether the box has network and IPC namespaces of its own; if not, no socket can be
            opened. `socketpair()` always works, as asyncio needs it.
        tcp: without namespaces, whether IPv4 TCP sockets can be opened all the same.
        machine: as the kernel names it; this one's if empty.
    """
    machine = machine or os.uname().machine
    if machine not in COLUMN:
        raise SandboxUnavailable(
            f"There is no system-call filter for {machine} processors.",
            hint="Run Vulcan on an x86_64 or aarch64 machine.",
        )
    column = COLUMN[machine]
    shared = [] if namespaces else _numbers(SHARED, machine)
    call = {name: numbers[column] for name, numbers in EXAMINED.items()}
    return b"".join(
        [
            _head(machine),
            *(_refuse(number, errno.EPERM) for number in _numbers(REFUSED, machine)),
            *(_refuse(number, errno.EPERM) for number in shared),
            *(_refuse(number, errno.ENOSYS) for number in _numbers(ABSENT, machine)),
            _examine(call["clone"], _no_namespace()),
            _examine(call["ioctl"], _not_these((TIOCSTI, TIOCLINUX), errno.EPERM)),
            _examine(call["socket"], _sockets(namespaces=namespaces, tcp=tcp)),
            _examine(call["socketpair"], _only((AF_UNIX,), errno.EAFNOSUPPORT)),
            _op(RETURN, ALLOW),
        ]
    )
