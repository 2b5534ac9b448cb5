"""The rules of a session: can two nodes have one, and is it there when it is needed?

A session needs both sides to list each other, equal pre-shared keys, and one side that can send
the first packet. The other side must then be able to start as well, or be kept reachable: the NAT
in front of it forgets a mapping that carries nothing (RFC 4787 section 4.3), so that its own
PersistentKeepalive has to keep it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from meshc.keys import KEY_LENGTH
from meshc.topology.obligations.silence import keeps_mapping
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.expectation import literal_family
from meshc.topology.proof.node_model import NodeModel
from meshc.wg.conf import PeerConf
from meshc.wg.endpoint import Endpoint


class Reach(Enum):
    """What an `Endpoint` line is worth."""

    NONE = "does not reach it"
    OPEN = "public endpoint"
    LAN = "endpoint inside the site"
    FIXED = "fixed endpoint behind a NAT"


STARTS = frozenset({Reach.OPEN, Reach.LAN})


def session_fault(sender: NodeModel, receiver: NodeModel) -> LossReason | None:
    """Why a packet of `sender` does not reach `receiver` over their session; None when it does.

    `sender` is known to list `receiver`'s public key.
    """
    ours, theirs = section(sender, receiver), section(receiver, sender)
    if theirs is None and receiver.conf is not None:
        return LossReason.NOT_LISTED
    if ours is not None and theirs is not None and _psk(ours) != _psk(theirs):
        return LossReason.PRESHARED_KEY
    out, back = reach(sender, receiver), reach(receiver, sender)
    if out in STARTS:
        return None
    if back in STARTS:
        return None if _keeps_alive(receiver, sender) else LossReason.ASLEEP
    if out is Reach.FIXED and back is Reach.FIXED:
        # the receiver's keepalive opens its own filter to the sender, who has something to send
        return None if _keeps_alive(receiver, sender) else LossReason.ASLEEP
    return LossReason.NO_ENDPOINT


def reach(sender: NodeModel, receiver: NodeModel) -> Reach:
    """The best that `sender` can do to send `receiver` the first packet."""
    if sender.conf is None:
        # without a file of its own it is taken to use whatever there is
        found = {reach_by(endpoint, sender, receiver) for endpoint in _all_endpoints(receiver)}
        return next((r for r in (Reach.LAN, Reach.OPEN, Reach.FIXED) if r in found), Reach.NONE)
    ours = section(sender, receiver)
    if ours is None or ours.endpoint is None:
        return Reach.NONE
    return reach_by(ours.endpoint, sender, receiver)


def reach_by(endpoint: Endpoint, sender: NodeModel, receiver: NodeModel) -> Reach:
    """Whether this endpoint, written at `sender`, is `receiver`'s."""
    there = receiver.facts
    local = receiver.conf.listen_port if receiver.conf is not None else None
    if receiver.conf is not None and not local:
        return Reach.NONE
    lan = there.lan_endpoint
    if (
        lan is not None
        and there.site is not None
        and sender.facts.site == there.site
        and same_host(lan.host, endpoint.host)
        and (local or endpoint.port) == endpoint.port == (lan.port or endpoint.port)
    ):
        return Reach.LAN
    if not any(
        e.port == endpoint.port and same_host(e.host, endpoint.host) for e in there.endpoints
    ):
        return Reach.NONE
    if local is not None and local != there.listen_port:
        return Reach.NONE
    family = literal_family(endpoint.host)
    families = set(sender.facts.underlay)
    families &= {family} if family else set(there.underlay)
    if not families:
        return Reach.NONE
    if there.open:
        return Reach.OPEN
    return Reach.FIXED if there.fixed else Reach.NONE


def section(model: NodeModel, other: NodeModel) -> PeerConf | None:
    """`model`'s [Peer] section for `other`."""
    return model.peers.get(other.key) if other.key is not None else None


def same_host(one: str, other: str) -> bool:
    """Host names compare without case (RFC 4343), literal addresses by value."""
    return canonical_host(one) == canonical_host(other)


def canonical_host(host: str) -> str:
    from ipaddress import ip_address

    return str(ip_address(host)) if literal_family(host) else host.lower().rstrip(".")


def _psk(peer: PeerConf) -> bytes:
    """A pre-shared key of zeros is none (wg(8); whitepaper section 5.4: "psk = 0^32")."""
    return peer.preshared_key.raw if peer.preshared_key is not None else bytes(KEY_LENGTH)


def _keeps_alive(model: NodeModel, other: NodeModel) -> bool:
    if model.conf is None:
        return True
    ours = section(model, other)
    return ours is not None and keeps_mapping(ours.keepalive)


def _all_endpoints(model: NodeModel) -> Iterator[Endpoint]:
    """Every endpoint at which somebody may reach the node."""
    yield from model.facts.endpoints
    lan = model.facts.lan_endpoint
    if lan is not None:
        port = lan.port or (model.conf.listen_port if model.conf else None) or 0
        yield Endpoint(lan.host, port)
