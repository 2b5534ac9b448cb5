"""The tunnel behind a door: a WireGuard of its own, without an interface.

What comes out of it goes to the desk and nowhere else, because no kernel ever sees a packet: there
is no address, no route and no rule that could let anybody further. Inside, a message is an IPv6
packet with protocol 253 (RFC 3692) between link-local addresses, one for each side of a peer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence

from meshc.engine.proto.device import Device
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint

_PROTOCOL = 253
_HEADER = struct.Struct("!IHBB16s16s")
_VERSION = 6 << 28
_LINK_LOCAL = 0xFE80 << 112
DOOR = 1
"""The number of the door's own address; callers have their slot's, from 2 on."""


class DoorTunnel:
    """One side of it, sans-I/O: bytes and time go in, bytes and messages come out."""

    def __init__(
        self, own: int, private_key: PrivateKey, rng: Callable[[int], bytes], epoch: WallEpoch
    ) -> None:
        self._own = own
        self._device = Device(rng=rng, wall_epoch=epoch)
        self._device.configure(DeviceUpdate(private_key=private_key), epoch.monotonic)
        self._device.set_up(True, epoch.monotonic)

    def add(
        self,
        number: int,
        public_key: PublicKey,
        preshared_key: PresharedKey,
        now: float,
        endpoint: Endpoint | None = None,
    ) -> None:
        """The other side with this number. Raises: ConfigError for an endpoint that is no
        address."""
        peer = PeerUpdate(
            public_key,
            preshared_key=preshared_key,
            endpoint=endpoint,
            allowed_ips=(Prefix(6, _LINK_LOCAL | number, 128),),
        )
        self._device.configure(DeviceUpdate(peers=(peer,)), now)

    def send(self, number: int, messages: Iterable[bytes], now: float) -> None:
        packets = [_packet(self._own, number, message) for message in messages]
        if packets:
            self._device.receive_packets(packets, now)

    def receive(self, batch: Sequence[tuple[bytes, UdpPath]], now: float) -> None:
        """Datagrams from UDP."""
        self._device.receive_datagrams(batch, now)

    def tick(self, now: float) -> None:
        self._device.handle_timeout(now)

    def wakes(self) -> float | None:
        """When `tick` is due."""
        found = self._device.next_timeout()
        return None if found is None else found[0]

    def datagrams(self) -> list[tuple[UdpPath, list[bytes]]]:
        """What is to be sent, handed out once."""
        while self._device.next_event() is not None:
            pass  # nobody counts here
        self._device.refusals_to_send()
        return self._device.datagrams_to_send()

    def messages(self) -> list[tuple[int, bytes]]:
        """What has arrived, with who sent it; handed out once."""
        return [
            found
            for packet in self._device.packets_to_deliver()
            if (found := _message(packet, self._own)) is not None
        ]


def _packet(source: int, target: int, message: bytes) -> bytes:
    ends = ((_LINK_LOCAL | number).to_bytes(16, "big") for number in (source, target))
    return _HEADER.pack(_VERSION, len(message), _PROTOCOL, 1, *ends) + message


def _message(packet: bytes, own: int) -> tuple[int, bytes] | None:
    """The engine has held the source against the key and the length against the packet."""
    if len(packet) < _HEADER.size:
        return None
    word, _, protocol, _, source, target = _HEADER.unpack_from(packet)
    number = int.from_bytes(source, "big")
    if word >> 28 != 6 or protocol != _PROTOCOL or number >> 112 != 0xFE80:
        return None
    if int.from_bytes(target, "big") != _LINK_LOCAL | own:
        return None
    return number & 0xFFFF, packet[_HEADER.size :]
