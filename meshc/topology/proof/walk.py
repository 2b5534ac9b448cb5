"""The walk of one packet, one step at a time: the definition of what the emitted files do.

At each node: is the address its own? Which way do its routes send it? Which peer has the longest
AllowedIPs match? Does the session to that peer stand? Does the peer accept the source? May the
packet be forwarded? The fast prover must agree with this walk, packet for packet.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from meshc.keys import fingerprint
from meshc.prefixes import Prefix, address_text
from meshc.topology.proof.drop import Drop, LossReason
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.policy_rule import RouteQuery
from meshc.topology.proof.session_rules import session_fault
from meshc.values import dataclass

_TTL = 64


class Packet(NamedTuple):
    """Addresses as integers. `established` packets answer one that has gone the other way. With a
    `protocol` the policies are asked as well; without, the question is what is carried."""

    family: int
    source: int
    target: int
    established: bool = False
    protocol: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Hop:
    """What one node did with the packet. `match` is the AllowedIPs entry that chose the peer,
    `accepted` the one that let the source in, `rule` the firewall rule that forwarded it."""

    node: str
    peer: str = ""
    match: Prefix | None = None
    accepted: Prefix | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A packet's life. `drop` is None when it arrived; `way` is how the last node took it."""

    origin: str
    target: str
    packet: Packet
    hops: tuple[Hop, ...]
    drop: Drop | None
    way: RouteKind | None = None

    @property
    def delivered(self) -> bool:
        return self.drop is None

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(hop.node for hop in self.hops)

    @property
    def text(self) -> str:
        """`phone → home-server: public-server1 drops it: ...`, or the path."""
        end = " → ".join(self.path) if self.drop is None else self.drop.text
        return f"{self.origin} → {self.target}: {end}"


def walk(network: NetworkModel, origin: str, packet: Packet, *, target: str = "") -> Trace:
    """Sends a packet from `origin` and follows it to its end.

    A source address that is not `origin`'s own is a host on a LAN behind it (or, for an answer
    from the internet, behind an exit): the packet must then be forwarded into the tunnel.
    """
    return _Walk(network, origin, packet, target).run()


def walk_pair(network: NetworkModel, source: str, target: str, family: int) -> Trace:
    """The packet from one node's own address to another's."""
    a, b = network.model(source), network.model(target)
    start, end = a.address(family), b.address(family)
    for model, address in ((a, start), (b, end)):
        if address is None:
            drop = Drop(LossReason.NO_ADDRESS, model.name, family=family)
            return Trace(source, target, Packet(family, 0, 0), (Hop(source),), drop)
    assert start is not None, "checked above"
    assert end is not None, "checked above"
    return walk(network, source, Packet(family, start.value, end.value), target=target)


class _Walk:
    def __init__(self, network: NetworkModel, origin: str, packet: Packet, target: str) -> None:
        self.network = network
        self.origin = origin
        self.packet = packet
        self.target = target or address_text(packet.family, packet.target)
        self.hops: list[Hop] = []

    def run(self) -> Trace:
        family, source, target = self.packet[:3]
        here = self.network.model(self.origin)
        way_in = TUNNEL if not here.owns(family, source) else ""
        if way_in:
            way_in = OUTSIDE
        accepted: Prefix | None = None
        for _hop in range(_TTL):
            self.hops.append(Hop(here.name, accepted=accepted))
            fault = self.enter(here, way_in)
            if fault is not None:
                return self.end(fault)
            bound = self.packet.established and not way_in
            query = RouteQuery(family, source, target, way_in, bound)
            way, lan = here.route(family, target, query)
            if here.conf is None and way is RouteKind.UPLINK:
                known = here.facts.exit or self.network.owner(family, target)
                way = RouteKind.TUNNEL if known else way
            if way is RouteKind.OWN:
                return self.end(self.pass_on(here, way_in, "") if way_in else None, way=way)
            if way in (RouteKind.LAN, RouteKind.UPLINK):
                return self.leave(here, way, lan, way_in)
            fault = self.pass_on(here, way_in, TUNNEL)
            if fault is not None:
                return self.end(fault)
            there, fault = self.next_model(here)
            if there is None:
                return self.end(fault)
            accepted, fault = self.receive(here, there)
            if fault is not None:
                return self.end(fault)
            if there.name in (hop.node for hop in self.hops):
                ring = self.path_names()
                ring = [*ring[ring.index(there.name) :], there.name]
                return self.end(self.drop(LossReason.LOOP, there.name, detail=" → ".join(ring)))
            here, way_in = there, TUNNEL
        raise AssertionError("a path without repetition is shorter than the TTL allows")

    def path_names(self) -> list[str]:
        return [hop.node for hop in self.hops]

    def next_model(self, here: NodeModel) -> tuple[NodeModel | None, Drop | None]:
        """The peer with the longest match, if the session to it stands."""
        family, _, target = self.packet[:3]
        if here.conf is None:
            there = mirrored_next(self.network, here, family, target)
            if there is None:
                return None, self.drop(LossReason.NO_PEER, here.name)
            match = None
        else:
            key, match = here.peer_for(family, target)
            if key is None:
                return None, self.drop(LossReason.NO_PEER, here.name)
            name = here.peers[key].name or f"key {fingerprint(key)}"
            if key == here.key:
                return None, self.drop(LossReason.OWN_KEY, here.name, name)
            there = self.network.with_key(key)
            if there is None:
                return None, self.drop(LossReason.UNKNOWN_KEY, here.name, name)
        self.hops[-1] = replace(self.hops[-1], peer=there.name, match=match)
        fault = session_fault(here, there)
        # the source filter let the first packet in only from the peer to which the answer goes
        awake = fault is LossReason.ASLEEP and self.packet.established
        if fault is not None and not awake:
            return None, self.drop(fault, here.name, there.name)
        return there, None

    def receive(self, here: NodeModel, there: NodeModel) -> tuple[Prefix | None, Drop | None]:
        """WireGuard's source filter at the receiver."""
        family, source = self.packet[:2]
        if there.conf is None:
            return None, None
        key, match = there.peer_for(family, source)
        if key is None:
            return None, self.drop(LossReason.SOURCE_OF_NOBODY, there.name)
        if key != here.key:
            other = self.network.with_key(key)
            name = other.name if other else there.peers[key].name or f"key {fingerprint(key)}"
            return None, self.drop(LossReason.SOURCE_OF_PEER, there.name, name)
        return match, None

    def leave(self, here: NodeModel, way: RouteKind, lan: Prefix | None, way_in: str) -> Trace:
        """The packet leaves the tunnel, to a LAN or to the internet."""
        family, _, target, established = self.packet[:4]
        pool = any(p.family == family and p.value <= target <= p.last for p in self.network.pools)
        if way is RouteKind.UPLINK and (not way_in or pool or not here.facts.exit_node):
            return self.end(self.drop(LossReason.NO_ROUTE, here.name))
        if way is RouteKind.UPLINK and family not in here.facts.underlay:
            return self.end(self.drop(LossReason.NO_UPLINK, here.name))
        if way is RouteKind.LAN and self.network.at(family, target) is not None:
            return self.end(self.drop(LossReason.OWN_LAN, here.name, detail=str(lan)))
        if way_in != TUNNEL:
            # from itself or from a LAN beside it: the tunnel has no part in this packet
            return self.end(way=way)
        fault = self.pass_on(here, TUNNEL, OUTSIDE)
        if fault is not None:
            return self.end(fault)
        flow = self.flow("", OUTSIDE)._replace(established=False)
        needs = here.facts.masquerade if way is RouteKind.LAN else True
        if needs and not established and here.has_rules and not here.firewall.masquerades(flow):
            return self.end(self.drop(LossReason.NO_MASQUERADE, here.name))
        return self.end(way=way)

    def enter(self, here: NodeModel, way_in: str) -> Drop | None:
        """What happens to it before the node asks its routes."""
        if here.effects.unjudged:
            text = "; ".join(here.effects.unjudged)
            return self.drop(LossReason.UNJUDGED, here.name, detail=text)
        if not here.has_rules:
            return None
        flow = self.flow(way_in, "" if way_in else TUNNEL)
        reason, text = self.firewall(here).entering(flow)
        return None if reason is None else self.drop(reason, here.name, detail=text)

    def pass_on(self, here: NodeModel, way_in: str, way_out: str) -> Drop | None:
        """Whether `here` sends it (no `way_in`), takes it (no `way_out`) or passes it on: the
        switch of the family, then the rules."""
        family = self.packet.family
        facts = here.facts
        forwards = bool(way_in and way_out)
        if not here.has_rules:
            helps = facts.relay if way_in == way_out else bool(facts.routes) or facts.exit_node
            if helps or not forwards:
                return None
            return self.drop(LossReason.NOT_A_RELAY, here.name)
        firewall = self.firewall(here)
        if forwards and family not in firewall.families:
            return self.drop(LossReason.NO_FORWARDING, here.name)
        reason, rule = firewall.passing(self.flow(way_in, way_out))
        if reason is LossReason.NO_RULE:
            ways = [facts.interface if way == TUNNEL else way for way in (way_in, way_out)]
            return self.drop(LossReason.NO_RULE, here.name, detail=f"from {ways[0]} to {ways[1]}")
        if reason is not None:
            return self.drop(reason, here.name, detail=rule)
        if forwards:
            self.hops[-1] = replace(self.hops[-1], rule=rule)
        return None

    def flow(self, way_in: str, way_out: str) -> Flow:
        family, source, target, established, protocol, port = self.packet
        return Flow(family, source, target, way_in, way_out, established, protocol, port)

    def firewall(self, here: NodeModel) -> Firewall:
        """With a protocol, all of its rules; without, those about what it carries."""
        return here.firewalls[0] if self.packet.protocol else here.firewall

    def drop(self, reason: LossReason, at: str, other: str = "", detail: str = "") -> Drop:
        family, source, target = self.packet[:3]
        return Drop(
            reason,
            at,
            other,
            detail,
            source=address_text(family, source),
            target=address_text(family, target),
            family=family,
        )

    def end(self, drop: Drop | None = None, *, way: RouteKind | None = None) -> Trace:
        return Trace(self.origin, self.target, self.packet, tuple(self.hops), drop, way)


def mirrored_next(
    network: NetworkModel, model: NodeModel, family: int, target: int
) -> NodeModel | None:
    """Where a node without a file sends a packet: back along the way that packets from there
    take to it, which is the only next hop with which its peers' files make sense; to the internet
    through its exit."""
    owner = network.owner(family, target)
    own = model.address(family)
    if owner is None and model.facts.exit in network.models:
        return network.models[model.facts.exit]
    if owner is None or own is None or owner is model:
        return None
    here, seen = owner, {owner.name}
    while True:
        there = _listed_next(here, family, own.value, network)
        if there is None:
            return None
        if there is model:
            return here
        if there.name in seen:
            return None
        seen.add(there.name)
        here = there


def _listed_next(
    here: NodeModel, family: int, target: int, network: NetworkModel
) -> NodeModel | None:
    key, _ = here.peer_for(family, target)
    return network.with_key(key) if key is not None else None
