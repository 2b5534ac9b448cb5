"""The timers and state machine of whitepaper section 6, as a watcher on the wire sees them."""

from __future__ import annotations

import itertools

import pytest

from meshc.engine.proto.constants import MAX_STAGED_PACKETS, REKEY_AFTER_MESSAGES
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.events import (
    CookieReceived,
    EndpointRoamed,
    HandshakeCompleted,
)
from meshc.engine.proto.messages import MessageCookieReply
from meshc.engine.proto.ratelimiter import TokenBucket
from meshc.engine.proto.sessions import EVENT_LIMIT
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.testing import Network, SimulatedNode, ipv4_packet, numbered_packets
from meshc.keys import PresharedKey, PublicKey, encode
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceUpdate, PeerUpdate
from meshc.wg.endpoint import Endpoint
from tests.support.engine_pair import A, B, EnginePair


@pytest.mark.parametrize("psk", [None, PresharedKey(bytes(range(32)))])
def test_a_staged_packet_starts_a_handshake_and_arrives_after_it(psk):
    pair = EnginePair(psk=psk)
    pair.ping()
    pair.net.run(0.1)
    assert [(who, kind) for _, who, kind, _ in pair.wire] == [("a", 1), ("b", 2), ("a", 4)]
    assert pair.b.delivered == [ipv4_packet(A, B, b"ping")]
    assert [event.is_initiator for event in pair.events(pair.a, HandshakeCompleted)] == [True]
    assert [event.is_initiator for event in pair.events(pair.b, HandshakeCompleted)] == [False]


def test_different_preshared_keys_never_connect():
    pair = EnginePair(psk=PresharedKey(bytes(range(32))))
    pair.net.peer(pair.b, pair.a, preshared_key=PresharedKey(bytes(32)))
    pair.ping()
    pair.net.run(30)
    assert pair.b.delivered == []
    assert pair.a.device.drops[DropReason.BAD_AEAD] > 0


def test_the_initiator_confirms_with_a_keepalive_when_nothing_waits():
    pair = EnginePair(keepalive=25)
    pair.peer_of(pair.a).staged.clear()
    pair.net.run(0.1)
    assert [(who, kind, size) for _, who, kind, size in pair.wire][-1] == ("a", 4, 32)
    assert pair.events(pair.b, HandshakeCompleted)


def test_the_responder_does_not_send_before_it_is_confirmed():
    pair = EnginePair()
    sent: list[bytes] = []
    pair.net.taps.append(lambda node, to, data: sent.append(data) if node is pair.b else None)
    pair.ping()
    pair.net.loss = 0.0
    pair.net.run(0.015)  # the initiation has landed, the response is under way
    assert pair.kinds() == [1, 2]
    pair.pong()
    assert pair.kinds("b") == [2]  # no transport data, and no initiation right after an answer
    pair.net.run(0.1)
    assert 4 in pair.kinds("b")
    assert pair.a.delivered == [ipv4_packet(B, A, b"pong")]


def test_never_two_initiations_within_five_seconds():
    pair = EnginePair()
    pair.net.loss = 1.0
    for _ in range(400):
        pair.ping()
        pair.net.run(0.1)
    times = [time for time, _, kind, _ in pair.wire if kind == 1]
    assert all(b - a >= 5.0 for a, b in itertools.pairwise(times))


def test_the_staged_queue_is_bounded_and_keeps_the_newest():
    pair = EnginePair()
    pair.net.loss = 1.0
    packets = numbered_packets(A, B)
    batch = [next(packets) for _ in range(MAX_STAGED_PACKETS + 72)]
    pair.net.inject(pair.a, *batch)
    assert list(pair.peer_of(pair.a).staged) == batch[72:]
    assert pair.a.device.drops[DropReason.STAGED_OVERFLOW] == 72
    pair.net.loss = 0.0
    pair.net.run(6)
    assert pair.b.delivered == batch[72:]


def test_the_initiator_renews_after_120_seconds_when_it_sends():
    pair = EnginePair()
    pair.connect()
    for _ in range(119):
        pair.ping()
        pair.net.run(1)
    assert 1 not in pair.kinds()
    for _ in range(3):
        pair.ping()
        pair.net.run(1)
    assert pair.kinds("a").count(1) == 1
    assert pair.kinds("b").count(1) == 0
    assert pair.b.delivered.count(ipv4_packet(A, B, b"ping")) == 123


def test_the_initiator_renews_at_165_seconds_when_it_only_receives():
    pair = EnginePair()
    pair.connect()
    for _ in range(164):
        pair.pong()
        pair.net.run(1)
    # the passive keepalives of the initiator renew at 120 s; without them, at 165
    initiations = [time for time, who, kind, _ in pair.wire if (who, kind) == ("a", 1)]
    assert len(initiations) == 1


def test_the_last_minute_renewal_is_asked_for_once():
    pair = EnginePair()
    pair.connect()
    peer = pair.peer_of(pair.a)
    pair.net.clock.now += 166
    pair.net.loss = 1.0
    keypair = pair.peer_of(pair.b).keypairs.current
    for _ in range(3):
        data = keypair.sealing.seal(ipv4_packet(B, A, b""), 0)
        pair.a.device.receive_datagrams([(data, pair.b.outside)], pair.net.now)
        pair.net.drain(pair.a)
    assert pair.kinds("a") == [1]
    assert peer.sent_last_minute_handshake


def test_after_180_seconds_a_session_neither_sends_nor_receives():
    pair = EnginePair()
    pair.connect()
    keypair = pair.peer_of(pair.b).keypairs.current
    pair.net.clock.now += 180
    pair.ping()
    assert pair.kinds("a") == [1], "staged, with a handshake first"
    data = keypair.sealing.seal(b"", 0)
    pair.a.device.receive_datagrams([(data, pair.b.outside)], pair.net.now)
    assert pair.a.device.drops[DropReason.KEYPAIR_EXPIRED] == 1


def test_many_messages_bring_a_new_session_and_too_many_end_it():
    pair = EnginePair()
    pair.connect()
    keypair = pair.peer_of(pair.a).keypairs.current
    keypair.sealing.counter = REKEY_AFTER_MESSAGES
    pair.net.run(6)
    pair.wire.clear()
    pair.ping()
    assert pair.kinds("a") == [4, 1]
    pair.net.run(0.1)
    assert pair.peer_of(pair.a).keypairs.current is not keypair


def test_at_most_three_sessions_are_kept():
    pair = EnginePair()
    pair.connect()
    for round_ in range(10):
        pair.net.run(6)
        node = pair.a if round_ % 2 else pair.b
        node.device._sessions.initiate(pair.peer_of(node), pair.net.now)
        pair.net.drain(node)
        pair.net.run(1)
        for node in (pair.a, pair.b):
            sessions = list(pair.peer_of(node).keypairs)
            assert len(sessions) <= 3
            assert len(node.device._sessions.indices) == len(sessions)


def test_what_was_sent_in_the_old_session_still_arrives_after_renewal():
    pair = EnginePair()
    pair.connect()
    pair.net.run(6)
    pair.net.reorder, pair.net.reorder_delay = 0.0, 0.0
    pair.net.delay = 0.5
    pair.pong(b"late")
    pair.net.delay = 0.01
    sessions = pair.a.device._sessions
    sessions.initiate(pair.peer_of(pair.a), pair.net.now)
    pair.net.drain(pair.a)
    pair.net.run(1)
    assert pair.a.delivered == [ipv4_packet(B, A, b"late")]


def test_crossing_initiations_settle():
    pair = EnginePair()
    pair.ping()
    pair.pong()
    pair.net.run(12)
    assert pair.b.delivered == [ipv4_packet(A, B, b"ping")]
    assert pair.a.delivered == [ipv4_packet(B, A, b"pong")]


def test_roaming_follows_authenticated_messages_only():
    pair = EnginePair()
    pair.connect()
    moved = UdpPath("198.51.100.7", 4242)
    pair.a.outside = moved
    pair.ping(b"from elsewhere")
    pair.net.run(0.1)
    assert pair.peer_of(pair.b).endpoint == moved
    assert pair.events(pair.b, EndpointRoamed)[-1].new == moved
    forged = UdpPath("203.0.113.1", 1)
    header = pair.peer_of(pair.a).keypairs.current.sealing.seal(b"", 0)[:8]
    pair.net.spoof(forged, pair.b.outside, header + bytes(40))
    pair.net.run(0.1)
    assert pair.peer_of(pair.b).endpoint == moved
    pair.pong()
    pair.net.run(0.1)
    assert pair.a.delivered == [ipv4_packet(B, A, b"pong")]


def test_a_replayed_datagram_is_dropped_and_moves_nothing():
    pair = EnginePair()
    caught: list[bytes] = []
    pair.net.taps.append(lambda node, to, data: caught.append(data) if data[0] == 4 else None)
    pair.connect()
    pair.ping(b"twice")
    pair.net.run(0.1)
    pair.net.spoof(UdpPath("203.0.113.1", 1), pair.b.outside, caught[-1])
    pair.net.run(0.1)
    assert pair.b.delivered.count(ipv4_packet(A, B, b"twice")) == 1
    assert pair.b.device.drops[DropReason.REPLAYED] == 1
    assert pair.peer_of(pair.b).endpoint == pair.a.outside


def test_a_replayed_initiation_is_refused():
    pair = EnginePair()
    caught: list[bytes] = []
    pair.net.taps.append(lambda node, to, data: caught.append(data) if data[0] == 1 else None)
    pair.connect()
    pair.net.run(1)
    pair.net.spoof(UdpPath("203.0.113.1", 1), pair.b.outside, caught[0])
    pair.net.run(0.1)
    assert pair.b.device.drops[DropReason.OLD_TIMESTAMP] == 1
    assert pair.peer_of(pair.b).endpoint == pair.a.outside


@pytest.mark.parametrize("restarting", ["a", "b"])
def test_a_restart_of_either_side_restores_traffic(restarting):
    pair = EnginePair()
    pair.connect()
    pair.net.run(3)
    pair.net.restart(pair.net.nodes[restarting])
    # the first packets of the side that did not restart go into a session nobody has any more
    pair.pong(b"lost or not")
    pair.net.run(25)
    pair.ping(b"after")
    pair.pong(b"after")
    pair.net.run(1)
    assert ipv4_packet(A, B, b"after") in pair.b.delivered
    assert ipv4_packet(B, A, b"after") in pair.a.delivered


def test_a_nat_that_rebinds_is_followed():
    net = Network()
    a = net.add("a", "10.9.9.9", nat=True)
    a.outside = UdpPath("198.51.100.1", 40000)
    b = net.add("b", "192.0.2.2")
    net.peer(a, b, B + "/32", endpoint=b.outside, keepalive=25)
    net.peer(b, a, A + "/32")
    net.run(1)
    for number in range(5):
        net.rebind(a, f"198.51.100.{number + 2}")
        net.run(26)
        net.inject(b, ipv4_packet(B, A, bytes([number])))
        net.run(1)
    assert a.delivered == [ipv4_packet(B, A, bytes([number])) for number in range(5)], net.diagram()


def test_counters_are_those_of_the_wire():
    pair = EnginePair()
    sizes = {"a": 0, "b": 0}
    pair.net.taps.append(
        lambda node, to, data: sizes.update({node.name: sizes[node.name] + len(data)})
    )
    pair.connect()
    pair.pong()
    pair.net.run(30)
    (at_a,), (at_b,) = pair.a.device.state().peers, pair.b.device.state().peers
    assert (at_a.tx_bytes, at_a.rx_bytes) == (sizes["a"], sizes["b"])
    assert (at_b.tx_bytes, at_b.rx_bytes) == (sizes["b"], sizes["a"])
    assert at_a.last_handshake > 1_800_000_000 * 10**9


def put_under_load(pair: EnginePair, node: SimulatedNode) -> None:
    """The node asks everybody for a cookie until the clock has moved on by a second."""
    admission = pair.net.nodes[node.name].device.sessions.admission
    admission._load_until = pair.net.now + 1.0
    admission._passes = lambda *_: False
    admission._answers = TokenBucket(0.0, 0.0)


def test_a_responder_under_load_is_convinced_by_a_cookie():
    pair = EnginePair()
    for _ in range(60):
        put_under_load(pair, pair.b)
        if not pair.wire:
            pair.ping()
        pair.net.run(0.1)
    kinds = [(who, kind) for _, who, kind, _ in pair.wire]
    assert kinds == [("a", 1), ("b", 3), ("a", 1), ("b", 2), ("a", 4)]
    assert 5.0 <= pair.wire[2][0] - pair.wire[0][0] <= 5.334
    assert pair.events(pair.a, CookieReceived)
    assert pair.b.device.drops[DropReason.UNDER_LOAD] == 1
    assert pair.b.delivered == [ipv4_packet(A, B, b"ping")]


def test_an_initiator_under_load_asks_the_responder_for_a_cookie():
    pair = EnginePair()
    for _ in range(60):
        put_under_load(pair, pair.a)
        if not pair.wire:
            pair.ping()
        pair.net.run(0.1)
    kinds = [(who, kind) for _, who, kind, _ in pair.wire]
    assert kinds == [("a", 1), ("b", 2), ("a", 3), ("a", 1), ("b", 2), ("a", 4)]
    assert pair.events(pair.b, CookieReceived)
    assert pair.b.delivered == [ipv4_packet(A, B, b"ping")]


def test_a_cookie_reply_that_answers_nothing_is_refused():
    pair = EnginePair()
    pair.ping()
    (index,) = pair.a.device.sessions.indices._entries
    forged = MessageCookieReply(index, bytes(24), bytes(32)).pack()
    pair.net.spoof(pair.b.outside, pair.a.outside, forged)
    pair.net.run(1)
    assert pair.a.device.drops[DropReason.UNEXPECTED_COOKIE] == 1
    assert pair.b.delivered == [ipv4_packet(A, B, b"ping")]


def test_a_response_to_a_session_is_refused():
    pair = EnginePair()
    caught: list[bytes] = []
    pair.net.taps.append(lambda node, to, data: caught.append(data) if data[0] == 2 else None)
    pair.connect()
    pair.net.spoof(UdpPath("203.0.113.1", 1), pair.a.outside, caught[0])
    pair.net.run(1)
    assert pair.a.device.drops[DropReason.UNKNOWN_INDEX] == 1
    assert pair.peer_of(pair.a).endpoint == pair.b.outside


def test_a_public_key_of_low_order_leads_nowhere():
    net = Network()
    a = net.add("a", "192.0.2.1")
    change = PeerUpdate(
        PublicKey(encode(bytes(32))),
        endpoint=Endpoint("192.0.2.9", 1),
        allowed_ips=(Prefix.parse("0.0.0.0/0"),),
    )
    a.device.configure(DeviceUpdate(peers=(change,)), net.now)
    net.inject(a, ipv4_packet(A, B))
    net.run(60)
    assert net.sent == 0
    assert a.device.drops[DropReason.BAD_KEY] == 1
    assert len(a.device.sessions.indices) == 0


def test_too_many_events_push_out_the_oldest():
    net = Network()
    a = net.add("a", "192.0.2.1")
    for number in range(EVENT_LIMIT + 5):
        a.device.sessions.events.append(number)
    assert a.device.next_event() == 5


def test_another_port_or_mark_may_mean_another_way_out():
    for update in (DeviceUpdate(listen_port=7), DeviceUpdate(fwmark=7)):
        pair = EnginePair()
        pair.connect()
        peer = pair.peer_of(pair.a)
        peer.endpoint = peer.endpoint._replace(source="192.0.2.1", interface=3)
        same = DeviceUpdate(listen_port=pair.a.device.listen_port, fwmark=pair.a.device.fwmark)
        pair.a.device.configure(same, pair.net.now)
        assert peer.endpoint.source == "192.0.2.1"
        pair.a.device.configure(update, pair.net.now)
        assert (peer.endpoint.source, peer.endpoint.interface) == ("", 0)
