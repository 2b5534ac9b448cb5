"""An internet in memory for devices: loss, reordering, duplication, NAT, and a clock by hand.

`Network` runs any number of `Device`s against each other in simulated time: a day takes
seconds. Everything is drawn from one seed, so that a failure repeats; `Network.diagram` prints
the last messages as a mermaid sequence diagram.
"""

from __future__ import annotations

import heapq
import random
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from math import inf

from meshc.engine.proto.device import Device
from meshc.engine.proto.events import Event
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate

START_UNIX_NS = 1_800_000_000 * 1_000_000_000
_NAMES = {1: "initiation", 2: "response", 3: "cookie reply", 4: "data"}


class ManualClock:
    """Time that moves only when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def advance(self, seconds: float) -> float:
        self.now += seconds
        return self.now


class SimulatedNode:
    """A device at an address, perhaps behind a NAT; `delivered` is what its interface got.

    `inside` is where it sends from, `outside` what others see. Behind a NAT only an address
    that was sent to since the last rebinding gets in (port-restricted cone).
    """

    def __init__(self, name: str, device: Device, inside: UdpPath, *, nat: bool) -> None:
        self.name = name
        self.device = device
        self.inside = inside
        self.outside = inside
        self.nat = nat
        self.contacted: set[tuple[str, int]] = set()
        self.delivered: list[bytes] = []
        self.events: list[Event] = []
        self.private_key = PrivateKey.generate()

    @property
    def public_key(self) -> bytes:
        return self.private_key.public_key().raw

    def from_tunnel(self, packets: Sequence[bytes], now: float) -> None:
        """Packets that the interface's owner sends."""
        self.device.receive_packets(packets, now)

    def from_wire(self, datagrams: Sequence[bytes], source: UdpPath, now: float) -> None:
        """Datagrams of one size that came together."""
        self.device.receive_datagrams([(data, source) for data in datagrams], now)

    def to_wire(self) -> list[tuple[UdpPath, list[bytes]]]:
        """What is to be sent, once."""
        return self.device.datagrams_to_send()

    def to_tunnel(self) -> list[bytes]:
        """What is to be delivered, once."""
        return self.device.packets_to_deliver() + self.device.refusals_to_send()

    def replace_device(self, device: Device) -> None:
        """The process was restarted."""
        self.device = device


class Network:
    """Carries datagrams between nodes, each with its chance of loss, copy and detour.

    `loss` and `duplicate` are probabilities, `reorder` is the probability of an extra delay of up
    to `reorder_delay`; `delay` is one way, in seconds.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        loss: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        reorder_delay: float = 1.0,
        delay: float = 0.01,
        node_class: type[SimulatedNode] = SimulatedNode,
    ) -> None:
        self.clock = ManualClock()
        self.loss, self.duplicate, self.reorder = loss, duplicate, reorder
        self.reorder_delay, self.delay = reorder_delay, delay
        self.node_class = node_class
        self.nodes: dict[str, SimulatedNode] = {}
        self.sent = self.lost = 0
        # called with (sender, receiver's address, datagram) for everything that is sent
        self.taps: list[Callable[[SimulatedNode, UdpPath, bytes], None]] = []
        self._random = random.Random(seed)
        self._flying: list[tuple[float, int, UdpPath, UdpPath, bytes]] = []
        self._serial = 0
        self._log: deque[str] = deque(maxlen=60)

    @property
    def now(self) -> float:
        return self.clock.now

    # --- building ----------------------------------------------------------------------

    def add(self, name: str, host: str, *, port: int = 51820, nat: bool = False) -> SimulatedNode:
        """A new node whose interface is up."""
        node = self.node_class(name, self.new_device(), UdpPath(host, port), nat=nat)
        self.nodes[name] = node
        node.device.configure(DeviceUpdate(private_key=node.private_key), self.now)
        node.device.set_up(True, self.now)
        return node

    def new_device(self) -> Device:
        """A device whose randomness and clock belong to this network."""
        epoch = WallEpoch(self.now, START_UNIX_NS + round(self.now * 1e9))
        return Device(rng=self._random.randbytes, wall_epoch=epoch)

    def peer(
        self,
        node: SimulatedNode,
        other: SimulatedNode,
        *allowed_ips: str,
        endpoint: UdpPath | None = None,
        keepalive: int = 0,
        preshared_key: PresharedKey | None = None,
    ) -> None:
        """Makes `other` a peer of `node`."""
        change = PeerUpdate(
            PublicKey(encode(other.public_key)),
            preshared_key=preshared_key,
            endpoint=endpoint.endpoint if endpoint else None,
            keepalive=keepalive,
            allowed_ips=tuple(map(Prefix.parse, allowed_ips)),
        )
        node.device.configure(DeviceUpdate(peers=(change,)), self.now)
        self.drain(node)

    def restart(self, node: SimulatedNode) -> None:
        """Kills the node's process and starts it with the same configuration."""
        state = node.device.state()
        node.replace_device(self.new_device())
        node.device.set_up(True, self.now)
        peers = tuple(
            PeerUpdate(
                peer.public_key,
                preshared_key=peer.preshared_key,
                endpoint=peer.endpoint,
                keepalive=peer.keepalive,
                allowed_ips=peer.allowed_ips,
            )
            for peer in state.peers
        )
        update = DeviceUpdate(private_key=state.private_key, peers=peers)
        node.device.configure(update, self.now)
        self.drain(node)

    def rebind(self, node: SimulatedNode, host: str | None = None) -> None:
        """The NAT in front of the node forgets: another outside port, or another address."""
        port = self._random.randrange(1024, 65536)
        node.outside = UdpPath(host or node.outside.host, port)
        node.contacted.clear()

    # --- running -----------------------------------------------------------------------

    def inject(self, node: SimulatedNode, *packets: bytes) -> None:
        """Packets from the node's tunnel interface."""
        node.from_tunnel(packets, self.now)
        self.drain(node)

    def run(self, seconds: float) -> None:
        """Lets the time pass, delivering and firing timers in order."""
        end = self.now + seconds
        while True:
            moment, node = self._next_timer()
            flight = self._flying[0][0] if self._flying else inf
            if min(moment, flight) > end:
                break
            self.clock.now = max(self.now, min(moment, flight))
            if flight <= moment:
                self._land()
            elif node is not None:
                node.device.handle_timeout(self.now)
                self.drain(node)
        self.clock.now = end

    def drain(self, node: SimulatedNode) -> None:
        """Takes out of the device what an input put in."""
        for endpoint, datagrams in node.to_wire():
            for data in datagrams:
                self._send(node, endpoint, data)
        node.delivered += node.to_tunnel()
        while (event := node.device.next_event()) is not None:
            node.events.append(event)

    def spoof(self, source: UdpPath, target: UdpPath, data: bytes) -> None:
        """A datagram from nowhere, delivered without loss."""
        self._fly(source, target, data, self.delay)

    def diagram(self) -> str:
        """The last messages as a mermaid sequence diagram."""
        return "\n".join(["sequenceDiagram", *(f"  {line}" for line in self._log)])

    def _next_timer(self) -> tuple[float, SimulatedNode | None]:
        best: tuple[float, SimulatedNode | None] = (inf, None)
        for node in self.nodes.values():
            timeout = node.device.next_timeout()
            if timeout is not None and timeout[0] < best[0]:
                best = timeout[0], node
        return best

    def _send(self, node: SimulatedNode, endpoint: UdpPath, data: bytes) -> None:
        self.sent += 1
        for tap in self.taps:
            tap(node, endpoint, data)
        node.contacted.add(endpoint.address)
        if self._random.random() < self.loss:
            self.lost += 1
            self._note(node, endpoint, data, "-x")
            return
        self._note(node, endpoint, data, "->>")
        for _ in range(1 + (self._random.random() < self.duplicate)):
            delay = self.delay
            if self._random.random() < self.reorder:
                delay += self._random.random() * self.reorder_delay
            self._fly(node.outside, endpoint, data, delay)

    def _fly(self, source: UdpPath, target: UdpPath, data: bytes, delay: float) -> None:
        self._serial += 1
        heapq.heappush(self._flying, (self.now + delay, self._serial, source, target, data))

    def _land(self) -> None:
        """Delivers the next datagram and what of its size comes with it from the same place."""
        flying = self._flying
        moment, _, source, target, data = heapq.heappop(flying)
        together = [data]
        while flying and (flying[0][0], flying[0][2:4]) == (moment, (source, target)):
            if len(flying[0][4]) != len(data):
                break
            together.append(heapq.heappop(flying)[4])
        for node in self.nodes.values():
            if node.outside.address == target.address:
                if not node.nat or source.address in node.contacted:
                    node.from_wire(together, source, self.now)
                    self.drain(node)
                return

    def _note(self, node: SimulatedNode, endpoint: UdpPath, data: bytes, arrow: str) -> None:
        to = next((n.name for n in self.nodes.values() if n.outside == endpoint), str(endpoint))
        kind = _NAMES.get(data[0], "?")
        self._log.append(f"{node.name}{arrow}{to}: {self.now:.3f} {kind} {len(data)} B")


def ipv4_packet(source: str, destination: str, payload: bytes = b"") -> bytes:
    """A minimal IPv4 packet (UDP protocol number, no checksum) that carries `payload`."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0)
    return head + _packed(source) + _packed(destination) + payload


def ipv6_packet(source: str, destination: str, payload: bytes = b"") -> bytes:
    """A minimal IPv6 packet that carries `payload`."""
    head = struct.pack("!IHBB", 6 << 28, len(payload), 17, 64)
    return head + _packed(source) + _packed(destination) + payload


def numbered_packets(source: str, destination: str) -> Iterator[bytes]:
    """Packets that all differ, for ever."""
    number = 0
    while True:
        yield ipv4_packet(source, destination, number.to_bytes(8, "big"))
        number += 1


def _packed(address: str) -> bytes:
    prefix = Prefix.host(address)
    return prefix.value.to_bytes(4 if prefix.family == 4 else 16, "big")
