"""A default route that leaves something out, written as the list of all the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.errors import PrefixFormatError
from meshc.prefixes import PRIVATE_SPACE, Prefix, collapse, without
from meshc.wg.conf import Conf, PeerConf

WIDEST_PART = 7  # the longest prefix of those that no LAN is as wide as
_ALL = tuple(Prefix(family, 0, 0) for family in (4, 6))


def is_default(peer: PeerConf) -> bool:
    """Whether everything goes to the peer, in one piece or in several."""
    return any(prefix.length == 0 for prefix in collapse(peer.allowed_ips))


def has_parts(peer: PeerConf) -> bool:
    """Whether its list holds parts of a default route: nothing else is so wide."""
    return any(0 < prefix.length <= WIDEST_PART for prefix in collapse(peer.allowed_ips))


def kept_beside(conf: Conf, mesh: Iterable[Prefix]) -> tuple[Prefix, ...]:
    """What the user of an exit keeps out of the tunnel, as few prefixes. `mesh` is what the network
    has itself and may stand for either; endpoints are left out by themselves.

    A family of which nothing goes into the tunnel is left out as a whole where the node has an
    address of it; else nobody has thought of it, and it is no exception.
    """
    inside = [prefix for peer in conf.peers for prefix in peer.allowed_ips]
    own = {address.family for address in conf.addresses}
    used = {prefix.family for prefix in inside} | own
    wanted = [whole for whole in _ALL if whole.family in used]
    doors = set(_doors(conf))
    left = [prefix for prefix in without(wanted, inside) if prefix not in doors]
    known = collapse(mesh)
    wider = collapse((*left, *known))
    return tuple(p for p in wider if not any(one.contains(p) for one in known))


def in_words(beside: tuple[Prefix, ...], conf: Conf) -> tuple[str, ...]:
    """As `exit_except` says it: `private` where all of that stays out, in the families that the
    file speaks of."""
    inside = {prefix.family for peer in conf.peers for prefix in peer.allowed_ips}
    spoken = inside | {prefix.family for prefix in beside}
    private = [prefix for prefix in PRIVATE_SPACE if prefix.family in spoken]
    if 4 not in spoken or not all(any(p.contains(one) for p in beside) for one in private):
        return tuple(map(str, beside))
    rest = (p for p in beside if not any(one.contains(p) for one in private))
    return ("private", *map(str, rest))


def needs_an_app(conf: Conf, beside: tuple[Prefix, ...]) -> bool:
    """Whether WireGuard's own packets would follow this list, so that the file works only where the
    app keeps its sockets out of the tunnel."""
    split = {prefix.family for prefix in beside if prefix.length}
    if not split or conf.table or conf.pre_up or conf.post_up:
        return False
    literal = set(_doors(conf))
    inside = [prefix for peer in conf.peers for prefix in peer.allowed_ips if prefix.length]
    named = any(peer.endpoint and peer.endpoint.family is None for peer in conf.peers)
    return named or any(
        door.family in split and any(p.contains(door) for p in inside) for door in literal
    )


def only_family(conf: Conf, beside: tuple[Prefix, ...]) -> int | None:
    """The family in which a node must call where only names say whom: where a part of the other
    one goes into the tunnel, WireGuard's own packets would follow it."""
    family = _safe_family(conf, beside)
    # who calls somebody in the other family as well is not the one that lacks it
    return family if family and all(door.family == family for door in _doors(conf)) else None


def only_family_of_named(conf: Conf, beside: tuple[Prefix, ...]) -> int | None:
    """The same of those who are called by name, where the node itself has both."""
    family = _safe_family(conf, beside)
    return family if family and only_family(conf, beside) is None else None


def _safe_family(conf: Conf, beside: tuple[Prefix, ...]) -> int | None:
    """In which a name must be called."""
    split = {prefix.family for prefix in beside if prefix.length}
    if len(split) != 1 or conf.table or needs_an_app(conf, beside):
        return None
    named = any(peer.endpoint and peer.endpoint.family is None for peer in conf.peers)
    return 10 - split.pop() if named else None


def _doors(conf: Conf) -> Iterator[Prefix]:
    for peer in conf.peers:
        try:
            if peer.endpoint is not None:
                yield Prefix.host(peer.endpoint.host)
        except PrefixFormatError:
            continue  # a name
