"""Timer expiry: what a session does when each of its five timers runs out (whitepaper 6)."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from meshc.engine.proto.constants import (
    KEEPALIVE_TIMEOUT,
    MAX_TIMER_HANDSHAKES,
    ZERO_KEYS_AFTER_TIME,
)
from meshc.engine.proto.drop_reason import DropReason
from meshc.engine.proto.events import HandshakeAbandoned, KeysZeroed
from meshc.engine.proto.peer import Peer
from meshc.engine.proto.sessions import Sessions


def handle_expired(sessions: Sessions, now: float) -> None:
    """Act on every timer that has expired."""
    for peer, names in sessions.timers.due(now):
        for name in names:
            _ACTIONS[name](sessions, peer, now)


def _retransmit_handshake(sessions: Sessions, peer: Peer, now: float) -> None:
    # twenty in all, as in the kernel
    if peer.attempts > MAX_TIMER_HANDSHAKES:
        peer.timers.send_keepalive = inf
        dropped = len(peer.staged)
        peer.staged.clear()
        sessions.drops[DropReason.HANDSHAKE_ABANDONED] += dropped
        if peer.timers.zero_key_material == inf:
            peer.timers.set("zero_key_material", now + ZERO_KEYS_AFTER_TIME)
        sessions.events.append(HandshakeAbandoned(peer.public_key, dropped))
        return
    peer.attempts += 1
    peer.forget_source()
    sessions.initiate(peer, now, is_retry=True)


def _send_keepalive(sessions: Sessions, peer: Peer, now: float) -> None:
    sessions.send_keepalive(peer, now)
    if peer.timers.need_another_keepalive:
        peer.timers.need_another_keepalive = False
        peer.timers.set("send_keepalive", now + KEEPALIVE_TIMEOUT)


def _new_handshake(sessions: Sessions, peer: Peer, now: float) -> None:
    peer.forget_source()
    sessions.initiate(peer, now)


def _zero_key_material(sessions: Sessions, peer: Peer, now: float) -> None:
    sessions.zero(peer)
    sessions.events.append(KeysZeroed(peer.public_key))


def _persistent_keepalive(sessions: Sessions, peer: Peer, now: float) -> None:
    if peer.timers.interval:
        sessions.send_keepalive(peer, now)


_ACTIONS: dict[str, Callable[[Sessions, Peer, float], None]] = {
    "retransmit_handshake": _retransmit_handshake,
    "send_keepalive": _send_keepalive,
    "new_handshake": _new_handshake,
    "zero_key_material": _zero_key_material,
    "persistent_keepalive": _persistent_keepalive,
}
