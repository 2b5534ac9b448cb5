"""The privileges of an engine: what is left of root's once everything is open.

capabilities(7), prctl(2). A running engine changes sockets and its interface (CAP_NET_ADMIN) and
binds whatever port it is told (CAP_NET_BIND_SERVICE); nobody else may read its memory, where
the keys are, neither alive nor as a core file.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource

log = logging.getLogger(__name__)

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN = 10, 12
KEPT = (CAP_NET_BIND_SERVICE, CAP_NET_ADMIN)

_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 4, 24, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_VERSION = 0x20080522
_MOST = 63


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def drop(kept: tuple[int, ...] = KEPT) -> None:
    """Give up every capability but `kept`, for good, and make the memory nobody's business.

    Whatever the kernel refuses is logged and stays as it is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in range(_MOST + 1):
        if number not in kept:
            # past the last capability that there is, or without CAP_SETPCAP, it changes nothing
            libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    header, sets = _Header(_VERSION, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets):
        log.info("capabilities are not told: %s", os.strerror(ctypes.get_errno()))
        return
    for word, each in enumerate(sets):
        mask = sum(1 << (number - 32 * word) for number in kept if number // 32 == word)
        each.permitted &= mask
        each.effective = each.permitted
        each.inheritable = 0
    if libc.capset(ctypes.byref(header), sets):
        log.info("capabilities are not given up: %s", os.strerror(ctypes.get_errno()))
