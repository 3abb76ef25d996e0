"""A small host with things to steal and to break, attacks on it, and work that must go on; also run as a script, by any user.

Each attack is a shell script. It has escaped if it prints a secret or `PWNED`, if anything outside the workspace
changed, or if the victim process died. Run without a sandbox, the same scripts show that they can work.
Scripts share a world and a box until one of them changes something. Each control is a script that must succeed.
"""

import asyncio
import contextlib
import ctypes
import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from vulcan.application.ports import BoxSpec, Limits, Mount
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
    """A script against the host.

    Attributes:
        works: whether this host lets it work without a sandbox.
        abi: the oldest Landlock that stops it.
        gaps: by whom Vulcan is started where it is known to get through, in every kind of sandbox.
        alone: whether it wants a box of its own, which is closed before the host is looked at.
        limits: of its box; where they are given, the script is stopped by them, in every kind of sandbox.
    """

    id: str
    script: str
    works: object = always
    abi: int = 3
    gaps: tuple = ()
    alone: bool = False
    limits: object = None


@dataclass(frozen=True)
class Control:
    """A script that must succeed inside; `sockets` are what Landlock boxes don't offer, `tool` what the host may lack."""

    id: str
    script: str
    sockets: bool = False
    tool: str = "bash"

    def there(self):
        """Whether this host has what it takes."""
        return os.access(f"/usr/bin/{self.tool}", os.X_OK)


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


def loopback6():
    """Whether this host has an IPv6 loopback."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def script_of(body):
    """A script in the system's Python."""
    return f"exec /usr/bin/python3 - <<'PY'\n{body}\nPY\n"


MEBIBYTE = 1024**2
SMALL = Limits(memory=200 * MEBIBYTE, file_size=20 * MEBIBYTE, disk=60 * MEBIBYTE, cpu_seconds=1)
HOLD = "/usr/bin/python3 -I -c 'import time; x = bytearray({0} * 2**20); time.sleep({1}); print(\"PWNED\")'"
FORKS = """
import os, time
made = 0
try:
    for n in range(500):
        if not os.fork():
            time.sleep(2); os._exit(0)
        made += 1
except OSError:
    pass
print("PWNED" if made > 400 else made)
"""
MEMORY_FILES = """
import os, time
block, files = b"x" * 2**20, []
for n in range(40):
    files.append(os.memfd_create("f"))
    for _ in range(15): os.write(files[-1], block)
time.sleep(1)
print("PWNED")
"""
LOOPBACK = """
import http.server, threading, urllib.request
server = http.server.ThreadingHTTPServer(("localhost", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
assert urllib.request.urlopen(f"http://localhost:{server.server_port}/").status == 200
"""
UNIX_SOCKET = """
import os, socket
server = socket.socket(socket.AF_UNIX); server.bind(os.environ["TMPDIR"] + "/s"); server.listen()
client = socket.socket(socket.AF_UNIX); client.connect(os.environ["TMPDIR"] + "/s")
"""
SUBPROCESS = """
import asyncio
async def main():
    many = [asyncio.create_subprocess_exec("echo", str(n), stdout=-1) for n in range(10)]
    assert [(await (await one).communicate())[0] for one in many] == [b"%d\\n" % n for n in range(10)]
asyncio.run(asyncio.wait_for(main(), 10))
"""
DATABASE = """
import sqlite3, tempfile
with tempfile.TemporaryDirectory() as folder:
    base = sqlite3.connect(folder + "/x.db"); base.execute("pragma journal_mode=wal"); base.execute("create table t(x)")
"""
THREADS = """
import threading
threads = [threading.Thread(target=lambda: None) for _ in range(50)]
[t.start() for t in threads], [t.join() for t in threads]
"""

ATTACKS = [
    Attack("R01 key in the home", "cat $H/.ssh/id_ed25519"),
    Attack("R02 credentials in the home", "cat $H/.aws/credentials $H/.netrc"),
    Attack("R03 keys of Vulcan's own", "cat $H/.config/vulcan/keys"),
    Attack("R04 another project", "cat $OTHER/notes"),
    Attack("R05 link to a key", "cat link"),
    Attack("R06 link to a folder", "cat linked/notes"),
    Attack("R07 roots and folders in /proc", "cat /proc/[0-9]*/root$H/.ssh/id_ed25519 /proc/[0-9]*/cwd/$H/.netrc"),
    Attack("R08 descriptor that the host leaks", "for n in $(seq 3 99); do cat <&$n; done 2>/dev/null", never),
    Attack("R09 host's shared memory folder", "cat $SHM"),
    Attack("R10 host's temporary folder", "cat $TEMPORARY"),
    Attack("R11 host's SysV segment", python(
        "libc.shmat.restype = ctypes.c_void_p\n"
        "segment = libc.shmget(int(os.environ['SEGMENT']), 0, 0o600)\n"
        "pwned(segment)\n"
    )),
    Attack("R12 session keyring", python(f"pwned(libc.syscall({number(250, 219)}, 0, -3, 1))")),
    Attack("R13 credential helper", "printf 'protocol=https\\nhost=h\\n\\n' | git -c credential.helper=\"store --file $H/.git-credentials\" credential fill"),
    Attack("R14 token in a remote's address", "cat $H/project/.git/config"),
    Attack("R15 file of variables", "cat $H/project/.env"),
    Attack("R16 hard link to a secret", "ln $H/.netrc stolen && cat stolen"),
    Attack("R17 state folder", "cat $STATE/events.sqlite3 $STATE/blobs/ab/abcd $STATE/jobs/other/workspace/notes"),
    Attack("S01 environment", "env", never),
    Attack("S02 environments in /proc", "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -a SECRET"),
    Attack("S03 arguments in /proc", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep SECRET-argv"),
    Attack("S04 host's paths in /proc", "tr '\\0' '\\n' < /proc/$VICTIM/cmdline"),
    Attack("W01 shell profile", "echo evil >> $H/.bashrc"),
    Attack("W02 another project", "echo evil > $OTHER/notes"),
    Attack("W03 authorized_keys", "echo evil >> $H/.ssh/authorized_keys"),
    Attack("W04 program on the path", "mkdir -p $H/.local/bin; echo evil > $H/.local/bin/git"),
    Attack("W05 cache of packages", "echo evil > $H/.cache/pip/wheel"),
    Attack("W06 host's temporary file", "echo evil > $TEMPORARY"),
    Attack("W07 write through a link", "echo evil > link"),
    Attack("W07b truncate through a link", "truncate -s 0 link"),
    # Checkouts hold no hard link and boxes can't make one to the outside; root breaks those that are there.
    Attack("W08 write through a hard link that is there", "echo evil > hard", lambda: os.geteuid() != 0, gaps=("user",)),
    Attack("W09 hook of the person's repository", "echo evil > $H/project/.git/hooks/pre-commit"),
    Attack("W10 settings of the person's repository", "echo evil >> $H/project/.git/config"),
    Attack("W11 rename the person's .git", "mv $H/project/.git $H/project/gone"),
    Attack("W12 refs of the host's own repository", "echo evil > $STATE/forge/project.git/HEAD"),
    Attack("W13 settings of an agent", "mkdir -p $H/project/.claude && echo evil > $H/project/.claude/settings.json"),
    Attack("W14 settings of another agent", "mkdir -p $H/project/.codex && echo evil > $H/project/.codex/config.toml"),
    Attack("W15 tasks of an editor", "mkdir -p $H/project/.vscode && echo evil > $H/project/.vscode/tasks.json"),
    Attack("W16 list of tool servers", "echo evil > $H/project/.mcp.json"),
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
    Attack("P17 processes that outlive the box", "for n in 1 2 3; do (trap '' TERM HUP INT; exec setsid sleep $MARKER) & done", never, alone=True),
    Attack("P18 capabilities", python(
        "header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()\n"
        f"libc.syscall({number(125, 90)}, header, data)\n"
        "print('PWNED' if data[0] or data[3] else 'none')"
    ), never),
    Attack("P19 new privileges", python("print('PWNED' if libc.prctl(39, 0, 0, 0, 0) == 0 else 'set')")),
    Attack("P20 kernel log", python(f"pwned(libc.syscall({number(103, 116)}, 10, 0, 0))"), lambda: setting("kernel/dmesg_restrict") == "0"),
    Attack("P21 mount in nested namespaces", "unshare -Urm sh -c 'mount -t tmpfs none /tmp && echo PWNED'", namespaces_are_free),
    Attack("P22 write the server's memory", "(exec 3<>/proc/1/mem) && echo PWNED", never),
    Attack("P23 end the server", "kill -KILL 1 $PPID; sleep 5", never, alone=True),
    Attack("P24 open by handle", python(f"pwned(libc.syscall({number(304, 265)}, 3, (ctypes.c_char * 64)(), 0))"), never),
    Attack("P25 descriptor of a host's process", python(
        "process = libc.syscall(434, int(os.environ['VICTIM']), 0)\n"
        "pwned(libc.syscall(438, process, 1, 0) if process >= 0 else -1)"
    ), lambda: setting("kernel/yama/ptrace_scope", "0") == "0"),
    Attack("P26 become root", "exec /usr/bin/python3 -I -c \"import os; os.setuid(0); print('PWNED')\"", never),
    Attack("N01 service on the host's loopback", connect("AF_INET", "('127.0.0.1', int(os.environ['PORT']))")),
    Attack("N02 route to the internet", python("s = socket.socket(2, 2)\ns.connect(('192.0.2.1', 53))\nprint('PWNED')"), never),
    Attack("N03 question to a name server", python("socket.socket(2, 2).sendto(b'x', ('192.0.2.1', 53))\nprint('PWNED')"), never),
    Attack("N04 agent's socket by path", connect("AF_UNIX", "os.environ['H'] + '/agent.sock'")),
    Attack("N05 abstract socket", connect("AF_UNIX", "'\\0' + os.environ['ABSTRACT']")),
    Attack("N06 socket in the temporary folder", connect("AF_UNIX", "os.environ['TEMPORARY'] + '.sock'")),
    Attack("N07 raw ICMP", python("socket.socket(2, 3, 1)\nprint('PWNED')"), never),
    Attack("N08 service on the host's IPv6 loopback", connect("AF_INET6", "('::1', int(os.environ['PORT6']))"), lambda: bool(loopback6())),
    Attack("N09 datagram to the host's loopback", python("socket.socket(2, 2).sendto(b'evil', ('127.0.0.1', int(os.environ['UDP'])))")),
    Attack("X01 500 processes", "exec /usr/bin/python3 -I -c '" + FORKS + "'", limits=Limits(processes=100)),
    Attack("X02 memory of one process", HOLD.format(300, 1), limits=SMALL),
    Attack("X03 memory of four", " & ".join([HOLD.format(90, 3)] * 4) + "; wait", limits=SMALL),
    Attack("X04 one large file", "head -c 30000000 /dev/zero > big; test $(stat -c %s big) -gt 21000000 && echo PWNED", limits=SMALL),
    Attack("X05 many files", "for n in 1 2 3 4 5 6 7 8; do head -c 15000000 /dev/zero > file$n; sync file$n; done; sleep 1; echo PWNED", limits=SMALL),
    Attack("X06 full temporary folder", "cd $TMPDIR; for n in 1 2; do head -c 150000000 /dev/zero > file$n || exit; done; sleep 10; echo PWNED", limits=Limits()),
    Attack("X07 120,000 temporary files", "cd $TMPDIR; /usr/bin/python3 -I -c 'import os; [os.mknod(str(n)) for n in range(120_000)]'; sleep 12; echo PWNED", limits=Limits()),
    Attack("X08 endless output", "head -c 60000000 /dev/zero | tr '\\0' x", limits=SMALL),
    Attack("X09 sparse file of 1 TB", "truncate -s 1T sparse && echo PWNED", limits=SMALL),
    Attack("X10 memory files", "exec /usr/bin/python3 -I -c '" + MEMORY_FILES + "'", limits=SMALL),
    Attack("X11 endless work", "while :; do :; done & spin=$!; wait $spin; test $(times | tail -1 | tr -dc 0-9 | head -c 2) -gt 30 && echo PWNED", limits=SMALL),
]  # fmt: skip

CONTROLS = [
    Control("C01 edit a file", "echo more >> src/sums/__init__.py && grep -q more src/sums/__init__.py"),
    Control("C02 run the tests", "pytest -q tests"),
    Control("C03 git", "git init -q . && git add -A && git -c user.name=a -c user.email=a@b commit -q -m x && git log --oneline | grep -q x"),
    Control("C04 server on the loopback", script_of(LOOPBACK), sockets=True),
    Control("C05 import a package below src", "cd /; python -c 'import sums; assert sums.plus(1, 2) == 3'"),
    Control("C06 socket in the file system", script_of(UNIX_SOCKET), sockets=True),
    Control("C07 asyncio subprocess", script_of(SUBPROCESS)),
    Control("C08 node", "node -e 'new WebAssembly.Memory({initial: 10}); require(\"child_process\").execSync(\"true\")'", tool="node"),
    Control("C09 temporary files and SQLite", script_of(DATABASE)),
    Control("C10 50 threads", script_of(THREADS)),
    Control("C11 gcc", "echo 'int main(void){return 0;}' > a.c && gcc a.c -o a && ./a", tool="gcc"),
    Control("C12 the environment's python", 'test "$(command -v python)" = "$VIRTUAL_ENV/bin/python" && python -m pytest --version'),
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
        self.marker = f"7654.{os.getpid()}"
        self.state_folder = self.ground / "state"
        self.venv = Path(f"/tmp/vulcan-world-{os.getpid()}-venv")
        self.received = b""

    def build(self, sandbox):
        """Make or mend everything."""
        shutil.rmtree(self.ground)
        self.ground.mkdir(mode=0o755)
        self.received = b""
        project, state = self.home / "project", self.state_folder
        files = {
            self.home / ".config/vulcan/keys": f"{SECRET}-vulcan",
            self.home / ".git-credentials": f"https://me:{SECRET}-git@h",
            self.home / ".cache/pip/wheel": "",
            project / ".env": f"TOKEN={SECRET}-variables",
            project / ".git/config": f'[remote "origin"]\nurl = https://me:{SECRET}-remote@h',
            project / ".git/hooks/pre-commit": "",
            state / "events.sqlite3": f"{SECRET}-log",
            state / "blobs/ab/abcd": f"{SECRET}-blob",
            state / "jobs/other/workspace/notes": f"{SECRET}-job",
            state / "forge/project.git/HEAD": "ref: refs/heads/main",
            self.ground / "outside": "mine",
            self.workspace / "src/sums/__init__.py": "def plus(a, b):\n    return a + b\n",
            self.workspace
            / "tests/test_sums.py": "from sums import plus\n\n\ndef test_plus():\n    assert plus(1, 2) == 3\n",
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
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            if path.name != "outside":
                os.chown(path, self.user.uid, self.user.gid)
        os.link(self.ground / "outside", self.workspace / "hard")
        (self.workspace / "link").symlink_to(self.home / ".ssh/id_ed25519")
        (self.workspace / "linked").symlink_to(self.other)
        self.listen()
        sandbox.hand_over(self.ground)
        if self.victim is None or self.victim.poll() is not None:
            self.victim = self.start_victim()

    def make_venv(self):
        """An environment as Vulcan prepares one, with the pytest that lies beside this script."""
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        if sys.executable != "/usr/bin/python3":
            script = "import sys; print(*sys.version_info[:2], sep='.')"
            asked = subprocess.run(
                ["/usr/bin/python3", "-c", script], check=True, capture_output=True, text=True
            )
            version = asked.stdout.strip()
        (self.venv / "bin").mkdir(parents=True)
        (self.venv / "bin/python").symlink_to("/usr/bin/python3")
        (self.venv / "bin/pytest").write_text('#!/bin/sh\nexec python -m pytest "$@"\n')
        (self.venv / "bin/pytest").chmod(0o755)
        (self.venv / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n")
        shutil.copytree(Path(__file__).parent / "packages", self.venv / f"lib/python{version}/site-packages")
        return self.venv

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
        shared = socket.socket(socket.AF_UNIX)
        Path(f"{self.temporary}.sock").unlink(missing_ok=True)
        shared.bind(f"{self.temporary}.sock")
        shared.listen()
        Path(f"{self.temporary}.sock").chmod(0o777)
        self.loopback6 = socket.create_server(("::1", 0), family=socket.AF_INET6) if loopback6() else None
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(("127.0.0.1", 0))
        self.datagrams.setblocking(False)
        leak = (self.home / ".netrc").open()
        os.set_inheritable(leak.fileno(), True)
        self.things = [self.loopback, agent, abstract, shared, self.datagrams, leak]
        self.things += [self.loopback6] if self.loopback6 else []

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
            "PORT6": str(self.loopback6.getsockname()[1] if self.loopback6 else 0),
            "UDP": str(self.datagrams.getsockname()[1]),
            "STATE": str(self.state_folder),
            "MARKER": self.marker,
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
        with contextlib.suppress(BlockingIOError):
            self.received += self.datagrams.recv(100)
        alive = self.victim.poll() is None
        return seen, self.workspace.exists(), self.temporary.read_text(), alive, self.received, self.strays()

    def strays(self):
        """Processes that attacks left."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                found += [process.name] if self.marker.encode() in (process / "cmdline").read_bytes() else []
        return found

    def inside(self):
        """What lies in the workspace."""
        return sorted((str(path), path.lstat().st_mtime_ns) for path in self.workspace.rglob("*"))

    def tear_down(self):
        self.quiet()
        if self.victim:
            self.victim.kill()
            self.victim.stdout.close()
            self.victim.wait()
        libc = ctypes.CDLL(None)
        libc.shmctl(libc.shmget(self.segment, 0, 0), 0, None)
        for path in (self.temporary, self.shared, Path(f"{self.temporary}.sock")):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.ground, ignore_errors=True)
        shutil.rmtree(self.venv, ignore_errors=True)


class Range:
    """A world and a box that attacks share as long as they change nothing."""

    def __init__(self, sandbox, world):
        self.sandbox, self.world = sandbox, world
        self.stack = contextlib.AsyncExitStack()
        self.box = None

    async def open(self, limits=None):
        """A fresh world with a box."""
        await self.close()
        self.world.build(self.sandbox)
        spec = BoxSpec(self.world.workspace, limits=limits or Limits(processes=512))
        self.box = await self.stack.enter_async_context(self.sandbox.open(spec))
        self.before = (self.world.state(), self.world.inside())

    async def close(self):
        await self.stack.aclose()
        self.box = None

    async def attack(self, one):
        """Run one attack."""
        if self.box is None or one.limits or one.alone:
            await self.open(one.limits)
        result = await self.box.run(
            ["bash", "-c", one.script], timeout=20, output_limit=2_000, environment=self.world.variables()
        )
        if one.alone and "kill" in one.script:
            result = dataclasses.replace(result, output=result.output + await self.usable())
        if one.alone:
            await self.close()
        if "kill" in one.script:
            await asyncio.sleep(0.02)  # the kernel's time to end a process
        after = self.world.state()
        escaped = SECRET in result.output or "PWNED" in result.output or self.before[0] != after
        escaped = escaped or len(result.output) > 3_000
        if escaped or one.limits or result.note or self.before[1] != self.world.inside():
            await self.close()
        return {"escaped": escaped, "output": f"{result.output[-500:]} {result.note}"}

    async def usable(self):
        """What an attack on the box itself comes to: nothing, if the next command runs."""
        return "" if (await self.box.run(["echo", "here"], timeout=20)).output == "here\n" else "PWNED"


async def control(sandbox, world, one):
    """Whether a control succeeds, in the environment that Vulcan prepares for a project."""
    world.build(sandbox)
    environment = {
        "PATH": "/venv/bin:/usr/local/bin:/usr/bin:/bin",
        "VIRTUAL_ENV": "/venv",
        "PYTHONPATH": "/workspace/src:/workspace",
    }
    spec = BoxSpec(world.workspace, mounts=(Mount(world.venv, "/venv"),), environment=environment)
    async with sandbox.open(spec) as box:
        result = await box.run(["bash", "-c", one.script], timeout=60)
    return {"passed": result.exit_code == 0, "output": f"{result.output[-1500:]} {result.note}"}


async def everything(name):
    """Every attack on one kind of sandbox, and every control."""
    sandbox = SANDBOXES[name]()
    world = World(Path(tempfile.mkdtemp(prefix="vulcan-world-", dir="/tmp")), box_user())
    world.ground.chmod(0o755)
    place = Range(sandbox, world)
    try:
        attacks = [one for one in ATTACKS if name != "none" or one.works()]
        found = {one.id: await place.attack(one) for one in attacks if name != "none" or not one.limits}
        await place.close()
        world.make_venv()
        return found | {one.id: await control(sandbox, world, one) for one in CONTROLS if one.there()}
    finally:
        await place.close()
        world.tear_down()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(everything(sys.argv[1]))))
