"""The TUN device: packets in and out, with virtio-net headers where the kernel has them.

Linux `Documentation/networking/tuntap.rst`, `linux/if_tun.h`. With `IFF_VNET_HDR` one read or
write moves a super-packet of up to 64 KiB; each kind of offload is asked for and, where the
kernel says no, left out.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
from collections.abc import Callable, Sequence
from functools import partial

from meshc.engine.proto.datapath import Buffers
from meshc.engine.proto.offload import VNET_HDR_SIZE

log = logging.getLogger(__name__)

PATH = "/dev/net/tun"

_TUNSETIFF = 0x400454CA
_TUNGETIFF = 0x800454D2
_TUNSETOFFLOAD = 0x400454D0
_TUNSETVNETHDRSZ = 0x400454D8
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_IFF_VNET_HDR = 0x4000
_TUN_F_CSUM_TSO = 0x01 | 0x02 | 0x04
_TUN_F_USO = 0x20 | 0x40
_IFREQ = struct.Struct("16sH22x")

READ_SIZE = VNET_HDR_SIZE + 40 + 65_535


class TunError(OSError):
    """The device could not be made; the text says why and what would help."""


class Tun:
    """An open TUN device.

    `vnet`: every packet carries a virtio-net header. `udp_gso`: UDP super-packets may be
    written too.
    """

    def __init__(self, fd: int, name: str, *, vnet: bool, udp_gso: bool) -> None:
        self.fd = fd
        self.name = name
        self.read_into: Callable[[Sequence[memoryview]], int] = partial(os.readv, fd)
        """Read one packet, with its virtio-net header if `vnet`, into buffers that take
        `READ_SIZE`. Raises BlockingIOError when there is none, OSError when the interface is
        gone."""
        self.write: Callable[[Buffers], int] = partial(os.writev, fd)
        """Write one packet given in parts. Raises OSError."""
        self.vnet = vnet
        self.udp_gso = udp_gso

    @classmethod
    def create(cls, name: str, *, offload: bool = True) -> Tun:
        """Make the interface `name`, or take over one that exists and nobody holds.

        Raises TunError.
        """
        try:
            fd = os.open(PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise TunError(error.errno, _why_not_open(error)) from error
        try:
            flags = _IFF_TUN | _IFF_NO_PI | (_IFF_VNET_HDR if offload else 0)
            try:
                actual = _set_interface(fd, name, flags)
            except OSError as error:
                if error.errno != errno.EINVAL or not offload:
                    raise
                log.info("the kernel has no virtio-net headers on TUN devices: no offload")
                actual = _set_interface(fd, name, _IFF_TUN | _IFF_NO_PI)
                offload = False
            return cls(fd, actual, vnet=offload, udp_gso=offload and _set_offload(fd))
        except OSError as error:
            os.close(fd)
            raise TunError(error.errno, _why_not_made(name, error)) from error

    @classmethod
    def adopt(cls, fd: int) -> Tun:
        """Take over a descriptor that somebody else opened (`WG_TUN_FD`). Raises TunError."""
        try:
            reply = fcntl.ioctl(fd, _TUNGETIFF, bytes(40))
        except OSError as error:
            raise TunError(error.errno, f"descriptor {fd} is not a TUN device") from error
        name, flags = _IFREQ.unpack(reply[:40])
        if not flags & _IFF_NO_PI:
            raise TunError(errno.EINVAL, f"descriptor {fd} was opened without IFF_NO_PI")
        os.set_blocking(fd, False)
        os.set_inheritable(fd, False)
        vnet = bool(flags & _IFF_VNET_HDR)
        return cls(fd, name.rstrip(b"\0").decode(), vnet=vnet, udp_gso=vnet and _set_offload(fd))

    def current_name(self) -> str:
        """What the interface is called now, wherever it is: it may be renamed when it is moved."""
        try:
            reply = fcntl.ioctl(self.fd, _TUNGETIFF, bytes(40))
        except OSError:
            return self.name
        self.name = _IFREQ.unpack(reply[:40])[0].rstrip(b"\0").decode()
        return self.name

    def close(self) -> None:
        """Close the descriptor, which removes the interface unless it is persistent."""
        os.close(self.fd)


def _set_interface(fd: int, name: str, flags: int) -> str:
    encoded = name.encode()
    if not 0 < len(encoded) < 16:
        raise TunError(errno.EINVAL, f"{name!r} is not an interface name: 1 to 15 bytes")
    reply = fcntl.ioctl(fd, _TUNSETIFF, _IFREQ.pack(encoded, flags))
    actual: bytes = _IFREQ.unpack(reply[:40])[0]
    return actual.rstrip(b"\0").decode()


def _set_offload(fd: int) -> bool:
    """Ask for what the kernel can; whether that includes UDP segmentation."""
    fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("i", VNET_HDR_SIZE))
    try:
        fcntl.ioctl(fd, _TUNSETOFFLOAD, _TUN_F_CSUM_TSO | _TUN_F_USO)
        return True
    except OSError:
        log.info("the kernel has no UDP segmentation offload on TUN devices")
    try:
        fcntl.ioctl(fd, _TUNSETOFFLOAD, _TUN_F_CSUM_TSO)
    except OSError:
        log.info("the kernel has no TCP segmentation offload on TUN devices")
    return False


def _why_not_open(error: OSError) -> str:
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{PATH} is missing: load the module with 'modprobe tun', or pass the device in"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{PATH} may not be opened: run as root or with CAP_NET_ADMIN"
    return f"{PATH} cannot be opened: {error.strerror}"


def _why_not_made(name: str, error: OSError) -> str:
    if isinstance(error, TunError):
        return str(error.strerror)
    if error.errno == errno.EPERM:
        return f"interface {name} may not be made: run as root or with CAP_NET_ADMIN"
    if error.errno == errno.EBUSY:
        return f"interface {name} is in use: another program holds it"
    if error.errno == errno.EINVAL:
        return f"interface {name} exists and is no TUN device, or the name is not allowed"
    return f"interface {name} cannot be made: {error.strerror}"
