"""What the lab should see, read from the proof: one walk through the emitted files per packet.

An echo request arrives and its answer comes back, or it does not: so a pair is predicted
reachable when both directions are. The answer finds the session that the request has just used:
a NAT that would have forgotten it by tomorrow does not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from meshc.lab.lab_source import APPS, LabSource
from meshc.lab.probe.listening import Kind
from meshc.lab.probe.services import DNS_PORT, PORT
from meshc.lab.report.lab_report import Key, Predicted
from meshc.lab.world.outer_addresses import is_public
from meshc.lab.world.places import LanHost
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import covers
from meshc.topology.obligations.due import Due, Party
from meshc.topology.obligations.obligations import Obligations
from meshc.topology.proof.drop import MUTUAL, LossReason
from meshc.topology.proof.expectation import NodeFile, expectation
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.open_exits import INTERNET
from meshc.topology.proof.walk import Packet, Trace, walk
from meshc.values import dataclass

# What the lab asks beside pings: the machine at the other end (TCP), and a name (UDP).
GREETING, QUESTION = ("tcp", PORT), ("udp", DNS_PORT)
ECHO = Service("icmp")


@dataclass(frozen=True, slots=True)
class _End:
    """Who speaks: `node` itself, or a host on the `lan` behind it."""

    name: str
    node: str
    address: Prefix
    lan: Prefix | None = None

    @property
    def before(self) -> tuple[str, ...]:
        return (self.name,) if self.lan is not None else ()

    behind = before


@dataclass(frozen=True, slots=True)
class Predictor:
    """Answers for a set of files; `without` gives one for a network that has lost a node."""

    source: LabSource
    world: NetworkModel
    obligations: Obligations

    @classmethod
    def of(cls, source: LabSource, *, without: Iterable[str] = ()) -> Predictor:
        gone = set(without)
        files = [NodeFile(name, conf) for name, conf in source.confs.items() if name not in gone]
        addresses = {
            name: tuple(address.host for address in conf.addresses)
            for name, conf in source.confs.items()
        }
        expected = expectation(source.spec, addresses=addresses)
        return cls(source, NetworkModel.build(files, expected), expected.obligations)

    def pairs(self) -> dict[Key, Predicted]:
        """Every ordered pair of nodes that take part, in the families that both have."""
        names = [name for name in sorted(self.source.confs) if name in self.world.models]
        found: dict[Key, Predicted] = {}
        for a in names:
            for b in names:
                for family in self.common(a, b) if a != b else ():
                    found[Key(a, b, family)] = self.pair(a, b, family)
        return found

    def common(self, a: str, b: str) -> list[int]:
        """The families in which both have an address."""
        return sorted(self.source.addresses(a).keys() & self.source.addresses(b).keys())

    def pair(self, a: str, b: str, family: int) -> Predicted:
        """An echo request and its reply, which comes from the address that was asked."""
        return self._exchange(self._node(a, family), self._node(b, family))

    def lans(self, hosts: Iterable[LanHost]) -> dict[Key, Predicted]:
        """Every node to every host behind a subnet router, every such host to every node and to
        the hosts of other LANs; except where both are on one LAN: such a packet never sees the
        mesh."""
        hosts = [host for host in hosts if host.router in self.world.models]
        ends = [self._host(host) for host in hosts]
        ends += [
            self._node(name, family)
            for name in sorted(self.source.confs)
            if name in self.world.models
            for family in sorted(self.source.addresses(name))
        ]
        return {
            Key(one.name, other.name, one.address.family): self._exchange(one, other)
            for one in ends
            for other in ends
            if one.address.family == other.address.family
            and (one.lan or other.lan)
            and not (one.lan and self._on_lan(other.node, one.lan))
            and not (other.lan and self._on_lan(one.node, other.lan))
        }

    def _host(self, host: LanHost) -> _End:
        return _End(host.place, host.router, Prefix.host(host.address), host.prefix)

    def _node(self, name: str, family: int) -> _End:
        return _End(name, name, Prefix.host(self.source.addresses(name)[family]))

    def _exchange(self, one: _End, other: _End) -> Predicted:
        """A question and its answer. What leaves the mesh must leave it where the other is."""
        family, source, target = one.address.family, one.address.value, other.address.value
        packet = self._packet(family, source, target)
        there = walk(self.world, one.node, packet, target=other.name)
        path = (*one.before, *there.path, *other.behind)
        if not there.delivered:
            return _lost(there, path)
        if there.path[-1] != other.node:
            return Predicted(False, path, f"it ends on a LAN at {there.path[-1]}")
        answer = self._packet(family, target, source)._replace(established=True)
        back = walk(self.world, other.node, answer, target=one.name)
        if not back.delivered and not _asleep(back):
            return _unanswered(back, path)
        if back.path[-1] != one.node and back.delivered:
            reason = f"the answer is lost: it ends on a LAN at {back.path[-1]}"
            return Predicted(False, path, reason)
        tcp = self._packet(family, source, target, service=GREETING)
        greeted = walk(self.world, one.node, tcp, target=other.name)
        return Predicted(True, path, tcp=greeted.delivered)

    def _packet(
        self, family: int, source: int, target: int, *, service: tuple[str, int] = ("icmp", 0)
    ) -> Packet:
        """One that begins something; policies ask of what kind it is."""
        kind = service if self.obligations.access is not None else ("", 0)
        return Packet(family, source, target, False, *kind)

    def internet(self, name: str, address: str) -> Predicted:
        """A packet from a node to an address on the internet, through its exit."""
        target = Prefix.host(address)
        own = self.source.addresses(name).get(target.family)
        if own is None:
            return Predicted(False, (name,), f"{name} has no IPv{target.family} address")
        values = Prefix.host(own).value, target.value
        packet = self._packet(target.family, *values, service=GREETING)
        there = walk(self.world, name, packet, target="the internet")
        found = Predicted(True, there.path) if there.delivered else _lost(there, there.path)
        # the lab's internet has addresses that nobody's has: what is owed is owed for all of it
        far = Party("", INTERNET[target.family])
        due = self.obligations.owed(Party(name), far, target.family).due
        return replace(found, owed=due is Due.MUST_REACH)

    def server(self, name: str, address: str) -> Predicted:
        """A question of a node to a name server, and its answer. What never enters the mesh is
        answered by whoever is there: in the LAN beside the node, or on the internet."""
        target = Prefix.host(address)
        known = self.world.owner(target.family, target.value)
        if known is not None and known.facts.platform in APPS and target in known.own:
            reason = f"a node on {known.facts.platform.value} serves no names"
            return Predicted(False, (name,), reason)
        own = self.source.addresses(name).get(target.family)
        if own is not None:
            one = self._node(name, target.family)
            values = one.address.value, target.value
            packet = self._packet(target.family, *values, service=QUESTION)
            there = walk(self.world, name, packet, target=address)
            if there.delivered and known is not None and there.path[-1] != known.name:
                return Predicted(False, there.path, f"it ends on a LAN at {there.path[-1]}")
            if there.delivered:
                return self._answered(one, there, target)
            drop = there.drop
            ours = drop is not None and drop.reason is LossReason.NO_ROUTE and drop.at == name
            if not ours or known is not None:
                return _lost(there, there.path)
        if is_public(target) or any(lan.contains(target) for lan in self._beside(name)):
            return Predicted(True, (name,))
        return Predicted(False, (name,), f"no node has {address}, and none routes it")

    def claimed_internet(
        self, ends: Iterable[str], hosts: Iterable[LanHost], address: str
    ) -> dict[Key, Predicted]:
        """Nodes and hosts on LANs to an address on the internet, and its answer; only those that
        the mesh has a part in."""
        by_place = {host.place: host for host in hosts}
        target = Prefix.host(address)
        found: dict[Key, Predicted] = {}
        for name in ends:
            if name in by_place:
                one = self._host(by_place[name])
            elif target.family in self.source.addresses(name):
                one = self._node(name, target.family)
            else:
                continue
            if one.node in self.world.models and one.address.family == target.family:
                packet = self._packet(target.family, one.address.value, target.value)
                there = walk(self.world, one.node, packet, target="the internet")
                if len(there.path) > 1:
                    found[Key(name, address, target.family)] = self._answered(one, there, target)
        return found

    def beside_the_mesh(
        self, pairs: Iterable[tuple[str, str]], known: Iterable[Key]
    ) -> dict[Key, Predicted]:
        """Nodes that do not send to an address on the internet through the mesh: there it would
        lead nowhere."""
        others, found = {key[:2] for key in known}, {}
        for name, address in sorted(set(pairs) - others):
            family = Prefix.host(address).family
            if name in self.world.models and family in self.source.addresses(name):
                reason = f"{name} sends nothing to {address} through the mesh"
                found[Key(name, address, family)] = Predicted(False, (name,), reason)
        return found

    def _answered(self, one: _End, there: Trace, target: Prefix) -> Predicted:
        path = (*one.before, *there.path)
        if not there.delivered:
            return _lost(there, path)
        answer = Packet(target.family, target.value, one.address.value, established=True)
        back = walk(self.world, there.path[-1], answer, target=one.name)
        if not back.delivered and not _asleep(back):
            return _unanswered(back, path)
        return Predicted(True, path)

    def served(
        self, key: Key, hosts: Mapping[str, LanHost], kinds: Iterable[Kind]
    ) -> dict[Kind, Predicted]:
        """A packet of each kind (protocol and port) and its answer, from one end of a pair to the
        other; a target that is neither node nor host is an address on the internet."""
        one = self._end(key.source, key.family, hosts)
        known = key.target in self.world.models or key.target in hosts
        other = self._end(key.target, key.family, hosts) if known else None
        target = Prefix.host(key.target) if other is None else other.address
        backs: dict[str, Predicted] = {}
        found: dict[Kind, Predicted] = {}
        for kind in kinds:
            packet = self._packet(key.family, one.address.value, target.value, service=kind)
            there = walk(self.world, one.node, packet, target=key.target)
            at = there.path[-1]
            if not there.delivered:
                found[kind] = _lost(there, there.path)
            elif other is not None and at != other.node:
                found[kind] = Predicted(False, there.path, f"it ends on a LAN at {at}")
            else:
                if at not in backs:  # answers pass by the state of their connection
                    backs[at] = self._answered(one, there, target)
                found[kind] = backs[at]
        return found

    def _end(self, name: str, family: int, hosts: Mapping[str, LanHost]) -> _End:
        return self._host(hosts[name]) if name in hosts else self._node(name, family)

    def with_duties(
        self, predicted: Mapping[Key, Predicted], hosts: Iterable[LanHost] = ()
    ) -> dict[Key, Predicted]:
        """The same, with what is owed by the topology. Nobody owes anything over a node that is
        not in the lab, where its absence is the reason."""
        parties = {name: Party(name) for name in self.source.spec.nodes}
        parties |= {h.place: Party(h.router, Prefix.host(h.address)) for h in hosts}
        return {
            key: replace(
                value, owed=value.missing not in self.source.absent and self._owed(key, parties)
            )
            for key, value in predicted.items()
        }

    def _owed(self, key: Key, parties: Mapping[str, Party]) -> bool:
        source, target = (parties.get(name) for name in (key.source, key.target))
        if source is None:
            return False
        target = target or Party(host=Prefix.host(key.target))
        if not self._may_echo(source, target, key.family):
            return False
        return self.obligations.owed(source, target, key.family).due is Due.MUST_REACH

    def _may_echo(self, source: Party, target: Party, family: int) -> bool:
        """Whether policies let anybody ask, which is how a pair is measured."""
        access = self.obligations.access
        ends = [
            self._node(party.node, family).address if party.host is None else party.host
            for party in (source, target)
        ]
        return access is None or any(
            covers(one, ECHO)
            for one in access.services(access.allowing(family, ends[0].value, ends[1].value))
        )

    def mute(self, predicted: Mapping[Key, Predicted]) -> frozenset[Key]:
        """Pairs of relay and node where the relay's "time exceeded" does not reach the node: it
        cannot send to it, or Linux takes the node's address for an anycast address."""
        unreachable = {key for key, value in predicted.items() if not value.reachable}
        return frozenset(unreachable | set(self._anycast()) | set(self._strangers(predicted)))

    def _strangers(self, predicted: Iterable[Key]) -> Iterator[Key]:
        """Relays without an address in a family: they speak from one that nobody in it accepts."""
        sources = {(key.source, key.family) for key in predicted}
        for relay, model in self.world.models.items():
            for source, family in sources:
                if model.address(family) is None and source != relay:
                    yield Key(relay, source, family)

    def _anycast(self) -> Iterator[Key]:
        """IPv6 addresses at which a route of the relay begins. RFC 4291 section 2.6.1 reserves the
        first address of a subnet for its routers, and RFC 4443 section 2.4 (e) forbids errors to
        anycast addresses; Linux applies both to every route of less than 127 bits."""
        owners = {
            Prefix.host(address): name
            for name in self.source.confs
            for family, address in self.source.addresses(name).items()
            if family == 6
        }
        for relay, model in self.world.models.items():
            begun = [r for r in model.tunnel_routes if Prefix(6, r.value, 128) in owners]
            for first in {Prefix(6, route.value, 128) for route in begun if route.family == 6}:
                route = longest(begun, 6, first.value)
                if route is not None and route.length < 127 and owners[first] != relay:
                    yield Key(relay, owners[first], 6)

    def _on_lan(self, name: str, prefix: Prefix) -> bool:
        """Whether a node is itself on the LAN that is routed as `prefix`."""
        return any(lan.overlaps(prefix) for lan in self._beside(name))

    def _beside(self, name: str) -> tuple[Prefix, ...]:
        """The LANs that a node is on."""
        spec = self.source.spec
        site = spec.sites.get(spec.nodes[name].site or "")
        return (*spec.nodes[name].routes, *(site.lan if site is not None else ()))


def _lost(there: Trace, path: tuple[str, ...]) -> Predicted:
    missing = there.drop.other if there.drop is not None else ""
    return Predicted(
        False, path, _text(there), _asleep(there), judged=_judged(there), missing=missing
    )


def _unanswered(back: Trace, path: tuple[str, ...]) -> Predicted:
    judged = _judged(back)
    missing = back.drop.other if back.drop is not None else ""
    reason = f"the answer{' is lost' if judged else ''}: {_text(back)}"
    return Predicted(False, path, reason, judged=judged, missing=missing)


def _judged(trace: Trace) -> bool:
    return trace.drop is None or trace.drop.reason is not LossReason.UNJUDGED


def _asleep(trace: Trace) -> str:
    """Who cannot start the session that is missing, if that is all that is wrong."""
    found = trace.drop
    return found.at if found is not None and found.reason is LossReason.ASLEEP else ""


def _text(trace: Trace) -> str:
    """Why the packet is lost; a fault of two sides in one order of their names."""
    drop = trace.drop
    if drop is not None and drop.reason in MUTUAL:
        drop = replace(drop, at=min(drop.at, drop.other), other=max(drop.at, drop.other))
    return drop.text if drop is not None else ""


def one_way_sessions(predicted: Mapping[Key, Predicted]) -> list[Key]:
    """One direction of every pair that is direct. Where both ends begin a session at once, on a
    line or a machine that is slower than the jitter of their timers (a third of a second,
    whitepaper 6.1), each gives up its own for the other's, again and again."""
    return [
        key
        for key, value in predicted.items()
        if value.reachable and len(value.path) == 2 and key.source < key.target
    ]


def hop_limits(predicted: Mapping[Key, Predicted]) -> dict[Key, int]:
    """How many relays (and routers) lie between source and target of each pair."""
    return {key: max(0, len(value.path) - 2) for key, value in predicted.items()}
