"""Whatever loss, replay, roaming, restarts and forgeries do: the promises of the protocol hold."""

from __future__ import annotations

import struct

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from meshc.engine.proto.constants import MAX_STAGED_PACKETS
from meshc.engine.proto.timers import TIMER_NAMES
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import Network, SimulatedNode, ipv4_packet, ipv6_packet
from meshc.keys import PublicKey, encode
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from tests.support.bulknode import BulkNode

NAMES = "abc"
who = st.sampled_from(NAMES)


def address(name: str) -> str:
    return f"10.0.0.{NAMES.index(name) + 1}"


class Internet(RuleBasedStateMachine):
    """Three nodes that all know each other, and an attacker who keeps what was sent."""

    node_class = SimulatedNode

    def __init__(self) -> None:
        super().__init__()
        self.net = Network(seed=5, node_class=self.node_class)
        for number, name in enumerate(NAMES, 1):
            self.net.add(name, f"192.0.2.{number}")
        for name, node in self.net.nodes.items():
            for other in NAMES.replace(name, ""):
                peer = self.net.nodes[other]
                prefix = address(other) + "/32"
                # one side alone keeps alive: initiations that cross cost five seconds
                keepalive = 25 if name < other else 0
                self.net.peer(node, peer, prefix, endpoint=peer.outside, keepalive=keepalive)
        self.net.taps.append(self._watch)
        self.captured: list[tuple[UdpPath, bytes]] = []
        self.counters: dict[tuple[str, int, int], int] = {}
        self.restarts = dict.fromkeys(NAMES, 0)
        self.number = 0
        self.arrived: set[bytes] = set()
        self.net.run(7)
        assert len(self.captured) == 6, "all three pairs are connected"

    def _watch(self, node: SimulatedNode, to: UdpPath, data: bytes) -> None:
        self.captured.append((to, data))
        del self.captured[:-200]
        if data[0] == 4:
            index, counter = struct.unpack_from("<IQ", data, 4)
            key = (node.name, self.restarts[node.name], index)
            assert counter > self.counters.get(key, -1), "a nonce was used twice"
            self.counters[key] = counter

    @rule(source=who, to=who, count=st.integers(1, 40))
    def send(self, source, to, count):
        packets = []
        for _ in range(count):
            self.number += 1
            payload = self.number.to_bytes(8, "big")
            packets.append(ipv4_packet(address(source), address(to), payload))
        self.net.inject(self.net.nodes[source], *packets)

    @rule(source=who, to=who, claimed=who)
    def send_with_a_false_source(self, source, to, claimed):
        self.number += 1
        payload = b"false" + self.number.to_bytes(8, "big")
        if claimed == source:
            packet = ipv6_packet("fd00::1", "fd00::2", payload)
        else:
            packet = ipv4_packet(address(claimed), address(to), payload)
        self.net.inject(self.net.nodes[source], packet)

    @rule(seconds=st.sampled_from((0.005, 0.1, 1, 6, 20, 119, 130, 200, 600)))
    def wait(self, seconds):
        self.net.run(seconds)

    @rule(loss=st.sampled_from((0.0, 0.0, 0.2, 1.0)), reorder=st.sampled_from((0.0, 0.5)))
    def weather(self, loss, reorder):
        self.net.loss, self.net.reorder, self.net.duplicate = loss, reorder, reorder / 5

    @rule(count=st.integers(1, 200), host=st.sampled_from(("203.0.113.5", "192.0.2.1")))
    def replay(self, count, host):
        for to, data in self.captured[-count:]:
            self.net.spoof(UdpPath(host, 51820), to, data)
        self.net.run(0.05)

    @rule(pick=st.integers(0, 199), byte=st.integers(0, 1500), bit=st.integers(0, 7))
    def corrupt(self, pick, byte, bit):
        if self.captured:
            to, data = self.captured[pick % len(self.captured)]
            bad = bytearray(data)
            bad[byte % len(bad)] ^= 1 << bit
            self.net.spoof(UdpPath("203.0.113.6", 1), to, bytes(bad))

    @rule(name=who, junk=st.binary(max_size=200))
    def junk(self, name, junk):
        self.net.spoof(UdpPath("203.0.113.7", 7), self.net.nodes[name].outside, junk)

    @rule(name=who, last=st.integers(1, 250))
    def roam(self, name, last):
        self.net.rebind(self.net.nodes[name], f"198.51.100.{last}")

    @rule(name=who)
    def restart(self, name):
        self.restarts[name] += 1
        # a process takes a moment to start; its initiations must be newer than the old ones
        self.net.run(0.1)
        self.net.restart(self.net.nodes[name])

    @rule(name=who, up=st.booleans())
    def bring(self, name, up):
        self.net.nodes[name].device.set_up(up, self.net.now)
        self.net.drain(self.net.nodes[name])

    @rule(name=who, to=who, remove=st.booleans())
    def reconfigure(self, name, to, remove):
        node, other = self.net.nodes[name], self.net.nodes[to]
        change = PeerUpdate(
            PublicKey(encode(other.public_key)),
            remove=remove,
            endpoint=other.outside.endpoint,
            allowed_ips=(Prefix.host(address(to)),),
        )
        node.device.configure(DeviceUpdate(peers=(change,)), self.net.now)
        self.net.drain(node)

    @invariant()
    def nothing_twice_nothing_foreign(self):
        for node in self.net.nodes.values():
            for packet in node.delivered:
                if (packet[0] >> 4 == 4 and packet[9] == 1) or (
                    packet[0] >> 4 == 6 and packet[6] == 58
                ):
                    continue  # an ICMP error of the node's own engine
                assert packet[0] == 0x45
                assert packet not in self.arrived, f"delivered twice\n{self.net.diagram()}"
                assert not packet[20:].startswith(b"false"), "a source outside AllowedIPs"
                self.arrived.add(packet)
            node.delivered.clear()
            node.events.clear()

    @invariant()
    def all_is_bounded(self):
        for node in self.net.nodes.values():
            sessions = node.device._sessions
            keypairs = 0
            for peer in sessions.peers.values():
                mine = list(peer.keypairs)
                assert len(mine) <= 3
                assert len(peer.staged) <= MAX_STAGED_PACKETS
                keypairs += len(mine)
                assert len(peer.timers.entries) <= len(TIMER_NAMES)
            assert len(sessions.indices) <= keypairs + len(sessions.peers)
            assert node.device.datagrams_to_send() == []
            assert node.device.packets_to_deliver() == []
            assert node.device.refusals_to_send() == []
            assert node.device.next_event() is None

    def teardown(self):
        """In good weather everybody reaches everybody again."""
        self.net.loss = self.net.reorder = self.net.duplicate = 0.0
        self.net._flying.clear()
        for name, node in self.net.nodes.items():
            node.device.set_up(True, self.net.now)
            for other in NAMES.replace(name, ""):
                self.reconfigure(name, other, remove=False)
        self.net.run(200)
        for node in self.net.nodes.values():
            node.delivered.clear()
        # An initiation is not sent within REKEY_TIMEOUT of a response, and then nothing tries again
        # by itself: what waits for a session waits for the next reason to make one, and goes first.
        waiting = {
            packet
            for node in self.net.nodes.values()
            for peer in node.device._sessions.peers.values()
            for packet in peer.staged
        }
        for source, node in self.net.nodes.items():
            for target in NAMES.replace(source, ""):
                self.net.inject(node, ipv4_packet(address(source), address(target), b"last"))
        self.net.run(20)
        for target, node in self.net.nodes.items():
            expected = {
                ipv4_packet(address(name), address(target), b"last")
                for name in NAMES
                if name != target
            }
            delivered = set(node.delivered)
            assert expected <= delivered, self.net.diagram()
            assert len(delivered) == len(node.delivered), f"delivered twice\n{self.net.diagram()}"
            late = delivered - expected
            assert late <= waiting - self.arrived, self.net.diagram()
            assert all(packet[19] == NAMES.index(target) + 1 for packet in late), "not for it"


class FastInternet(Internet):
    """The same with the fast road through the device."""

    node_class = BulkNode


@pytest.mark.parametrize("internet", [Internet, FastInternet])
def test_what_waits_for_a_session_goes_with_the_next_one(internet: type[Internet]) -> None:
    """A replayed initiation is answered, as its receiver has restarted and knows no timestamp; the
    response forbids an initiation for five seconds, and the packet has to wait."""
    net = internet()
    net.restart("a")
    net.restart("b")
    # without a keepalive nobody makes a session before there is something to send
    net.reconfigure("a", "b", remove=True)
    net.replay(200, "203.0.113.5")
    net.send("b", "a", 1)
    (staged,) = [
        peer.staged for peer in net.net.nodes["b"].device._sessions.peers.values() if peer.staged
    ]
    (packet,) = staged
    net.teardown()
    delivered = net.net.nodes["a"].delivered
    assert packet in delivered
    assert delivered.index(packet) < delivered.index(
        ipv4_packet(address("b"), address("a"), b"last")
    )


TestInternet = Internet.TestCase
TestFastInternet = FastInternet.TestCase
TestInternet.settings = TestFastInternet.settings = settings(
    # forty steps take five minutes to shrink: without `phases` a failure is told with fewer
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
