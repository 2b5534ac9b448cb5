"""The few system calls that Python 3.11 has no name for: unshare, setns, mount, prctl, capset."""

from __future__ import annotations

import ctypes
import errno
import os

# <linux/sched.h>
NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
# <sys/mount.h>
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 2, 4, 8, 32, 4096
SAFE = MS_NOSUID | MS_NODEV | MS_NOEXEC
MS_REC, MS_PRIVATE, MS_SLAVE = 16384, 1 << 18, 1 << 19
# <sys/prctl.h>
PR_SET_PDEATHSIG, PR_SET_NAME, PR_CAPBSET_DROP = 1, 15, 24
# mount_setattr(2): the same number on every machine that Linux 5.12 runs on
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY = 442, -100, 0x8000, 1
# <linux/capability.h>
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Moves this process into new namespaces. Raises: OSError."""
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int = 0) -> None:
    """Enters the namespace behind an open /proc/PID/ns/* file. Raises: OSError."""
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). Raises: OSError."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None, flags, data.encode() or None
    )
    _check(result, f"mount {target}")


def set_read_only(path: str, *, recursive: bool, on: bool = True) -> None:
    """Makes the mount at `path`, and with `recursive` all that is mounted below, read-only or
    (`on` false) writable. Raises: OSError (ENOSYS before Linux 5.12)."""
    attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY * on, _ATTR_RDONLY * (not on), 0, 0)
    result = _libc.syscall(
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        path.encode(),
        ctypes.c_uint(_AT_RECURSIVE * recursive),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _check(result, f"mount_setattr {path}")


def drop_from_bounding_set(capability: int) -> None:
    """No program that this process starts gets it back. A number that the kernel does not know
    is none to be got either. Raises: OSError."""
    if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) and ctypes.get_errno() != errno.EINVAL:
        _check(-1, f"prctl {capability}")


def set_capabilities(mask: int) -> None:
    """Those of `mask` that this process has stay effective and permitted. Raises: OSError."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the low half, the high
    _check(_libc.capget(ctypes.byref(header), ctypes.byref(held)), "capget")
    low, high = mask & 0xFFFFFFFF, mask >> 32
    wanted = (ctypes.c_uint32 * 6)(
        held[0] & low, held[1] & low, 0, held[3] & high, held[4] & high, 0
    )
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(wanted)), "capset")


def die_with_parent(signal: int) -> None:
    """This process gets `signal` when the one that made it ends. Raises: OSError."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")


def set_process_name(name: str) -> None:
    """What ps(1) shows as the command's short name."""
    _check(_libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0), "prctl")


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
