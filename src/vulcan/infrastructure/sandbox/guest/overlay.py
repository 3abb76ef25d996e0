"""Shows a folder with a throw-away layer over it, in a mount namespace of its own, then becomes another program.

Arguments: an empty folder to work in, the folder to show, the layer's size in bytes, the number of files that it
may hold, then the command. The result is at `shown` in the empty folder; what is written to it lies in memory and is
gone with the last process of the namespace.
"""

# pathlib costs more than the rest of this program's start
# ruff: noqa: PTH123

import ctypes
import os
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_NOSUID, MS_NODEV = 2, 4

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Stop here rather than show the folder itself as writable."""
    if result < 0:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def own_namespace() -> None:
    """A user namespace that knows this user only, so that folders can be mounted without rights."""
    user, group = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def mount(kind: str, target: str, options: str) -> None:
    """Mount a file system of a kind that needs no device."""
    arguments = (
        kind.encode(),
        os.fsencode(target),
        kind.encode(),
        MS_NOSUID | MS_NODEV,
        os.fsencode(options),
    )
    check(libc.mount(*arguments), f"mount {kind}")


def main() -> None:
    """Mount, then exec."""
    place, lower, size, files, *command = sys.argv[1:]
    own_namespace()
    mount("tmpfs", place, f"size={size},nr_inodes={files},mode=0755")
    for name in ("upper", "work", "shown"):
        os.mkdir(f"{place}/{name}", 0o755)  # noqa: PTH102
    layers = f"lowerdir={lower},upperdir={place}/upper,workdir={place}/work,userxattr"
    mount("overlay", f"{place}/shown", layers)
    os.execve(command[0], command, {})  # noqa: S606 - what the host asked for


if __name__ == "__main__":
    main()
