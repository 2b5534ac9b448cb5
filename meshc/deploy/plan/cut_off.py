"""Who is cut off: nodes that are reached through the tunnels, by a change at one end of these.

A session needs both ends to agree about their keys, the port and the addresses. While one end has
the new file and the other the old one, nothing goes through, and the other end is then changed by
nobody: the way to it is the session.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshc.deploy.plan.target import Target
from meshc.prefixes import Prefix
from meshc.wg.conf import Conf, PeerConf

_BOTH_ENDS = ("private_key", "listen_port")
"""Settings that the other ends know of."""


def cut_off(target: Target, old: Conf | None, new: Conf) -> frozenset[str]:
    """Of the nodes behind the tunnels, those that have no way any more when only this node has its
    new file. A relay counts for all of them: which of them goes through it, and which has another
    way, changes with what is deployed."""
    if old is None or not target.behind:
        return frozenset()
    relays = target.plan.spec.is_relay
    if relays and any(getattr(old, key) != getattr(new, key) for key in _BOTH_ENDS):
        return target.behind
    moved = _addresses(old) ^ _addresses(new)
    strange = {
        name for name in target.behind if relays and not _accepts(target.accepted[name], moved)
    }
    before, after = ({peer.name: _session(peer) for peer in conf.peers} for conf in (old, new))
    ended = {name for name, session in before.items() if after.get(name) != session}
    ended |= _without_way_back(old, new)
    return frozenset((ended & target.behind) | strange)


def _without_way_back(old: Conf, new: Conf) -> set[str]:
    """The peers to whose address, as it is now, nothing is sent any more."""
    sent = [prefix for peer in new.peers for prefix in peer.allowed_ips]
    return {
        peer.name
        for peer in old.peers
        if not _accepts(sent, (prefix for prefix in peer.allowed_ips if prefix.is_host))
    }


def _addresses(conf: Conf) -> set[Prefix]:
    return {address.host for address in conf.addresses}


def _accepts(prefixes: Iterable[Prefix], addresses: Iterable[Prefix]) -> bool:
    """Whether what comes from these addresses passes without a change of the other end."""
    return all(any(prefix.contains(one) for prefix in prefixes) for one in addresses)


def _session(peer: PeerConf) -> tuple[object, object]:
    return peer.public_key, peer.preshared_key
