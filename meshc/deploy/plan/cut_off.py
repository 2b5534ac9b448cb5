"""Who is cut off: nodes that are reached through the tunnels, by a change at one end of these.

A session needs both ends to agree about their keys, the port and the addresses. While one end has
the new file and the other the old one, nothing goes through, and the other end is then changed by
nobody: the way to it is the session.
"""

from __future__ import annotations

from meshc.deploy.plan.target import Target
from meshc.wg.conf import Conf, PeerConf

_BOTH_ENDS = ("private_key", "listen_port", "addresses")
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
    before, after = ({peer.name: _session(peer) for peer in conf.peers} for conf in (old, new))
    ended = {name for name, session in before.items() if after.get(name) != session}
    return frozenset(ended & target.behind)


def _session(peer: PeerConf) -> tuple[object, object]:
    return peer.public_key, peer.preshared_key
