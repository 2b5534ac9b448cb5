"""The check of an update: what a device could not take is refused before anything is done."""

from __future__ import annotations

from errno import EINVAL

from meshc.engine.proto.udp_path import UdpPath
from meshc.errors import ConfigError, KeyFormatError
from meshc.keys import decode
from meshc.wg.device_values import DeviceUpdate


def check_update(update: DeviceUpdate) -> None:
    """Everything that could fail later. Raises: ConfigError."""
    for name, value, limit in (
        ("listen_port", update.listen_port, 0xFFFF),
        ("fwmark", update.fwmark, 0xFFFFFFFF),
    ):
        if value is not None and not 0 <= value <= limit:
            raise ConfigError(f"{name} goes from 0 to {limit}", errno=EINVAL)
    for peer in update.peers:
        try:
            decode(peer.public_key)
        except KeyFormatError:
            raise ConfigError("a public key has 32 bytes", errno=EINVAL) from None
        if peer.keepalive is not None and not 0 <= peer.keepalive <= 0xFFFF:
            raise ConfigError("persistent_keepalive_interval goes to 65535", errno=EINVAL)
        if peer.endpoint is not None:
            UdpPath.to(peer.endpoint)
