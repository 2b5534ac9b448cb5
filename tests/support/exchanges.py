"""Exchanges between all parties of a network, tried one by one: the slow way to what is owed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from meshc.prefixes import Prefix
from meshc.topology.obligations.due import Owed, Party
from meshc.topology.obligations.obligations import Obligations
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.walk import Packet, walk
from meshc.wg.conf import Conf

FAR = {4: Prefix.parse("1.1.1.1"), 6: Prefix.parse("2606:4700:4700::1111")}


class Exchange(NamedTuple):
    source: Party
    target: Party
    family: int


def owed_in(due: Obligations, rng: random.Random) -> Iterator[tuple[Exchange, Owed]]:
    """What is owed between all nodes, some hosts of every LAN and of every test, and the
    internet."""
    for family in due.families:
        parties = [*map(Party, due.around.addresses), *_hosts(due, family, rng)]
        for source in parties:
            for target in parties:
                yield Exchange(source, target, family), due.owed(source, target, family)


def _hosts(due: Obligations, family: int, rng: random.Random) -> Iterator[Party]:
    yield Party(host=FAR[family])
    for prefix in {*(prefix for prefix, _ in due.around.lans), *due.cuts()}:
        if prefix.family == family:
            host = Prefix.host(prefix.network()[rng.randrange(1 << min(20, _bits(prefix)))])
            if not any(pool.contains(host) for pool in due.around.pools):
                yield due.party(host)


def _bits(prefix: Prefix) -> int:
    return (32 if prefix.family == 4 else 128) - prefix.length


def arrives(network: NetworkModel, due: Obligations, one: Exchange) -> bool:
    """Whether a packet gets to the right place, and its answer back."""
    source, target = (address_of(due, party, one.family) for party in one[:2])
    there = walk(network, one.source.node, Packet(one.family, source.value, target.value))
    end = one.target.node or due.around.exits.get(one.source.node)
    if not there.delivered or there.path[-1] != end:
        return False
    if one.target.in_internet and there.way is not RouteKind.UPLINK:
        return False
    back = walk(network, end, Packet(one.family, target.value, source.value, established=True))
    return back.delivered and back.path[-1] == one.source.node


def address_of(due: Obligations, party: Party, family: int) -> Prefix:
    if party.host is not None:
        return party.host
    return next(a for a in due.around.addresses[party.node] if a.family == family)


def without(conf: Conf, address: Prefix) -> Conf:
    """The file with no AllowedIPs around one address."""
    peers = (
        peer._replace(allowed_ips=tuple(p for p in peer.allowed_ips if not p.contains(address)))
        for peer in conf.peers
    )
    return replace(conf, peers=tuple(peers))
