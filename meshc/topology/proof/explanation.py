"""The explanation of one pair: every decision on the way, in both directions and all families."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from meshc.prefixes import Prefix
from meshc.topology.proof.drop import LossReason
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.policy_routing import RouteKind
from meshc.topology.proof.session_rules import Reach, reach, section, session_fault
from meshc.topology.proof.walk import Hop, Packet, Trace, walk, walk_pair
from meshc.values import dataclass
from meshc.wg.conf import PeerConf

_LAST = {
    RouteKind.OWN: "is where it belongs",
    RouteKind.LAN: "hands it to the LAN",
    RouteKind.UPLINK: "lets it out to the internet",
    RouteKind.TUNNEL: "has it",
    None: "has it",
}
# (node, other) -> one sentence: the planner's view of why there is no direct link
WhyNot = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class HopSession:
    """One hop's session. `starter` are those who can send the first packet, `at` where to;
    `keepalive` maps who keeps it alive to its seconds. `fault` is empty when it stands."""

    nodes: tuple[str, str]
    starters: tuple[str, ...]
    at: tuple[str, ...]
    keepalive: tuple[tuple[str, int], ...]
    preshared_key: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One direction in one family: the trace, and a sentence for each node of it. `delivered`
    means that it arrived where it should."""

    family: int
    source: str
    target: str
    trace: Trace
    lines: tuple[str, ...]
    delivered: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """`why_not_direct` is empty for a direct pair, and when nobody could say."""

    a: str
    b: str
    legs: tuple[Leg, ...]
    sessions: tuple[HopSession, ...]
    why_not_direct: str
    mtu: int | None

    @property
    def works(self) -> bool:
        """Whether packets arrive both ways in all families."""
        return bool(self.legs) and all(leg.delivered for leg in self.legs)

    @property
    def direct(self) -> bool:
        """Whether no third node carries the packets."""
        return any(leg.delivered and len(leg.trace.path) <= 2 for leg in self.legs)


def explain(network: NetworkModel, a: str, b: str, *, why_not: WhyNot | None = None) -> Explanation:
    """Tells how packets get from `a` to `b` and back. Raises: KeyError for an unknown name."""
    models = network.model(a), network.model(b)
    families = [f for f in (4, 6) if all(s.address(f) is not None for s in models)]
    legs = tuple(
        _leg(network, walk_pair(network, source, target, family), source, target)
        for family in families
        for source, target in ((a, b), (b, a))
    )
    linked = section(models[0], models[1]) is not None
    reason = "" if linked or why_not is None else why_not(a, b)
    return _explanation(network, a, b, legs, reason)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who sends or is asked: a node, or a host that is none. `node` is where its packets enter
    the network: itself, the router in front of its LAN, '' in the internet."""

    name: str
    address: Prefix
    node: str = ""


def explain_hosts(network: NetworkModel, source: Speaker, target: Speaker) -> Explanation:
    """Tells how packets get from `source` to `target`, of which one at least is a host that is no
    node, and how the answers come back. Raises: KeyError for an unknown name."""
    a, b, family = source.name, target.name, target.address.family
    packet = Packet(family, source.address.value, target.address.value)
    there = walk(network, source.node, packet, target=b)
    legs = [_leg(network, replace(there, origin=a), a, b)]
    if there.delivered:
        answer = Packet(family, packet.target, packet.source, established=True)
        back = walk(network, there.path[-1], answer, target=a)
        leg = _leg(network, replace(back, origin=b), b, a)
        # what was asked from behind a router is answered there
        home = leg.delivered and back.path[-1] == source.node
        legs.append(replace(leg, delivered=home))
    return _explanation(network, a, b, tuple(legs), "")


def _explanation(
    network: NetworkModel, a: str, b: str, legs: tuple[Leg, ...], why_not_direct: str
) -> Explanation:
    hops = {
        (one, other) if one < other else (other, one): None
        for leg in legs
        for one, other in _hops(leg.trace)
    }
    sessions = tuple(_session(network.model(one), network.model(other)) for one, other in hops)
    passed = {name for leg in legs for name in leg.trace.path}
    mtus = [conf.mtu for name in passed if (conf := network.model(name).conf) and conf.mtu]
    return Explanation(a, b, legs, sessions, why_not_direct, min(mtus, default=None))


def _leg(network: NetworkModel, trace: Trace, source: str, target: str) -> Leg:
    lines = [_told(network, trace, number) for number in range(len(trace.hops))]
    if trace.drop is not None:
        lines.append(trace.drop.text)
    # a node is reached at itself, anything else where the packet leaves the tunnel
    delivered = trace.delivered and (target not in network.models or trace.path[-1] == target)
    return Leg(trace.packet.family, source, target, trace, tuple(lines), delivered)


def _told(network: NetworkModel, trace: Trace, number: int) -> str:
    """What one node does with the packet, as a sentence."""
    hop = trace.hops[number]
    before = trace.hops[number - 1].node if number else ""
    parts = []
    if before:
        parts.append(f"takes it from {before}, whose {_entry(hop)} hold the source")
    if hop.rule:
        parts.append(f"forwards it by `{hop.rule}`")
    elif before and hop.peer and not network.model(hop.node).has_rules:
        parts.append("forwards it, being a relay without hooks")
    if hop.peer:
        parts.append(f"sends it to {hop.peer}{_by(hop)}")
    elif trace.delivered and number == len(trace.hops) - 1:
        parts.append(_LAST[trace.way])
    return f"{hop.node} {', '.join(parts) or 'has it'}"


def _entry(hop: Hop) -> str:
    return f"AllowedIPs {hop.accepted}" if hop.accepted is not None else "packets"


def _by(hop: Hop) -> str:
    return f" (AllowedIPs {hop.match})" if hop.match is not None else ""


def _hops(trace: Trace) -> Iterator[tuple[str, str]]:
    for hop in trace.hops:
        if hop.peer:
            yield hop.node, hop.peer


def _session(one: NodeModel, other: NodeModel) -> HopSession:
    """Who shakes hands with whom, where, and who keeps it alive."""
    starters, places, alive = [], [], []
    for here, there in ((one, other), (other, one)):
        worth = reach(here, there)
        ours = section(here, there)
        if worth is not Reach.NONE:
            starters.append(here.name)
            places.append(_place(ours, there, worth))
        if ours is not None and ours.keepalive:
            alive.append((here.name, ours.keepalive))
    known = [s for s in (section(one, other), section(other, one)) if s is not None]
    faults = [
        fault
        for here, there in ((one, other), (other, one))
        if section(here, there) is not None or here.conf is None
        for fault in (session_fault(here, there),)
        if fault is not None
    ]
    return HopSession(
        nodes=(one.name, other.name),
        starters=tuple(starters),
        at=tuple(places),
        keepalive=tuple(alive),
        preshared_key=any(s.preshared_key is not None for s in known),
        fault=_fault(faults[0], one, other) if faults else "",
    )


def _place(ours: PeerConf | None, there: NodeModel, worth: Reach) -> str:
    endpoint = ours.endpoint if ours is not None else None
    where = str(endpoint) if endpoint else f"an endpoint of {there.name}"
    return f"{where} ({worth.value})"


def _fault(reason: LossReason, one: NodeModel, other: NodeModel) -> str:
    text: str = reason.value.format(
        at=one.name, other=other.name, detail="", source="", target="", family=""
    )
    return text
