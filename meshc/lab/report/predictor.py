"""What the lab should see, read from the proof: one walk through the emitted files per packet.

An echo request arrives and its answer comes back, or it does not: so a pair is predicted
reachable when both directions are. The answer finds the session that the request has just used:
a NAT that would have forgotten it by tomorrow does not matter to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from meshc.lab.lab_source import LabSource
from meshc.lab.report.lab_report import Key, Predicted
from meshc.lab.world.places import LanHost
from meshc.prefixes import Prefix
from meshc.topology.proof.drop import MUTUAL, LossReason
from meshc.topology.proof.expectation import NodeFile, expectation
from meshc.topology.proof.longest_match import longest
from meshc.topology.proof.network_model import NetworkModel
from meshc.topology.proof.walk import Packet, Trace, walk, walk_pair
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class Predictor:
    """Answers for a set of files; `without` gives one for a network that has lost a node."""

    source: LabSource
    world: NetworkModel

    @classmethod
    def of(cls, source: LabSource, *, without: Iterable[str] = ()) -> Predictor:
        gone = set(without)
        files = [NodeFile(name, conf) for name, conf in source.confs.items() if name not in gone]
        return cls(source, NetworkModel.build(files, expectation(source.spec)))

    def pairs(self) -> dict[Key, Predicted]:
        """Every ordered pair of nodes that take part, in the families that both have."""
        names = [name for name in sorted(self.source.confs) if name in self.world.models]
        found: dict[Key, Predicted] = {}
        for a in names:
            for b in names:
                families = self.source.addresses(a).keys() & self.source.addresses(b).keys()
                for family in sorted(families) if a != b else ():
                    found[Key(a, b, family)] = self.pair(a, b, family)
        return found

    def pair(self, a: str, b: str, family: int) -> Predicted:
        there = walk_pair(self.world, a, b, family)
        if not there.delivered:
            return _lost(there, there.path)
        back = walk_pair(self.world, b, a, family)
        if not back.delivered and not _asleep(back):
            return _unanswered(back, there.path)
        return Predicted(True, there.path)

    def lans(self, hosts: Iterable[LanHost]) -> dict[Key, Predicted]:
        """Every node to every host behind a subnet router, except where the node itself is on
        that LAN: such a packet never sees the mesh."""
        found: dict[Key, Predicted] = {}
        for host in hosts:
            for name in sorted(self.source.confs):
                if name in self.world.models and not self._on_lan(name, host):
                    family = host.prefix.family
                    if family in self.source.addresses(name):
                        found[Key(name, host.place, family)] = self._lan(name, host)
        return found

    def _lan(self, name: str, host: LanHost) -> Predicted:
        family = host.prefix.family
        source = Prefix.host(self.source.addresses(name)[family])
        target = Prefix.host(host.address)
        there = walk(
            self.world, name, Packet(family, source.value, target.value), target=host.place
        )
        if not there.delivered:
            return _lost(there, (*there.path, host.place))
        router = there.path[-1]
        answer = Packet(family, target.value, source.value, established=True)
        back = walk(self.world, router, answer, target=name)
        if not back.delivered and not _asleep(back):
            return _unanswered(back, (*there.path, host.place))
        return Predicted(True, (*there.path, host.place))

    def internet(self, name: str, address: str) -> Predicted:
        """A packet from a node to an address on the internet, through its exit."""
        target = Prefix.host(address)
        own = self.source.addresses(name).get(target.family)
        if own is None:
            return Predicted(False, (name,), f"{name} has no IPv{target.family} address")
        packet = Packet(target.family, Prefix.host(own).value, target.value)
        there = walk(self.world, name, packet, target="the internet")
        return Predicted(True, there.path) if there.delivered else _lost(there, there.path)

    def mute(self, predicted: Mapping[Key, Predicted]) -> frozenset[Key]:
        """Pairs of relay and node where the relay's "time exceeded" does not reach the node: it
        cannot send to it, or Linux takes the node's address for an anycast address."""
        unreachable = {key for key, value in predicted.items() if not value.reachable}
        return frozenset(unreachable | set(self._anycast()))

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

    def _on_lan(self, name: str, host: LanHost) -> bool:
        if name == host.router:
            return True
        spec = self.source.spec
        site = spec.sites.get(spec.nodes[name].site or "")
        return site is not None and any(lan.overlaps(host.prefix) for lan in site.lan)


def _lost(there: Trace, path: tuple[str, ...]) -> Predicted:
    return Predicted(False, path, _text(there), _asleep(there), _judged(there))


def _unanswered(back: Trace, path: tuple[str, ...]) -> Predicted:
    judged = _judged(back)
    return Predicted(
        False, path, f"the answer{' is lost' if judged else ''}: {_text(back)}", judged=judged
    )


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


def hop_limits(predicted: Mapping[Key, Predicted]) -> dict[Key, int]:
    """How many relays (and routers) lie between source and target of each pair."""
    return {key: max(0, len(value.path) - 2) for key, value in predicted.items()}
