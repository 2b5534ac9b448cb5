"""Namespaces of a lab: one process tree with its own PID, mount and network namespaces.

The keeper of a lab is process 1 of a PID namespace. Every namespace is held by a descriptor or
a process inside it, none by a name on the host. So when the keeper dies, by whatever signal, the
kernel ends all of its processes and drops all of its namespaces: nothing can be left over.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from meshc.errors import NodeError
from meshc.lab.world import linux
from meshc.lab.world.confinement import confine

ROOT, USER = "root", "user namespace"


class Privilege(NamedTuple):
    """How a lab runs and why: `mode` is ROOT or USER."""

    mode: str
    reason: str


def privilege() -> Privilege:
    """What this process may do. Raises: NodeError when no lab can run here, with the reason."""
    tun = os.access("/dev/net/tun", os.R_OK | os.W_OK)
    if os.geteuid() == 0:
        if not tun:
            raise NodeError(
                "/dev/net/tun cannot be opened",
                hint="in a container, pass the device: --device /dev/net/tun --cap-add NET_ADMIN",
            )
        return Privilege(ROOT, "this process is root")
    if not tun:
        raise NodeError(
            "/dev/net/tun is closed to this user, and an engine needs it",
            hint="run the lab as root, or: sudo chmod 666 /dev/net/tun",
        )
    blocked = _user_namespaces_blocked()
    if blocked:
        raise NodeError(
            f"user namespaces are not for this user: {blocked}", hint="run the lab as root"
        )
    return Privilege(USER, "not root, and the system allows user namespaces")


def enter_lab(mode: str) -> None:
    """Moves this process into the outer namespaces of a new lab. Its next child is process 1
    of the lab. Raises: OSError."""
    uid, gid = os.geteuid(), os.getegid()
    flags = linux.NEWNS | linux.NEWNET | linux.NEWPID | linux.NEWIPC | linux.NEWUTS
    linux.unshare(flags | (linux.NEWUSER if mode == USER else 0))
    if mode == USER:
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1\n")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1\n")


def own_mounts() -> None:
    """For process 1: a mount tree that the host does not see, its own /proc and /run/netns."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("proc", "/proc", "proc", linux.SAFE)
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    Path("/run/netns").mkdir()


def create_namespaces(names: Iterable[str]) -> dict[str, int]:
    """A network namespace each, as an open descriptor, and under /run/netns for `ip netns`."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    made: dict[str, int] = {}
    try:
        for name in names:
            linux.unshare(linux.NEWNET)
            made[name] = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            path = Path("/run/netns", name.replace("/", "_"))
            path.touch()
            linux.mount(f"/proc/self/fd/{made[name]}", str(path), flags=linux.MS_BIND)
    finally:
        linux.setns(home, linux.NEWNET)
        os.close(home)
    return made


@contextlib.contextmanager
def inside(descriptor: int) -> Iterator[None]:
    """This thread's network namespace is another one for the length of a `with` block."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    linux.setns(descriptor, linux.NEWNET)
    try:
        yield
    finally:
        linux.setns(home, linux.NEWNET)
        os.close(home)


def set_sysctls(settings: Iterable[tuple[str, str]]) -> None:
    """Writes below /proc/sys; what this kernel does not have is left out."""
    for path, value in settings:
        target = Path("/proc/sys", path)
        if target.exists():
            with contextlib.suppress(PermissionError):  # some are read-only in a user namespace
                target.write_text(value)


def own_machine(name: str, resolvers: Iterable[str], hosts: str = "") -> None:
    """Gives this process the feel of a machine: its own files, /etc and host name. `hosts` is for
    the end of /etc/hosts. Raises: OSError where it could not be kept off the host's files."""
    linux.unshare(linux.NEWNS | linux.NEWUTS)
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    confine()
    # The host's own configurations are none of the lab's business, and not readable to it either.
    Path("/etc/wireguard").mkdir(mode=0o700, exist_ok=True)
    linux.mount("tmpfs", "/etc/wireguard", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=700")
    _replace("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in resolvers))
    _replace("/etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n{hosts}")
    _replace("/etc/hostname", f"{name}\n")
    socket.sethostname(name[:64])


def _replace(path: str, text: str) -> None:
    """Writes a file that may be a link to somewhere else."""
    target = Path(path)
    target.unlink(missing_ok=True)
    target.write_text(text)


def _user_namespaces_blocked() -> str:
    """Tries it in a child, because only the kernel knows all the rules; empty means allowed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter_lab(USER)
            note = ""
        except OSError as error:
            note = str(error)
        os.write(writer, note.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        answer = stream.read().decode()
    os.waitpid(child, 0)
    return answer
