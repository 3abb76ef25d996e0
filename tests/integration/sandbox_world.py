"""A small host with things to steal and to break, and attacks on it; also run as a script, by any user.

Each attack is a shell script. It has escaped if it prints a secret or `PWNED`, if anything outside the workspace
changed, or if the victim process died. Run without a sandbox, the same scripts show that they can work.
"""

import asyncio
import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from vulcan.application.ports import BoxSpec, Limits
from vulcan.infrastructure.sandbox import BubblewrapSandbox, LandlockSandbox, NoSandbox
from vulcan.infrastructure.sandbox.user import box_user

SANDBOXES = {"bubblewrap": BubblewrapSandbox, "landlock": LandlockSandbox, "none": NoSandbox}
SECRET = "FAKESECRET"
X86 = os.uname().machine == "x86_64"


def setting(name, default=""):
    try:
        return Path("/proc/sys", name).read_text().strip()
    except OSError:
        return default


def always():
    return True


def never():
    """Refused to every unprivileged user, or by the clean environment that all boxes share."""
    return False


def namespaces_are_free():
    return (
        setting("kernel/apparmor_restrict_unprivileged_userns", "0") == "0"
        and setting("user/max_user_namespaces") != "0"
    )


def family_is_there(number, kind):
    def check():
        try:
            socket.socket(number, kind).close()
        except OSError:
            return False
        return True

    return check


@dataclass(frozen=True)
class Attack:
    """A script; `works` says whether this host lets it work without a sandbox, `abi` which Landlock stops it."""

    id: str
    script: str
    works: object = always
    abi: int = 3


def python(body):
    """A script in Python with raw system calls at hand."""
    prelude = (
        "import ctypes, os, socket, sys\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "def pwned(result):\n    print('PWNED' if result >= 0 else os.strerror(ctypes.get_errno()))\n"
    )
    return f"exec /usr/bin/python3 -I - 2>&1 <<'PY'\n{prelude}{body}\nPY\n"


def number(x86, arm):
    return x86 if X86 else arm


def connect(family, address):
    return python(
        f"s = socket.socket(socket.{family}, socket.SOCK_STREAM)\ns.settimeout(5)\ns.connect({address})\nprint('PWNED')"
    )


ATTACKS = [
    Attack("R01 key in the home", "cat $H/.ssh/id_ed25519"),
    Attack("R02 credentials in the home", "cat $H/.aws/credentials $H/.netrc"),
    Attack("R04 another project", "cat $OTHER/notes"),
    Attack("R05 link to a key", "cat link"),
    Attack("R06 link to a folder", "cat linked/notes"),
    Attack("R07 roots and folders in /proc", "cat /proc/[0-9]*/root$H/.ssh/id_ed25519 /proc/[0-9]*/cwd/$H/.netrc"),
    Attack("R09 host's shared memory folder", "cat $SHM"),
    Attack("R10 host's temporary folder", "cat $TEMPORARY"),
    Attack("R11 host's SysV segment", python(
        "libc.shmat.restype = ctypes.c_void_p\n"
        "segment = libc.shmget(int(os.environ['SEGMENT']), 0, 0o600)\n"
        "pwned(segment)\n"
    )),
    Attack("R12 session keyring", python(f"pwned(libc.syscall({number(250, 219)}, 0, -3, 1))")),
    Attack("R15 hard link to a secret", "ln $H/.netrc stolen && cat stolen"),
    Attack("S01 environment", "env", never),
    Attack("S02 environments in /proc", "cat /proc/[0-9]*/environ | tr '\\0' '\\n'"),
    Attack("S03 arguments in /proc", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep SECRET-argv"),
    Attack("S04 host's paths in /proc", "tr '\\0' '\\n' < /proc/$VICTIM/cmdline"),
    Attack("W01 shell profile", "echo evil >> $H/.bashrc"),
    Attack("W02 another project", "echo evil > $OTHER/notes"),
    Attack("W03 authorized_keys", "echo evil >> $H/.ssh/authorized_keys"),
    Attack("W04 program on the path", "mkdir -p $H/.local/bin; echo evil > $H/.local/bin/git"),
    Attack("W06 host's temporary file", "echo evil > $TEMPORARY"),
    Attack("W07 write through a link", "echo evil > link"),
    Attack("W07b truncate through a link", "truncate -s 0 link"),
    Attack("W17 rename the workspace", "mv $WS $WS.moved"),
    Attack("W18 write beside the workspace", "echo evil > $WS/../planted"),
    Attack("W19 kernel setting", "(exec 3>/proc/sys/kernel/core_pattern) && echo PWNED", never),
    Attack("W20 device node", "mknod disk b 254 0 && echo PWNED", never),
    Attack("W21 file in /dev", "touch /dev/planted && echo PWNED", never),
    Attack("W22 file in the root", "touch /planted /etc/planted /usr/planted 2>/dev/null; ls /planted /etc/planted /usr/planted 2>/dev/null && echo PWNED", never),
    Attack("W23 change a made file of /etc", "chmod u+w /etc/passwd && echo evil >> /etc/passwd && echo PWNED", never),
    Attack("P01 kill a host's process", "kill -9 $VICTIM", abi=6),
    Attack("P02 trace a host's process", python(f"pwned(libc.syscall({number(101, 117)}, 16, int(os.environ['VICTIM']), 0, 0))"), lambda: setting("kernel/yama/ptrace_scope", "0") == "0"),
    Attack("P03 memory of a host's process", "(exec 3</proc/$VICTIM/mem) && echo PWNED", lambda: setting("kernel/yama/ptrace_scope", "0") == "0"),
    Attack("P04 unshare", "unshare -U true && echo PWNED", namespaces_are_free),
    Attack("P05 clone a namespace", python(
        f"child = libc.syscall({number(56, 220)}, 0x10000000 | 17, 0, 0, 0, 0)\n"
        "if child == 0: os._exit(0)\n"
        "pwned(child)"
    ), namespaces_are_free),
    Attack("P06 clone3", python(
        "arguments = (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17)\n"
        "child = libc.syscall(435, arguments, 64)\n"
        "if child == 0: os._exit(0)\n"
        "pwned(child)"
    ), namespaces_are_free),
    Attack("P07 mount", python("pwned(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))"), never),
    Attack("P07b fsopen", python("pwned(libc.syscall(430, b'tmpfs', 0))"), never),
    Attack("P08 unmount", python("pwned(min(libc.umount2(b'/proc', 2), libc.umount2(b'/workspace', 2)))"), never),
    Attack("P09 io_uring", python("pwned(libc.syscall(425, 4, (ctypes.c_char * 120)()))"), lambda: setting("kernel/io_uring_disabled", "0") == "0"),
    Attack("P10 sockets of the virtual machine", python("socket.socket(40, 1)\nprint('PWNED')"), family_is_there(40, 1)),
    Attack("P11 32-bit system call", python(
        "import mmap\n"
        "code = mmap.mmap(-1, 4096, prot=7)\n"
        "code.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov eax, getpid; int 0x80; ret
        "address = ctypes.addressof(ctypes.c_char.from_buffer(code))\n"
        "pwned(ctypes.CFUNCTYPE(ctypes.c_int)(address)() - 1)"
    ) if X86 else "true", lambda: X86 and setting("abi/vsyscall32") != ""),
    Attack("P12 x32 system call", python("pwned(libc.syscall(0x40000000 | 39))") if X86 else "true", never),
    Attack("P13 kernel's cryptography", python("socket.socket(38, 5)\nprint('PWNED')"), family_is_there(38, 5)),
    Attack("P13b raw packets", python("socket.socket(17, 3)\nprint('PWNED')"), never),
    Attack("P14 userfaultfd", python(f"pwned(libc.syscall({number(323, 282)}, 1))")),
    Attack("P14b perf", python(f"pwned(libc.syscall({number(298, 241)}, (ctypes.c_char * 128)(1, 0, 0, 0, 128), 0, -1, -1, 0))"), never),
    Attack("P14c bpf", python(f"pwned(libc.syscall({number(321, 280)}, 0, (ctypes.c_uint32 * 32)(2, 4, 4, 1), 128))"), never),
    Attack("P15 trace an own child", python(
        "child = os.fork()\n"
        "if child == 0:\n    import time; time.sleep(2); os._exit(0)\n"
        f"pwned(libc.syscall({number(101, 117)}, 16, child, 0, 0))\n"
        "os.kill(child, 9)"
    )),
    Attack("P16 type into a terminal", python(
        "import pty\n"
        "child, master = pty.fork()\n"
        "if child == 0:\n"
        f"    high = libc.syscall({number(16, 29)}, 0, ctypes.c_ulong(0x5412 | 1 << 32), b'x')\n"
        f"    low = libc.syscall({number(16, 29)}, 0, ctypes.c_ulong(0x5412), b'x')\n"
        "    os._exit(7 if max(high, low) >= 0 else 0)\n"
        "pwned((os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7) - 1)"
    ), lambda: setting("dev/tty/legacy_tiocsti", "1") == "1"),
    Attack("P19 new privileges", python("print('PWNED' if libc.prctl(39, 0, 0, 0, 0) == 0 else 'set')")),
    Attack("P20 kernel log", python(f"pwned(libc.syscall({number(103, 116)}, 10, 0, 0))"), lambda: setting("kernel/dmesg_restrict") == "0"),
    Attack("P22 write the server's memory", "(exec 3<>/proc/1/mem) && echo PWNED", never),
    Attack("N01 service on the host's loopback", connect("AF_INET", "('127.0.0.1', int(os.environ['PORT']))")),
    Attack("N02 route to the internet", python("s = socket.socket(2, 2)\ns.connect(('192.0.2.1', 53))\nprint('PWNED')"), never),
    Attack("N04 agent's socket by path", connect("AF_UNIX", "os.environ['H'] + '/agent.sock'")),
    Attack("N05 abstract socket", connect("AF_UNIX", "'\\0' + os.environ['ABSTRACT']")),
]  # fmt: skip


@dataclass
class World:
    """The host's side: folders, services and a victim, all the box's user's so that permissions stop nothing."""

    ground: Path
    user: object
    things: list = field(default_factory=list)
    victim: object = None

    def __post_init__(self):
        self.workspace = self.ground / "workspace"
        self.home = self.ground / "home"
        self.other = self.ground / "other"
        self.temporary = Path(f"/tmp/vulcan-world-{os.getpid()}")
        self.shared = Path(f"/dev/shm/vulcan-world-{os.getpid()}")
        self.abstract = f"vulcan-world-{os.getpid()}"

    def build(self, sandbox):
        """Make or mend everything."""
        shutil.rmtree(self.ground)
        for folder in (self.workspace, self.home / ".ssh", self.home / ".aws", self.other):
            folder.mkdir(parents=True)
        files = {
            self.home / ".ssh/id_ed25519": f"{SECRET}-key",
            self.home / ".ssh/authorized_keys": "",
            self.home / ".aws/credentials": f"{SECRET}-aws",
            self.home / ".netrc": f"{SECRET}-netrc",
            self.home / ".bashrc": "",
            self.other / "notes": f"{SECRET}-notes",
            self.temporary: f"{SECRET}-tmp",
            self.shared: f"{SECRET}-shm",
        }
        for path, content in files.items():
            path.write_text(content)
            os.chown(path, self.user.uid, self.user.gid)
        (self.workspace / "link").symlink_to(self.home / ".ssh/id_ed25519")
        (self.workspace / "linked").symlink_to(self.other)
        self.listen()
        sandbox.hand_over(self.ground)
        if self.victim is None or self.victim.poll() is not None:
            self.victim = self.start_victim()

    def listen(self):
        """The host's services; a backlog answers without a thread."""
        self.quiet()
        self.loopback = socket.create_server(("127.0.0.1", 0))
        agent = socket.socket(socket.AF_UNIX)
        agent.bind(str(self.home / "agent.sock"))
        agent.listen()
        abstract = socket.socket(socket.AF_UNIX)
        abstract.bind(f"\0{self.abstract}")
        abstract.listen()
        self.things = [self.loopback, agent, abstract]

    def quiet(self):
        for thing in self.things:
            thing.close()

    def start_victim(self):
        body = (
            "import ctypes, sys, time\n"
            "libc = ctypes.CDLL(None)\n"
            f"segment = libc.shmget({self.segment}, 4096, 0o1600)\n"
            "print('up', flush=True)\n"
            "time.sleep(120)\n"
        )
        victim = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-c", body, f"{SECRET}-argv"],
            env={"TOKEN": f"{SECRET}-env"},
            cwd="/",
            stdout=subprocess.PIPE,
            **(
                {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
                if os.geteuid() == 0
                else {}
            ),
        )
        victim.stdout.readline()
        return victim

    @property
    def segment(self):
        return 0x56000000 + os.getpid()

    def variables(self):
        return {
            "WS": str(self.workspace),
            "H": str(self.home),
            "OTHER": str(self.other),
            "TEMPORARY": str(self.temporary),
            "SHM": str(self.shared),
            "VICTIM": str(self.victim.pid),
            "PORT": str(self.loopback.getsockname()[1]),
            "ABSTRACT": self.abstract,
            "SEGMENT": str(self.segment),
        }

    def state(self):
        """Everything outside the workspace."""
        seen = {}
        for path in sorted(self.ground.rglob("*")):
            if path.is_relative_to(self.workspace):
                continue
            seen[str(path)] = path.read_text() if path.is_file() else "other"
        return seen, self.workspace.exists(), self.temporary.read_text(), self.victim.poll() is None

    def tear_down(self):
        self.quiet()
        if self.victim:
            self.victim.kill()
            self.victim.stdout.close()
            self.victim.wait()
        libc = ctypes.CDLL(None)
        libc.shmctl(libc.shmget(self.segment, 0, 0), 0, None)
        for path in (self.temporary, self.shared):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.ground, ignore_errors=True)


async def attack(sandbox, world, one):
    """Run one attack in a box of its own world."""
    world.build(sandbox)
    before = world.state()
    async with sandbox.open(BoxSpec(world.workspace, limits=Limits(processes=64))) as box:
        result = await box.run(["bash", "-c", one.script], timeout=20, environment=world.variables())
    if "kill" in one.script:
        await asyncio.sleep(0.02)  # the kernel's time to end a process
    after = world.state()
    escaped = SECRET in result.output or "PWNED" in result.output or before != after
    return {"escaped": escaped, "output": result.output[-500:]}


async def all_attacks(name):
    """Every attack on one kind of sandbox."""
    sandbox = SANDBOXES[name]()
    world = World(Path(tempfile.mkdtemp(prefix="vulcan-world-", dir="/tmp")), box_user())
    world.ground.chmod(0o755)
    try:
        return {one.id: await attack(sandbox, world, one) for one in ATTACKS}
    finally:
        world.tear_down()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(all_attacks(sys.argv[1]))))
