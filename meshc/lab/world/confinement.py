"""The confinement of a machine of the lab: what runs there, hooks above all, as root perhaps,
changes nothing of the host.

Theory of operation: a machine has a mount tree of its own, in which everything of the host is
read-only. Directories that programs expect to write to have a layer on top that lies in memory
and dies with the machine. /dev holds a handful of harmless devices; of /proc only the settings of
the machine's own network can be written. A job gives away, before it runs anything, every
capability by which root could undo that, load a module or set the clock (capabilities(7)).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from meshc.errors import NodeError
from meshc.lab.world import linux

LAYERED = ("/etc", "/var", "/tmp", "/root", "/home", "/opt", "/srv")
"""What can be written to, in memory. Where another file system is mounted further down, a layer
would hide it, so such a directory stays read-only; but not /etc, which has to be writable."""

_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "net/tun")
_HIDDEN = ("kcore", "keys", "timer_list", "sched_debug", "latency_stats", "sysrq-trigger")
_READ_ONLY = ("bus", "fs", "irq", "sys")
"""Of /proc, as container runtimes do it (OCI runtime specification, `maskedPaths` and
`readonlyPaths`): these tell of the host, or change it."""

# <linux/capability.h>: what is left is enough to be root of one's own network and files
_KEPT = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "FOWNER": 3,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "NET_BIND_SERVICE": 10,
    "NET_ADMIN": 12,
    "NET_RAW": 13,
    "SETFCAP": 31,
}
_LAST_CAPABILITY = 63


def confine() -> None:
    """Makes the mount tree of this process, which must be its own, that of a machine.

    Raises: NodeError on a Linux that cannot do it, OSError where the kernel refuses; then the
    machine must not be used.
    """
    below = _mount_points()
    try:
        linux.set_read_only("/", recursive=True)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
        raise NodeError(
            "the files of this host cannot be kept from what runs in a lab",
            hint="that needs mount_setattr(2), Linux 5.12 or newer",
        ) from None
    linux.mount("sysfs", "/sys", "sysfs", linux.MS_RDONLY | linux.SAFE)
    linux.mount("tmpfs", "/run", "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755")
    for directory in LAYERED:
        inside = any(point.startswith(f"{directory}/") for point in below)
        if Path(directory).is_dir() and (directory == "/etc" or not inside):
            _add_layer(directory)
    _few_devices()
    _own_settings()


def drop_capabilities() -> None:
    """This process, and what it starts, is root of its machine and of nothing else.

    Raises: OSError.
    """
    for number in range(_LAST_CAPABILITY + 1):
        if number not in _KEPT.values():
            linux.drop_from_bounding_set(number)
    linux.set_capabilities(sum(1 << number for number in _KEPT.values()))


def _add_layer(directory: str) -> None:
    """A writable layer in memory on top of what is there."""
    upper, work = (Path("/run/.layers", kind, directory[1:]) for kind in ("upper", "work"))
    for path in (upper, work):
        path.mkdir(parents=True)
    upper.chmod(os.stat(directory).st_mode & 0o7777)
    layers = f"lowerdir={directory},upperdir={upper},workdir={work}"
    try:
        linux.mount("overlay", directory, "overlay", 0, layers)
    except OSError:
        # what a user namespace asks for
        linux.mount("overlay", directory, "overlay", 0, f"{layers},userxattr")


def _few_devices() -> None:
    """A /dev that knows no disk: the host's own nodes are mounted one by one into an empty one."""
    new = Path("/run/.dev")
    new.mkdir()
    linux.mount("tmpfs", str(new), "tmpfs", linux.MS_NOSUID | linux.MS_NOEXEC, "mode=755")
    for name in _DEVICES:
        if Path("/dev", name).exists():
            place = new / name
            place.parent.mkdir(exist_ok=True)
            place.touch()
            linux.mount(f"/dev/{name}", str(place), flags=linux.MS_BIND)
    (new / "shm").mkdir()
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        (new / name).symlink_to(f"/proc/self/fd{target}")
    linux.mount(str(new), "/dev", flags=linux.MS_BIND | linux.MS_REC)


def _own_settings() -> None:
    """/proc is this lab's own, but its settings are the host's, except those of the network."""
    linux.set_read_only("/proc", recursive=False, on=False)
    for name in _READ_ONLY:
        if Path("/proc", name).is_dir():
            linux.mount(f"/proc/{name}", f"/proc/{name}", flags=linux.MS_BIND)
            linux.set_read_only(f"/proc/{name}", recursive=False)
    linux.mount("/proc/sys/net", "/proc/sys/net", flags=linux.MS_BIND)
    linux.set_read_only("/proc/sys/net", recursive=False, on=False)
    for name in _HIDDEN:
        if Path("/proc", name).exists():
            linux.mount("/dev/null", f"/proc/{name}", flags=linux.MS_BIND)


def _mount_points() -> Iterable[str]:
    """Where something is mounted (proc_pid_mountinfo(5), the fifth field)."""
    text = Path("/proc/self/mountinfo").read_text()
    return [line.split(" ")[4] for line in text.splitlines()]
