"""Sessions: everything between a peer and the wire, its handshakes, keypairs and what is staged.

`Sessions` holds no configuration; `Device` tells it which peers exist. It never raises on what
a peer sends. The hooks of `timers` are called here and nowhere else; the order in which they
are called follows wireguard-go's `send.go` and `receive.go`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import inf

from meshc.engine.proto.admission import Admission
from meshc.engine.proto.constants import (
    KEEPALIVE_TIMEOUT,
    REJECT_AFTER_MESSAGES,
    REJECT_AFTER_TIME,
    REKEY_AFTER_MESSAGES,
    REKEY_AFTER_TIME,
    REKEY_TIMEOUT,
)
from meshc.engine.proto.datapath import Buffer
from meshc.engine.proto.datapath.sealing import OVERHEAD
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.events import (
    CookieReceived,
    EndpointRoamed,
    Event,
    HandshakeCompleted,
    HandshakeInitiated,
)
from meshc.engine.proto.identity import Identity
from meshc.engine.proto.indextable import IndexTable
from meshc.engine.proto.keypair import Keypair
from meshc.engine.proto.messages import (
    INITIATION,
    RESPONSE,
    MessageCookieReply,
    MessageInitiation,
    MessageResponse,
)
from meshc.engine.proto.noise import (
    Handshake,
    Rejected,
    consume_message_initiation,
    consume_message_response,
    create_message_initiation,
    create_message_response,
    derive_keypair,
)
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.tai64n import TimestampClock
from meshc.engine.proto.timers import TimerQueue
from meshc.engine.proto.udp_path import UdpPath

# a loop that does not drain events must not grow without bound
EVENT_LIMIT = 4096
_KEEPALIVE = (b"",)


class Sessions:
    """The sessions of all peers and what they have to send (`outbox`) and to tell (`events`)."""

    def __init__(self, *, rng: Callable[[int], bytes], clock: TimestampClock) -> None:
        self.identity: Identity | None = None
        self.peers: dict[bytes, Peer] = {}
        self.indices: IndexTable[tuple[Peer, Keypair | None]] = IndexTable(rng)
        self.timers: TimerQueue[Peer] = TimerQueue(rng)
        self.admission = Admission(rng=rng, knows_index=self._knows_index, reply=self._send_raw)
        self.drops: dict[DropReason, int] = dict.fromkeys(DropReason, 0)
        self.events: deque[Event] = deque(maxlen=EVENT_LIMIT)
        self.outbox: list[tuple[UdpPath, list[bytes]]] = []
        self.is_up = False
        self.mtu = 0
        self._rng = rng
        self._clock = clock

    # --- data path ---------------------------------------------------------------------

    def send(self, peer: Peer, packets: Sequence[bytes], now: float) -> None:
        """Sends inner packets of one peer, or stages them and sees to a session."""
        keypair = self.sending(peer, len(packets), now)
        if keypair is None:
            self.drops[DropReason.STAGED_OVERFLOW] += peer.stage(packets)
            self.send_staged(peer, now)
            return
        self._seal_and_send(peer, keypair, packets, now)
        peer.timers.data_sent(now)

    def sending(self, peer: Peer, count: int, now: float) -> Keypair | None:
        """The session that may carry `count` packets now; without one they must be staged."""
        if peer.staged or peer.endpoint is None or not self.is_up:
            return None
        return self._usable(peer, count, now)

    def _usable(self, peer: Peer, count: int, now: float) -> Keypair | None:
        keypair = peer.keypairs.current
        return keypair if keypair is not None and keypair.usable(now, count) else None

    def receive_transport(
        self, endpoint: UdpPath, index: int, datagrams: Sequence[Buffer], now: float
    ) -> tuple[Peer, list[bytes]] | None:
        """Opens datagrams of one receiver index; answers the peer and the plaintexts.

        Keepalives are among the plaintexts, as empty ones. None when nothing authenticated.
        """
        session = self.receiving(index, len(datagrams), now)
        if session is None:
            return None
        peer, keypair = session
        plaintexts = []
        for datagram in datagrams:
            plain = keypair.opening.open(datagram)
            if isinstance(plain, DropReason):
                self.drops[plain] += 1
            else:
                plaintexts.append(plain)
        if not plaintexts:
            return None
        size = sum(map(len, plaintexts)) + OVERHEAD * len(plaintexts)
        has_data = any(plaintexts)
        self.received(peer, keypair, endpoint, size=size, has_data=has_data, now=now)
        return peer, plaintexts

    def receiving(self, index: int, count: int, now: float) -> tuple[Peer, Keypair] | None:
        """The session behind a receiver index; without one, `count` messages are dropped."""
        entry = self.indices.get(index)
        keypair = entry[1] if entry is not None else None
        if entry is None or keypair is None:
            self.drops[DropReason.UNKNOWN_INDEX] += count
            return None
        if now - keypair.birthday >= REJECT_AFTER_TIME:
            self.drops[DropReason.KEYPAIR_EXPIRED] += count
            return None
        return entry[0], keypair

    def received(
        self,
        peer: Peer,
        keypair: Keypair,
        endpoint: UdpPath,
        *,
        size: int,
        has_data: bool,
        now: float,
    ) -> None:
        """What follows from at least one authenticated, new message: `size` octets of UDP
        payload in all, `has_data` unless all were keepalives."""
        peer.rx_bytes += size
        if endpoint != peer.endpoint:
            self._roam(peer, endpoint)
        if keypair is peer.keypairs.next:
            self._confirm(peer, keypair, now)
        timers = peer.timers
        timers.any_authenticated_packet_received()
        timers.any_authenticated_packet_traversal(now)
        if has_data:
            timers.data_received(now)
        # whitepaper 6.2: the initiator also renews when it receives shortly before the end
        if (
            keypair.is_initiator
            and not peer.sent_last_minute_handshake
            and keypair is peer.keypairs.current
            and now - keypair.birthday > REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - REKEY_TIMEOUT
        ):
            peer.sent_last_minute_handshake = True
            self.initiate(peer, now)

    def send_staged(self, peer: Peer, now: float) -> None:
        """Sends what waits, if there is a session; else sees to one."""
        if not peer.staged or not self.is_up:
            return
        keypair = self._usable(peer, len(peer.staged), now)
        if keypair is None:
            self.initiate(peer, now)
            return
        packets = list(peer.staged)
        peer.staged.clear()
        self._seal_and_send(peer, keypair, packets, now)
        if any(packets):
            peer.timers.data_sent(now)

    def send_keepalive(self, peer: Peer, now: float) -> None:
        """Sends an empty packet, or what is staged if there is something."""
        if not peer.staged:
            peer.stage(_KEEPALIVE)
        self.send_staged(peer, now)

    def _seal_and_send(
        self, peer: Peer, keypair: Keypair, packets: Sequence[bytes], now: float
    ) -> None:
        endpoint = peer.endpoint
        if endpoint is None:
            self.drops[DropReason.NO_ENDPOINT] += len(packets)
            return
        datagrams = [keypair.sealing.seal(packet, self.mtu) for packet in packets]
        outbox = self.outbox
        if outbox and outbox[-1][0] is endpoint:
            outbox[-1][1].extend(datagrams)
        else:
            outbox.append((endpoint, datagrams))
        self.sent(peer, keypair, size=sum(map(len, datagrams)), now=now)

    def sent(self, peer: Peer, keypair: Keypair, *, size: int, now: float) -> None:
        """What follows from messages that were sealed: `size` octets of UDP payload in all."""
        peer.tx_bytes += size
        timers = peer.timers
        timers.any_authenticated_packet_sent()
        timers.any_authenticated_packet_traversal(now)
        # whitepaper 6.2
        if keypair.sealing.counter > REKEY_AFTER_MESSAGES or (
            keypair.is_initiator and now - keypair.birthday > REKEY_AFTER_TIME
        ):
            self.initiate(peer, now)

    # --- handshakes --------------------------------------------------------------------

    def initiate(self, peer: Peer, now: float, *, is_retry: bool = False) -> None:
        """Sends an initiation, but never two within REKEY_TIMEOUT (whitepaper 6.1)."""
        if not is_retry:
            peer.attempts = 0
        identity, endpoint, handshake = self.identity, peer.endpoint, peer.handshake
        if identity is None or endpoint is None or not self.is_up:
            return
        if now - handshake.last_initiation_sent < REKEY_TIMEOUT:
            return
        handshake.last_initiation_sent = now
        before, index = handshake.local_index, self.indices.new((peer, None))
        message = create_message_initiation(
            identity,
            handshake,
            local_index=index,
            timestamp=self._clock.stamp(now),
            rng=self._rng,
        )
        if isinstance(message, Rejected):
            self.indices.delete(index)
            self.drops[message.reason] += 1
            return
        self.indices.delete(before)
        self.events.append(HandshakeInitiated(peer.public_key, peer.attempts))
        self._send_handshake(peer, endpoint, message.pack(), now)
        peer.timers.handshake_initiated(now)

    def process_handshakes(self, now: float, budget: int) -> int:
        """Takes up to `budget` messages from the queue; returns how many."""
        queue = self.admission.queue
        count = min(len(queue), budget)
        for _ in range(count):
            data, endpoint = queue.popleft()
            kind = data[0]
            if kind == INITIATION:
                reason = self._receive_initiation(data, endpoint, now)
            elif kind == RESPONSE:
                reason = self._receive_response(data, endpoint, now)
            else:
                reason = self._receive_cookie_reply(data, now)
            if reason is not None:
                self.drops[reason] += 1
        return count

    def _receive_initiation(self, data: bytes, endpoint: UdpPath, now: float) -> DropReason | None:
        message = MessageInitiation.parse(data)
        if message is None or self.identity is None:
            return DropReason.NO_PRIVATE_KEY
        result = consume_message_initiation(self.identity, message, self._handshake_of, now)
        if isinstance(result, Rejected):
            return result.reason
        peer = self.peers[result.handshake.remote_static]
        self._authenticated(peer, endpoint, len(data), now)
        return self._respond(peer, now)

    def _respond(self, peer: Peer, now: float) -> DropReason | None:
        handshake = peer.handshake
        # our own initiation, if one was under way, has given way
        self.indices.delete(handshake.local_index)
        index = self.indices.new((peer, None))
        message = create_message_response(handshake, local_index=index, rng=self._rng)
        if isinstance(message, Rejected):
            self.indices.delete(index)
            handshake.clear()
            return message.reason
        self._begin_session(peer, now)
        if peer.endpoint is not None and self.is_up:
            # as in the kernel: after an answer, too, there is no initiation for a while
            handshake.last_initiation_sent = now
            self._send_handshake(peer, peer.endpoint, message.pack(), now)
        return None

    def _receive_response(self, data: bytes, endpoint: UdpPath, now: float) -> DropReason | None:
        message = MessageResponse.parse(data)
        if message is None or self.identity is None:
            return DropReason.NO_PRIVATE_KEY
        entry = self.indices.get(message.receiver_index)
        if entry is None or entry[1] is not None:
            return DropReason.UNKNOWN_INDEX
        peer = entry[0]
        rejected = consume_message_response(self.identity, peer.handshake, message)
        if rejected is not None:
            return rejected.reason
        self._authenticated(peer, endpoint, len(data), now)
        self._begin_session(peer, now)
        self._handshake_complete(peer, now, is_initiator=True)
        # the first message confirms the session to the responder, even when nothing waits
        self.send_keepalive(peer, now)
        return None

    def _receive_cookie_reply(self, data: bytes, now: float) -> DropReason | None:
        message = MessageCookieReply.parse(data)
        entry = self.indices.get(message.receiver_index) if message is not None else None
        if message is None or entry is None:
            return DropReason.UNKNOWN_INDEX
        if not entry[0].cookies.consume_reply(message, now):
            return DropReason.UNEXPECTED_COOKIE
        self.events.append(CookieReceived(entry[0].public_key))
        return None

    def _begin_session(self, peer: Peer, now: float) -> None:
        keypair = derive_keypair(peer.handshake, now)
        self.indices.swap(keypair.local_index, (peer, keypair))
        for dropped in peer.keypairs.insert(keypair):
            self.indices.delete(dropped.local_index)
        peer.timers.session_derived(now)

    def _confirm(self, peer: Peer, keypair: Keypair, now: float) -> None:
        for dropped in peer.keypairs.confirm(keypair)[1]:
            self.indices.delete(dropped.local_index)
        self._handshake_complete(peer, now, is_initiator=False)
        self.send_staged(peer, now)

    def _handshake_complete(self, peer: Peer, now: float, *, is_initiator: bool) -> None:
        peer.timers.handshake_complete()
        peer.attempts = 0
        peer.sent_last_minute_handshake = False
        peer.last_handshake = now
        self.events.append(HandshakeCompleted(peer.public_key, is_initiator, now))

    def _authenticated(self, peer: Peer, endpoint: UdpPath, size: int, now: float) -> None:
        """A handshake message of the peer passed every check."""
        peer.rx_bytes += size
        if endpoint != peer.endpoint:
            self._roam(peer, endpoint)
        peer.timers.any_authenticated_packet_received()
        peer.timers.any_authenticated_packet_traversal(now)

    def _roam(self, peer: Peer, endpoint: UdpPath) -> None:
        """Whitepaper 2.1: the source of the latest authenticated message is where the peer is."""
        old = peer.endpoint
        peer.endpoint = endpoint
        if old is None or old.address != endpoint.address:
            peer.roamed += 1
            self.events.append(EndpointRoamed(peer.public_key, old, endpoint))

    def _send_handshake(self, peer: Peer, endpoint: UdpPath, data: bytes, now: float) -> None:
        self._send_raw(endpoint, peer.cookies.add_macs(data, now))
        peer.tx_bytes += len(data)
        peer.timers.any_authenticated_packet_sent()
        peer.timers.any_authenticated_packet_traversal(now)

    def _send_raw(self, endpoint: UdpPath, data: bytes) -> None:
        self.outbox.append((endpoint, [data]))

    def _handshake_of(self, public_key: bytes) -> Handshake | None:
        peer = self.peers.get(public_key)
        return None if peer is None else peer.handshake

    def _knows_index(self, index: int) -> bool:
        return self.indices.get(index) is not None

    # --- life --------------------------------------------------------------------------

    def start(self, peer: Peer, now: float) -> None:
        """The interface came up, or the peer is new on one that is up."""
        peer.handshake.last_initiation_sent = -inf
        if peer.timers.interval:
            self.send_keepalive(peer, now)

    def stop(self, peer: Peer) -> None:
        """The interface went down, or the peer is gone: nothing of it stays but counters."""
        peer.timers.stop()
        self.zero(peer)

    def zero(self, peer: Peer) -> None:
        """Forgets all key material and what is staged (whitepaper 6.3)."""
        for keypair in peer.keypairs.clear():
            self.indices.delete(keypair.local_index)
        self.indices.delete(peer.handshake.local_index)
        peer.handshake.clear()
        peer.staged.clear()

    def expire(self, peer: Peer) -> None:
        """Our static key changed: sessions may still receive, but a handshake comes first."""
        self.indices.delete(peer.handshake.local_index)
        peer.handshake.forget_identity()
        peer.handshake.last_initiation_sent = -inf
        for keypair in peer.keypairs:
            keypair.sealing.counter = REJECT_AFTER_MESSAGES
