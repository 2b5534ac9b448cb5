"""The device's own part: routing, configuration, output, status; and nothing that raises."""

from __future__ import annotations

import errno
import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.engine.proto.cookie import CookieGenerator
from meshc.engine.proto.device import Device
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.events import HandshakeCompleted, LoadChanged
from meshc.engine.proto.messages import MessageInitiation
from meshc.engine.proto.tai64n import WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import Network, SimulatedNode, ipv4_packet, ipv6_packet
from meshc.errors import ConfigError
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint
from meshc.wg.uapi import format_get, parse_set

TWO, THREE = (PublicKey(encode(bytes([number]) * 32)) for number in (2, 3))
A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


def connected(*nodes: str) -> tuple[Network, list[SimulatedNode]]:
    """Named nodes 10.0.0.1, .2, … that all know each other."""
    net = Network()
    made = [net.add(name, f"192.0.2.{n}") for n, name in enumerate(nodes, 1)]
    for n, one in enumerate(made, 1):
        for m, other in enumerate(made, 1):
            if n != m:
                net.peer(one, other, f"10.0.0.{m}/32", f"fd00::{m}/128", endpoint=other.outside)
    return net, made


def device() -> Device:
    return Device(rng=random.Random(1).randbytes, wall_epoch=WallEpoch(0.0, 10**18))


def peer_update(number: int = 1, **changes) -> DeviceUpdate:
    return DeviceUpdate(
        peers=(PeerUpdate(public_key=PublicKey(encode(bytes([number]) * 32)), **changes),)
    )


# --- routing ------------------------------------------------------------------------------


def test_packets_go_to_the_peer_that_owns_the_destination():
    net, (a, b, c) = connected("a", "b", "c")
    batch = [
        ipv4_packet(A, B, b"1"),
        ipv4_packet(A, C, b"2"),
        ipv6_packet("fd00::1", "fd00::2", b"3"),
    ]
    net.inject(a, *batch)
    net.run(1)
    assert (b.delivered, c.delivered) == ([batch[0], batch[2]], [batch[1]])


def test_a_source_that_belongs_to_another_peer_is_dropped():
    net, (a, b, _) = connected("a", "b", "c")
    net.inject(a, ipv4_packet(C, B, b"forged"), ipv4_packet(A, B, b"honest"))
    net.run(1)
    assert b.delivered == [ipv4_packet(A, B, b"honest")]
    assert b.device.drops[DropReason.INNER_SOURCE] == 1


def test_odd_inner_packets_are_dropped_and_counted():
    net, (a, b) = connected("a", "b")
    good = ipv4_packet(A, B, b"payload")
    net.inject(a, good)
    net.run(1)
    b.delivered.clear()
    truncated = bytearray(good)
    truncated[3] += 16
    net.inject(a, bytes(truncated), good + b"trailing junk")
    net.run(1)
    assert b.delivered == [good]
    assert b.device.drops[DropReason.INNER_MALFORMED] == 1
    net.inject(a, b"", b"\x45", b"\x10" * 40)
    assert a.device.drops[DropReason.PACKET_MALFORMED] == 3


def test_nowhere_to_go_is_answered_with_icmp_but_not_without_limit():
    net, (a, _) = connected("a", "b")
    packet = ipv4_packet(A, "10.9.9.9", b"x")
    for _ in range(1000):
        net.inject(a, packet)
    assert a.device.drops[DropReason.NO_PEER] == 1000
    assert 1 <= len(a.delivered) <= 100
    assert a.delivered[0][20:22] == bytes([3, 1])


def test_a_peer_without_endpoint_is_answered_too():
    net = Network()
    a, b = net.add("a", "192.0.2.1"), net.add("b", "192.0.2.2")
    net.peer(a, b, "10.0.0.2/32")
    net.inject(a, ipv4_packet(A, B))
    assert len(a.delivered) == 1
    assert a.device.drops[DropReason.NO_ENDPOINT] == 1
    assert a.device.next_timeout() is None


def test_padding_stays_below_the_mtu():
    net, (a, b) = connected("a", "b")
    sizes: list[int] = []
    net.taps.append(lambda node, to, data: sizes.append(len(data)) if data[0] == 4 else None)
    a.device.mtu = 1420
    net.inject(a, ipv4_packet(A, B, bytes(1400)), ipv4_packet(A, B, bytes(1)))
    net.run(0.1)
    assert sizes == [1420 + 32, 32 + 32]
    assert [len(packet) for packet in b.delivered] == [1420, 21]


# --- the handshake queue ----------------------------------------------------------------------


def test_handshakes_are_taken_a_few_at_a_time_after_data():
    net = Network()
    hub = net.add("hub", "192.0.2.1")
    spokes = [net.add(f"s{n}", f"192.0.3.{n}") for n in range(20)]
    for n, spoke in enumerate(spokes):
        net.peer(hub, spoke, f"10.0.1.{n}/32")
        net.peer(spoke, hub, "10.0.0.1/32", endpoint=hub.outside)
    batch: list[tuple[bytes, UdpPath]] = []
    for spoke in spokes:
        spoke.device.receive_packets([ipv4_packet("10.0.1.0", A)], net.now)
        batch += [(run[0], spoke.outside) for _, run in spoke.device.datagrams_to_send()]
    hub.device.receive_datagrams(batch, net.now)
    calls = 0
    answers = len(hub.device.datagrams_to_send())
    while hub.device.next_timeout() == (net.now, "handshake_queue"):
        hub.device.handle_timeout(net.now)
        answers += len(hub.device.datagrams_to_send())
        calls += 1
    assert answers == 20
    assert calls >= 3


def test_under_load_a_cookie_is_needed_and_works():
    net, (a, b) = connected("a", "b")
    flood = []
    for n in range(6000):
        peer = f"10.{n >> 8}.{n & 255}.1"
        flood.append((_initiation_to(b, n), UdpPath(peer, 1)))
    b.device.receive_datagrams(flood, net.now)
    for _ in range(300):
        b.device.handle_timeout(net.now)
    assert b.device.status().under_load
    b.device.datagrams_to_send()
    net.inject(a, ipv4_packet(A, B, b"legitimate"))
    for _ in range(80):
        b.device.receive_datagrams(flood[:500], net.now)
        b.device.datagrams_to_send()
        net.run(0.1)
    assert b.delivered == [ipv4_packet(A, B, b"legitimate")]
    net.run(3)
    assert not b.device.status().under_load
    changes = [event for event in b.events if isinstance(event, LoadChanged)]
    assert changes[-1] == LoadChanged(False)


def _initiation_to(node: SimulatedNode, number: int) -> bytes:
    ephemeral = number.to_bytes(32, "big")
    message = MessageInitiation(number, ephemeral, bytes(48), bytes(28)).pack()
    return CookieGenerator(node.public_key).add_macs(message, 0.0)


# --- configuration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "update",
    [
        DeviceUpdate(listen_port=70_000, replace_peers=True),
        DeviceUpdate(fwmark=1 << 32, replace_peers=True),
        DeviceUpdate(replace_peers=True, peers=(PeerUpdate(PublicKey("short")),)),
        DeviceUpdate(
            replace_peers=True,
            peers=(PeerUpdate(PublicKey(encode(bytes(32))), keepalive=70_000),),
        ),
    ],
)
def test_a_bad_change_changes_nothing(update):
    one = device()
    one.configure(peer_update(allowed_ips=(Prefix.parse("10.0.0.0/8"),)), 0.0)
    before = one.status()
    with pytest.raises(ConfigError) as caught:
        one.configure(update, 1.0)
    assert caught.value.errno == errno.EINVAL
    assert one.status() == before


def test_get_after_set_gives_back_what_was_set():
    text = (
        f"private_key={'18' * 32}\nlisten_port=7\nfwmark=9\nreplace_peers=true\n"
        f"public_key={'22' * 32}\npreshared_key={'33' * 32}\nendpoint=[2001:db8::1]:5\n"
        "persistent_keepalive_interval=25\nreplace_allowed_ips=true\n"
        "allowed_ip=10.0.0.0/8\nallowed_ip=fd00::/8\n"
    )
    one = device()
    one.configure(parse_set(text), 0.0)
    answer = format_get(one.state())
    for line in text.splitlines():
        if not line.startswith("replace"):
            assert line.replace("18" * 32, "18" * 31 + "58") in answer.splitlines()


def test_update_only_and_remove_do_not_create():
    one = device()
    one.configure(peer_update(update_only=True, keepalive=5), 0.0)
    one.configure(peer_update(remove=True), 0.0)
    assert one.state().peers == ()
    one.configure(peer_update(), 0.0)
    one.configure(peer_update(update_only=True, keepalive=5), 0.0)
    assert one.state().peers[0].keepalive == 5
    one.configure(peer_update(remove=True), 0.0)
    assert one.state().peers == ()


def test_allowed_ips_move_replace_and_go():
    one = device()
    add = tuple(Prefix.parse(text) for text in ("10.0.0.0/8", "10.1.0.0/16"))
    one.configure(peer_update(1, allowed_ips=add), 0.0)
    one.configure(peer_update(2, allowed_ips=add[1:]), 0.0)
    first, second = one.state().peers
    assert first.allowed_ips == (Prefix.parse("10.0.0.0/8"),)
    assert second.allowed_ips == (Prefix.parse("10.1.0.0/16"),)
    one.configure(peer_update(1, removed_ips=(Prefix.parse("10.1.0.0/16"),)), 0.0)
    assert one.state().peers[1].allowed_ips == (Prefix.parse("10.1.0.0/16"),)
    one.configure(
        peer_update(1, replace_allowed_ips=True, allowed_ips=(Prefix.parse("::/0"),)), 0.0
    )
    assert one.state().peers[0].allowed_ips == (Prefix.parse("::/0"),)
    one.configure(peer_update(2, removed_ips=(Prefix.parse("10.1.0.0/16"),)), 0.0)
    assert one.state().peers[1].allowed_ips == ()


def test_replace_peers_removes_the_others():
    one = device()
    one.configure(peer_update(1), 0.0)
    one.configure(DeviceUpdate(replace_peers=True, peers=(PeerUpdate(TWO),)), 0.0)
    assert [peer.public_key for peer in one.state().peers] == [TWO]


def test_a_peer_with_our_own_key_is_ignored_whichever_comes_first():
    key = PrivateKey(bytes(range(32)))
    own = PeerUpdate(public_key=key.public_key())
    one = device()
    one.configure(DeviceUpdate(private_key=key, peers=(own, PeerUpdate(TWO))), 0.0)
    assert [peer.public_key for peer in one.state().peers] == [TWO]
    other = device()
    other.configure(DeviceUpdate(peers=(own, PeerUpdate(TWO))), 0.0)
    other.configure(DeviceUpdate(private_key=key), 0.0)
    assert [peer.public_key for peer in other.state().peers] == [TWO]


def test_a_new_private_key_brings_a_new_handshake_at_once():
    net, (a, b) = connected("a", "b")
    net.inject(a, ipv4_packet(A, B, b"1"))
    net.run(1)
    new = PrivateKey(bytes(range(1, 33)))
    a.device.configure(DeviceUpdate(private_key=new), net.now)
    allowed = (Prefix.parse(A),)
    update = PeerUpdate(public_key=new.public_key(), allowed_ips=allowed)
    b.device.configure(DeviceUpdate(peers=(update,)), net.now)
    net.inject(a, ipv4_packet(A, B, b"2"))
    net.run(1)
    assert b.delivered == [ipv4_packet(A, B, b"1"), ipv4_packet(A, B, b"2")]


def test_the_same_private_key_again_changes_nothing():
    net, (a, b) = connected("a", "b")
    net.inject(a, ipv4_packet(A, B, b"1"))
    net.run(1)
    a.events.clear()
    a.device.configure(DeviceUpdate(private_key=a.private_key), net.now)
    net.inject(a, ipv4_packet(A, B, b"2"))
    net.run(1)
    assert len(b.delivered) == 2
    assert not [event for event in a.events if isinstance(event, HandshakeCompleted)]


def test_a_first_private_key_begins_what_an_interface_that_is_up_keeps_alive():
    """The kernel's own selftest asks for it."""
    one = device()
    there = Endpoint("192.0.2.1", 51820)
    kept = PeerUpdate(TWO, endpoint=there, keepalive=25)
    one.configure(DeviceUpdate(peers=(kept, PeerUpdate(THREE, endpoint=there))), 0.0)
    one.set_up(True, 0.0)
    assert one.datagrams_to_send() == []

    one.configure(DeviceUpdate(private_key=PrivateKey(bytes(range(1, 33)))), 1.0)

    ((path, datagrams),) = one.datagrams_to_send()
    assert (path.endpoint, [len(data) for data in datagrams]) == (there, [148])


def test_without_a_private_key_nothing_is_sent_or_answered():
    net, (a, b) = connected("a", "b")
    a.device.configure(DeviceUpdate(private_key=PrivateKey(bytes(32))), net.now)
    assert a.device.state().private_key is None
    net.inject(a, ipv4_packet(A, B))
    net.inject(b, ipv4_packet(B, A))
    net.run(1)
    assert a.device.drops[DropReason.NO_PRIVATE_KEY] == 1
    assert (a.delivered, b.delivered) == ([], [])


def test_down_ends_sessions_and_up_starts_again():
    net, (a, b) = connected("a", "b")
    net.peer(a, b, keepalive=25)
    net.run(1)
    a.device.set_up(False, net.now)
    assert a.device.next_timeout() is None
    net.inject(a, ipv4_packet(A, B))
    assert a.device.drops[DropReason.INTERFACE_DOWN] == 1
    b.delivered.clear()
    a.device.set_up(True, net.now)
    net.drain(a)
    net.run(1)
    net.inject(a, ipv4_packet(A, B, b"up"))
    net.run(1)
    assert b.delivered == [ipv4_packet(A, B, b"up")]


def test_a_removed_peer_leaves_nothing():
    net, (a, b) = connected("a", "b")
    net.inject(a, ipv4_packet(A, B))
    net.run(1)
    a.device.configure(
        DeviceUpdate(peers=(PeerUpdate(PublicKey(encode(b.public_key)), remove=True),)), net.now
    )
    sessions = a.device._sessions
    assert (len(sessions.indices), len(a.device._allowed_ips)) == (0, 0)
    assert a.device.next_timeout() is None
    net.inject(b, ipv4_packet(B, A))
    net.run(30)
    assert a.delivered == []


def test_five_thousand_peers_are_idle_for_nothing():
    one = device()
    peers = tuple(
        PeerUpdate(
            public_key=PublicKey(encode(hashlib.sha256(number.to_bytes(4, "big")).digest())),
            preshared_key=PresharedKey(bytes(32)),
            allowed_ips=(Prefix(4, 10 << 24 | number, 32),),
        )
        for number in range(1, 5001)
    )
    one.configure(DeviceUpdate(private_key=PrivateKey(bytes([9]) * 32), peers=peers), 0.0)
    one.set_up(True, 0.0)
    assert len(one.state().peers) == 5000
    assert one.next_timeout() is None
    assert len(format_get(one.state()).splitlines()) == 5000 * 9 + 1


# --- nothing raises ---------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=160), max_size=5), st.sampled_from((0, 1, 2, 3, 4)))
@settings(deadline=None)
def test_any_datagram_goes_in(datagrams, kind):
    net, (a, b) = connected("a", "b")
    net.inject(a, ipv4_packet(A, B))
    net.run(1)
    (index,) = b.device._sessions.indices._entries
    head = bytes([kind, 0, 0, 0]) + index.to_bytes(4, "little")
    batch = [(data, UdpPath("203.0.113.9", 9)) for data in datagrams]
    batch += [(head + data, UdpPath("::1", 9)) for data in datagrams]
    b.device.receive_datagrams(batch, net.now)
    b.device.receive_run(a.outside, [memoryview(data) for data, _ in batch], net.now)
    net.inject(a, ipv4_packet(A, B, b"still here"))
    net.run(1)
    assert b.delivered[-1] == ipv4_packet(A, B, b"still here")


@given(st.lists(st.binary(max_size=100), max_size=5))
@settings(deadline=None)
def test_any_inner_packet_goes_in_and_out(packets):
    net, (a, b) = connected("a", "b")
    shaped = [b"\x45" + data for data in packets] + [b"\x60" + data for data in packets]
    net.inject(a, *packets, *shaped)
    to_b = [ipv4_packet(A, B)[:20] + data for data in packets]
    net.inject(a, *to_b)
    net.run(1)
    assert all(datagram[12:16] == bytes([10, 0, 0, 1]) for datagram in b.delivered)
