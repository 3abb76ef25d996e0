"""The system-call filter, run by a small interpreter of classic BPF."""

import errno
import struct

import pytest

from vulcan.domain.errors import SandboxUnavailable
from vulcan.infrastructure.sandbox import seccomp

ALLOW = seccomp.ALLOW
KILL = seccomp.KILL_PROCESS
HARMLESS = {"x86_64": (0, 1, 257, 59, 61, 9, 231), "aarch64": (63, 64, 56, 221, 260, 222, 94)}
"""read, write, openat, execve, wait4, mmap, exit_group."""


def judge(program, number, arguments=(), arch=None, machine="x86_64"):
    """What the kernel would answer."""
    arguments = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, arch or seccomp.AUDIT_ARCH[machine], 0, *arguments)
    at = accumulator = 0
    while True:
        code, yes, no, value = struct.unpack_from("=HBBI", program, 8 * at)
        at += 1
        if code == seccomp.RETURN:
            return value
        if code == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("=I", data, value)
            continue
        holds = {
            seccomp.JUMP_EQUAL: accumulator == value,
            seccomp.JUMP_AT_LEAST: accumulator >= value,
            seccomp.JUMP_ANY_BIT: bool(accumulator & value),
        }[code]
        at += yes if holds else no


def refused(error):
    return seccomp.ERRNO | error


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request):
    return request.param


@pytest.fixture(params=[True, False], ids=["own namespaces", "shared"])
def namespaces(request):
    return request.param


@pytest.fixture
def ask(machine, namespaces):
    program = seccomp.program(namespaces=namespaces, machine=machine)
    return lambda number, *arguments, arch=None: judge(program, number, arguments, arch, machine)


def numbers(table, machine):
    return [
        pair[seccomp.COLUMN[machine]] for pair in table.values() if pair[seccomp.COLUMN[machine]] is not None
    ]


def test_calls_that_reach_outside_are_refused(ask, machine):
    assert {ask(number) for number in numbers(seccomp.REFUSED, machine)} == {refused(errno.EPERM)}


def test_calls_that_a_filter_can_not_look_into_are_absent(ask, machine):
    assert {ask(number) for number in numbers(seccomp.ABSENT, machine)} == {refused(errno.ENOSYS)}


def test_plain_calls_are_allowed(ask, machine):
    assert {ask(number) for number in HARMLESS[machine]} == {ALLOW}


def test_another_architecture_kills(ask):
    assert ask(20, arch=0x40000003) == KILL


def test_the_x32_variant_is_absent():
    program = seccomp.program(namespaces=True, machine="x86_64")
    assert judge(program, 0x40000000 | 39) == refused(errno.ENOSYS)


@pytest.mark.parametrize(
    "flag", [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
)
def test_no_namespace_can_be_cloned(ask, machine, flag):
    clone = seccomp.EXAMINED["clone"][seccomp.COLUMN[machine]]
    assert ask(clone, flag | 17) == refused(errno.EPERM)
    assert ask(clone, 17) == ALLOW
    assert ask(clone, 0x3D0F00) == ALLOW  # what a thread is made with


@pytest.mark.parametrize("request_number", [seccomp.TIOCSTI, seccomp.TIOCLINUX])
def test_nothing_can_be_typed_into_a_terminal(ask, machine, request_number):
    ioctl = seccomp.EXAMINED["ioctl"][seccomp.COLUMN[machine]]
    assert ask(ioctl, 0, request_number) == refused(errno.EPERM)
    assert ask(ioctl, 0, request_number | 1 << 32) == refused(errno.EPERM)
    assert ask(ioctl, 0, 0x5413) == ALLOW


def test_sockets_are_of_the_families_that_the_box_has_for_itself(ask, machine, namespaces):
    call = seccomp.EXAMINED["socket"][seccomp.COLUMN[machine]]
    opened = {family for family in range(50) if ask(call, family) == ALLOW}
    assert opened == ({1, 2, 10, 16} if namespaces else set())


def test_pairs_of_local_sockets_are_allowed(ask, machine):
    call = seccomp.EXAMINED["socketpair"][seccomp.COLUMN[machine]]
    assert {family for family in range(50) if ask(call, family) == ALLOW} == {1}


def test_ipc_by_key_needs_a_namespace(ask, machine, namespaces):
    answers = {ask(number) for number in numbers(seccomp.SHARED, machine)}
    assert answers == {ALLOW if namespaces else refused(errno.EPERM)}


def test_an_unknown_machine_is_said():
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        seccomp.program(namespaces=True, machine="riscv64")
