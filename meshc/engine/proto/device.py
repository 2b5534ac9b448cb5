"""The WireGuard of one interface, without any I/O.

Bytes and the time go in through the `receive_*` verbs, `configure` and `handle_timeout`; what is
to be sent, delivered and told comes out of `datagrams_to_send`, `packets_to_deliver`,
`refusals_to_send` and `next_event`. After *any* call that takes `now`, drain those and arm a
timer for `next_timeout`. Nothing here reads a clock, a socket or a source of randomness, and
nothing that comes from the network raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby, islice
from math import inf
from operator import itemgetter

from meshc.engine.proto.admission import Admission, Sender
from meshc.engine.proto.allowedips import AllowedIPs
from meshc.engine.proto.datapath import Buffer, single
from meshc.engine.proto.device_status import DeviceStatus, PeerCounters
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.events import Event, LoadChanged
from meshc.engine.proto.expiry import handle_expired
from meshc.engine.proto.identity import Identity
from meshc.engine.proto.messages import TransportHeader
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.sessions import Sessions
from meshc.engine.proto.tai64n import TimestampClock, WallEpoch
from meshc.engine.proto.udp_path import UdpPath
from meshc.engine.proto.unreachable import Refusals
from meshc.engine.proto.update_check import check_update
from meshc.keys import PresharedKey, PrivateKey, PublicKey, encode
from meshc.wg.device_values import DeviceState, DeviceUpdate, PeerState, PeerUpdate

# Diffie-Hellmans a call: a handshake costs about 0.3 ms, and transport data must not wait long
HANDSHAKE_BUDGET = 4

_TRANSPORT_TYPE = b"\x04\0\0\0"


class Device:
    """One WireGuard interface.

    `mtu` is the interface's (it limits padding; 0 for no limit), `listen_port` the port that the
    shell has bound, `fwmark` the mark that it sets; the shell keeps them right.
    `newest_timestamp` is of the last run's initiations.
    """

    def __init__(
        self, *, rng: Callable[[int], bytes], wall_epoch: WallEpoch, newest_timestamp: int = 0
    ) -> None:
        self.listen_port = 0
        self.fwmark = 0
        self._clock = TimestampClock(wall_epoch, newest_timestamp)
        self._sessions = Sessions(rng=rng, clock=self._clock)
        self._admission: Admission = self._sessions.admission
        self._allowed_ips: AllowedIPs[Peer] = AllowedIPs()
        self._inbox: list[bytes] = []
        self._refusals = Refusals()
        self._now = self._budget_time = wall_epoch.monotonic
        self._budget = HANDSHAKE_BUDGET

    # --- what there is -----------------------------------------------------------------

    @property
    def mtu(self) -> int:
        return self._sessions.mtu

    @mtu.setter
    def mtu(self, mtu: int) -> None:
        self._sessions.mtu = mtu

    @property
    def is_up(self) -> bool:
        return self._sessions.is_up

    @property
    def drops(self) -> dict[DropReason, int]:
        """How many packets or messages were dropped, for every reason."""
        return self._sessions.drops

    @property
    def timestamp_floor(self) -> int:
        """Unix nanoseconds of the newest initiation's timestamp, 0 for none."""
        return self._clock.newest

    def set_wall_clock(self, epoch: WallEpoch) -> None:
        """The wall clock was set: timestamps and the times of handshakes follow it."""
        self._clock.epoch = epoch

    def status(self, first: int = 0, most: int | None = None) -> DeviceStatus:
        """What metrics show, with at most `most` peers from number `first` on."""
        peers, end = self._sessions.peers, None if most is None else first + most
        shown = tuple(map(self._counters, islice(peers.values(), first, end)))
        drops = {str(reason): count for reason, count in self.drops.items() if count}
        return DeviceStatus(shown, len(peers), self._admission.under_load, drops)

    def state(self) -> DeviceState:
        """What a UAPI `get` shows; peers in the order in which they were added."""
        identity = self._sessions.identity
        return DeviceState(
            private_key=identity.private_key if identity else None,
            listen_port=self.listen_port,
            fwmark=self.fwmark,
            peers=tuple(self._peer_state(peer) for peer in self._sessions.peers.values()),
        )

    def receive_datagrams(self, batch: Sequence[tuple[Buffer, UdpPath]], now: float) -> None:
        """Datagrams from UDP, in order of arrival."""
        for endpoint, group in groupby(batch, itemgetter(1)):
            self._sort_run(endpoint, [data for data, _ in group], now)
        self._after_datagrams(now)

    def receive_run(self, endpoint: UdpPath, datagrams: Sequence[Buffer], now: float) -> None:
        """Datagrams from one endpoint, as one read with UDP_GRO brings them."""
        self._sort_run(endpoint, datagrams, now)
        self._after_datagrams(now)

    def receive_unsorted(
        self,
        batch: Sequence[tuple[bytes, Sender]],
        endpoint_of: Callable[[Sender], UdpPath],
        now: float,
        *,
        busy: bool = False,
    ) -> None:
        """Datagrams that are mostly no transport data, with senders as the shell has them.

        In a flood nearly all have a wrong mac1, and reading an address costs more than that.
        `busy` says that transport data came with them and more may wait.
        """
        admission, drops = self._admission, self.drops
        admission.busy = busy
        with_mac1, others = admission.sift(batch)
        drops[DropReason.BAD_MAC1] += len(batch) - len(with_mac1) - len(others)
        for data, sender in with_mac1:
            reason = admission.admit(data, endpoint_of(sender), now)
            if reason is not None:
                drops[reason] += 1
        for data, sender in others:
            reason = admission.refuse(data)
            if reason is None or data[:4] == _TRANSPORT_TYPE:
                self._sort_run(endpoint_of(sender), (data,), now)
            else:
                drops[reason] += 1
        self._after_datagrams(now)

    def receive_packets(self, batch: Sequence[bytes], now: float) -> None:
        """Inner packets from the tunnel interface, in order."""
        self._now = now
        for destination, packets in groupby(batch, single.destination_of):
            self._send(destination, list(packets), now)

    def handle_timeout(self, now: float) -> None:
        """Acts on every deadline that has passed; calling it too early does no harm."""
        self._now = now
        handle_expired(self._sessions, now)
        self._allowed_ips.settle(now)
        self._sessions.process_handshakes(now, HANDSHAKE_BUDGET)
        self._update_load(now)

    def set_up(self, up: bool, now: float) -> None:
        """The interface was brought up or down. Down ends all sessions, as in wireguard-go."""
        self._now = now
        if up == self._sessions.is_up:
            return
        self._sessions.is_up = up
        for peer in self._sessions.peers.values():
            if up:
                self._sessions.start(peer, now)
            else:
                self._sessions.stop(peer)

    def configure(self, update: DeviceUpdate, now: float) -> None:
        """Applies all of a change or none of it. Raises: ConfigError before anything changed."""
        check_update(update)
        self._now = now
        had_key = self._sessions.identity is not None
        if update.private_key is not None:
            self._set_private_key(update.private_key)
        if self._moves_out(update):
            for peer in self._sessions.peers.values():
                peer.forget_source()
        if update.replace_peers:
            for peer in list(self._sessions.peers.values()):
                self._remove(peer)
        if self._sessions.is_up and not had_key and self._sessions.identity is not None:
            for peer in self._sessions.peers.values():
                self._sessions.start(peer, now)
        for change in update.peers:
            self._configure_peer(change, now)

    # --- bulk data path ----------------------------------------------------------------

    @property
    def sessions(self) -> Sessions:
        """For `Inbound` and `Outbound`, which move transport data without going through this."""
        return self._sessions

    @property
    def allowed_ips(self) -> AllowedIPs[Peer]:
        """For `Inbound` and `Outbound`; they only look up."""
        return self._allowed_ips

    # --- output ------------------------------------------------------------------------

    def datagrams_to_send(self) -> list[tuple[UdpPath, list[bytes]]]:
        """What is to be sent, as runs per endpoint, in order; handed out once."""
        outbox = self._sessions.outbox
        if outbox:
            self._sessions.outbox = []
        return outbox

    def packets_to_deliver(self) -> list[bytes]:
        """Inner packets for the tunnel interface, in order; handed out once."""
        inbox = self._inbox
        if inbox:
            self._inbox = []
        return inbox

    def refusals_to_send(self) -> list[bytes]:
        """ICMP errors about inner packets, to be sent from an address of this host or, where that
        cannot be done, delivered as they are; handed out once."""
        return self._refusals.take()

    def next_event(self) -> Event | None:
        """The oldest event not yet handed out."""
        events = self._sessions.events
        return events.popleft() if events else None

    def wake_at(self) -> float:
        """A time not later than `next_timeout`'s, infinity for never: cheaper to ask."""
        if self._admission.queue:
            return self._now
        others = self._admission.load_ends, self._allowed_ips.settles
        return min(self._sessions.timers.lower_bound(), *others)

    def next_timeout(self) -> tuple[float, str] | None:
        """When to call `handle_timeout`, and the name of what is due then.

        A time that has passed means at once, but after reading what the sockets hold.
        """
        if self._admission.queue:
            return self._now, "handshake_queue"
        ends = (self._admission.load_ends, "under_load"), (self._allowed_ips.settles, "moves")
        first = min(*ends, self._sessions.timers.next() or ends[0], key=itemgetter(0))
        return first if first[0] < inf else None

    # --- receiving ---------------------------------------------------------------------

    def _sort_run(self, endpoint: UdpPath, datagrams: Sequence[Buffer], now: float) -> None:
        """Transport data to its session, run by run of one receiver index; the rest to the gate."""
        self._now = now
        for index, run in groupby(datagrams, _receiver_index):
            if index is not None:
                self._receive_transport(endpoint, index, list(run), now)
                continue
            for data in run:
                self._receive_handshake(endpoint, bytes(data), now)

    def _after_datagrams(self, now: float) -> None:
        """Some of the handshakes that wait, now that transport data is through."""
        self._now = now
        if self._admission.queue:
            # a batch comes in as many calls with one `now`: they share one budget
            if now != self._budget_time:
                self._budget_time, self._budget = now, HANDSHAKE_BUDGET
            self._budget -= self._sessions.process_handshakes(now, self._budget)
        self._update_load(now)

    def _receive_handshake(self, endpoint: UdpPath, data: bytes, now: float) -> None:
        reason = self._admission.offer(data, endpoint, now)
        if reason is not None:
            self.drops[reason] += 1

    def _receive_transport(
        self, endpoint: UdpPath, index: int, datagrams: Sequence[Buffer], now: float
    ) -> None:
        opened = self._sessions.receive_transport(endpoint, index, datagrams, now)
        if opened is not None:
            peer, plaintexts = opened
            for packet in filter(None, plaintexts):
                length = single.inner_length(packet, self._allowed_ips, peer)
                if isinstance(length, DropReason):
                    self.drops[length] += 1
                else:
                    self._inbox.append(packet[:length])

    def _update_load(self, now: float) -> None:
        if self._admission.update_load(now):
            self._sessions.events.append(LoadChanged(self._admission.under_load))

    def _send(self, destination: bytes | None, packets: Sequence[bytes], now: float) -> None:
        """Packets of one destination to the peer that owns it."""
        drops = self.drops
        if destination is None:
            drops[DropReason.PACKET_MALFORMED] += len(packets)
            return
        peer = self._allowed_ips.lookup(destination)
        if not self._sessions.is_up:
            drops[DropReason.INTERFACE_DOWN] += len(packets)
        elif peer is None:
            drops[DropReason.NO_PEER] += len(packets)
            self._refusals.add(packets[0], now)
        elif peer.endpoint is None:
            drops[DropReason.NO_ENDPOINT] += len(packets)
            self._refusals.add(packets[0], now)
        else:
            self._sessions.send(peer, packets, now)

    # --- configuration -----------------------------------------------------------------

    def _set_private_key(self, private_key: PrivateKey) -> None:
        sessions = self._sessions
        if private_key.raw == bytes(len(private_key.raw)):
            if sessions.identity is None:
                return
            sessions.identity = None
        else:
            identity = Identity(private_key)
            if sessions.identity and sessions.identity.private_key == identity.private_key:
                return
            sessions.identity = identity
            own = sessions.peers.get(identity.public_key)
            if own is not None:
                self._remove(own)
        self._admission.set_public_key(sessions.identity.public_key if sessions.identity else None)
        for peer in sessions.peers.values():
            sessions.expire(peer)

    def _moves_out(self, update: DeviceUpdate) -> bool:
        before = port, mark = self.listen_port, self.fwmark
        self.listen_port = port if update.listen_port is None else update.listen_port
        self.fwmark = mark if update.fwmark is None else update.fwmark
        return (self.listen_port, self.fwmark) != before

    def _configure_peer(self, change: PeerUpdate, now: float) -> None:
        sessions, key = self._sessions, change.public_key.raw
        if sessions.identity is not None and key == sessions.identity.public_key:
            return  # a peer with our own key is ignored, as in the kernel
        peer = sessions.peers.get(key)
        if change.remove:
            if peer is not None:
                self._remove(peer)
            return
        is_new = peer is None
        if peer is None:
            if change.update_only:
                return
            peer = sessions.peers[key] = Peer(key, sessions.timers)
        if change.preshared_key is not None:
            peer.handshake.preshared_key = change.preshared_key.raw
        if change.endpoint is not None:
            peer.endpoint = UdpPath.to(change.endpoint)
        if change.replace_allowed_ips:
            self._allowed_ips.keep_only(change.allowed_ips, peer, now)
        for prefix in change.allowed_ips:
            self._allowed_ips.insert(prefix, peer, now)
        for prefix in change.removed_ips:
            self._allowed_ips.remove(prefix, peer, now)
        was_off = not peer.timers.interval
        if change.keepalive is not None:
            peer.timers.set_interval(change.keepalive, now)
        if sessions.is_up:
            if is_new:
                sessions.start(peer, now)
            elif was_off and peer.timers.interval:
                sessions.send_keepalive(peer, now)
            sessions.send_staged(peer, now)

    def _remove(self, peer: Peer) -> None:
        self._sessions.stop(peer)
        self._allowed_ips.remove_owner(peer)
        del self._sessions.peers[peer.public_key]

    def _counters(self, peer: Peer) -> PeerCounters:
        at = self._handshake_at(peer)
        return PeerCounters(peer.public_key, peer.rx_bytes, peer.tx_bytes, at, peer.roamed)

    def _handshake_at(self, peer: Peer) -> int:
        return 0 if peer.last_handshake is None else self._clock.unix_ns_at(peer.last_handshake)

    def _peer_state(self, peer: Peer) -> PeerState:
        psk = peer.handshake.preshared_key
        return PeerState(
            public_key=PublicKey(encode(peer.public_key)),
            preshared_key=PresharedKey(psk) if any(psk) else None,
            endpoint=peer.endpoint.endpoint if peer.endpoint else None,
            allowed_ips=tuple(self._allowed_ips.owned(peer)),
            keepalive=peer.timers.interval,
            last_handshake=self._handshake_at(peer),
            rx_bytes=peer.rx_bytes,
            tx_bytes=peer.tx_bytes,
        )


def _receiver_index(datagram: Buffer) -> int | None:
    """The receiver index of transport data; None of anything else."""
    header = TransportHeader.parse(datagram)
    return None if header is None else header.receiver_index
