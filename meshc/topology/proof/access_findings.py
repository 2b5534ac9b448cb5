"""Findings about policies: what the files let begin, against what the rules allow, no more and no
less, at every place where a node decides.

All sources are tried at each node, also those that nobody there could have: senders lie. WireGuard
lets in what its own filter holds, and what is carried where is the matrix's business; here a
packet has arrived, and the question is what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, Prefix, address_text, collapse
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import NO_RULES, Access, Rules
from meshc.topology.obligations.control_channel import (
    CONTROL_PORT,
    LINK_LOCAL,
    probe_address,
)
from meshc.topology.proof.access_classes import (
    AccessClasses,
    AccessRelation,
    AddressNames,
)
from meshc.topology.proof.access_places import (
    AccessPlace,
    FamilySurroundings,
    Region,
    access_places,
)
from meshc.topology.proof.control_pairs import control_pairs
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.loss_findings import place as file_place
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.packet_grid import PacketGrid
from meshc.topology.proof.peer_table import MeshPeerTable
from meshc.topology.proof.rule_grid import Bundles, RuleGrid, Verdicts, bundles_of
from meshc.values import dataclass, field

_MOST = 20
_CONTROL = Service("udp", CONTROL_PORT, CONTROL_PORT)
NOBODY: Mapping[str, Region] = MappingProxyType({})


class Excess(NamedTuple):
    """One packet of those that are treated otherwise than the rules say; `kind` is E431 (it passes
    and should not), E432 (it should pass) or W443 (nobody knows)."""

    kind: str
    node: str
    family: int
    source: int
    target: int
    service: tuple[str, int]
    where: str
    tool: str


def check_access(table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    """E431, E432 and W443 for rules of nodes, E433 for receivers that nobody protects."""
    access = expectation.obligations.access
    if access is None:
        return
    owners = {
        (a.family, a.value): name
        for name, own in expectation.obligations.around.addresses.items()
        for a in own
    }
    control = control_pairs(table)
    owners |= {
        (6, probe_address(model.key).value): f"the agent of {model.name}"
        for model in table.models
        if model.key is not None and model.facts.agent
    }
    judge = AccessJudge.of(access, expectation, control)
    told = 0
    for model in table.models:
        if not model.facts.policies or model.conf is None or model.effects.unjudged:
            continue
        for excess in judge.excesses(model):
            told += 1
            if told <= _MOST:
                _tell(excess, table, access, owners, found)
    for sender, receiver in _unprotected(table, access):
        found.add(
            "E433",
            f"nobody keeps {sender} from reaching more of {receiver} than the rules allow: they "
            f"are linked, and {receiver} cannot filter",
            file_place(table, sender, receiver),
            path=f"nodes.{receiver}",
            hint="build again: a relay must stand between the two",
        )


def _tell(
    excess: Excess,
    table: MeshPeerTable,
    access: Access,
    owners: dict[tuple[int, int], str],
    found: Diagnostics,
) -> None:
    kind, node, family, source, target, service, where, tool = excess
    ends = [owners.get((family, a)) or address_text(family, a) for a in (source, target)]
    packet = f"{ends[0]} → {ends[1]} {_service_text(service)}"
    place = file_place(table, node)
    by = f" (as {tool} loads the rules)" if tool else ""
    if kind == "E431":
        text = f"{node} lets {packet} {where}{by}, which no rule of `policies:` allows"
        hint = "build again; a hook of its own that accepts more must go"
    elif kind == "E432":
        rules = access.allowing(family, source, target)
        lines = [access.rules[n].location for n in sorted(rules)]
        line = next((f"which the rule in line {one.line} allows" for one in lines if one), "")
        text = f"{node} drops {packet} {where}{by}, {line or _wanted(rules)}"
        hint = "build again; a hook of its own that drops it must go"
    else:
        text = f"whether {node} lets {packet} {where}{by} is beyond the proof"
        hint = "`meshc lab` measures it; nothing is claimed about such packets there"
    found.add(kind, text, place, path=f"nodes.{node}", hint=hint)


def _wanted(rules: Rules) -> str:
    return "which a rule allows" if rules else "which moves nodes when a relay is dead"


def _service_text(service: tuple[str, int]) -> str:
    protocol, port = service
    return f"{protocol}/{port}" if protocol in ("tcp", "udp") else protocol


@dataclass(slots=True)
class AccessJudge:
    access: Access
    families: Sequence[int]
    _relations: Mapping[int, AccessRelation]
    _common: Mapping[int, AddressNames]
    _surroundings: Mapping[int, FamilySurroundings]
    _control: Mapping[str, Region]
    _sound: set[tuple[object, ...]] = field(default_factory=set)
    _names: dict[tuple[int, int], AddressNames] = field(default_factory=dict)
    _bundles: dict[tuple[int, int], Bundles] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        access: Access,
        expectation: Expectation,
        control: Mapping[str, Region] = NOBODY,
    ) -> AccessJudge:
        """`control` are by node those whose agents it must hear."""
        routes = [r for facts in expectation.nodes.values() for r in facts.routes]
        families = sorted({prefix.family for prefix in (*expectation.pools, *routes)})
        lans = [facts.routes for facts in expectation.nodes.values() if facts.routes]
        relations = {family: AccessRelation(access, family) for family in BITS}
        common = {
            family: AddressNames.of(family, (expectation.pools, *lans), relation.sides)
            for family, relation in relations.items()
        }
        around = {family: FamilySurroundings.of(expectation, family) for family in BITS}
        return cls(access, families, relations, common, around, control)

    def excesses(self, model: NodeModel) -> Iterator[Excess]:
        """One for each place, family, tool and kind of mistake. Nodes that only their addresses
        tell apart are judged once, as long as nothing is found."""
        alike = self._alike(model)
        if alike in self._sound:
            return
        found = [*self._found(model)]
        if not found and alike is not None:
            self._sound.add(alike)
        yield from found

    def _found(self, model: NodeModel) -> Iterator[Excess]:
        # who hears agents lets a family in that the network may not have
        heard = {agent.family for agent in self._control.get(model.name, ())}
        for family in sorted({*self.families, *heard}):
            # with fewer rules less is allowed, and what is owed is allowed by those that matter
            if any(self.of_family(model, family, self._matter(model, family))):
                every = frozenset(range(len(self.access.rules)))
                yield from self.of_family(model, family, every)

    def _matter(self, model: NodeModel, family: int) -> Rules:
        """The rules that are about the node or the LANs behind it; all that come by a relay or an
        exit."""
        if model.facts.relay or model.facts.exit_node:
            return frozenset(range(len(self.access.rules)))
        mine = [p for p in (*model.own, *model.facts.routes) if p.family == family]
        sides = (self.access.senders[family], self.access.receivers[family])
        return NO_RULES.union(*(s.rules for side in sides for s in side.within(collapse(mine))))

    def _alike(self, model: NodeModel) -> tuple[object, ...] | None:
        """Equal for nodes of which one can stand in the place of the other: their rules are the
        same but for their addresses, and no set that matters holds one of these alone. An exit has
        users of its own."""
        if model.facts.exit_node:
            return None
        first = model.like or model
        names = []
        for prefix in model.own:
            family = prefix.family
            known = self._names.get((id(first), family))
            if known is None:
                known = self._names[id(first), family] = self._named(first, family)
            names.append((self._common[family].at(prefix.value), known.at(prefix.value)))
        facts = model.facts
        control = self._control.get(model.name, ())
        return (id(first), facts.relay, facts.routes, facts.exit, control, *names)

    def _named(self, first: NodeModel, family: int) -> AddressNames:
        """Every address by what tells it apart in these rules, but for being the node's own among
        the targets."""
        own = {*first.own}
        named: dict[Sequence[Prefix], None] = {}
        for firewall in first.firewalls:
            for bundle in chain.from_iterable(self._bundles_of(firewall, family).values()):
                _, sources, targets = bundle
                named[sources or ()] = None
                named[tuple(prefix for prefix in targets or () if prefix not in own)] = None
        return AddressNames.of(family, named)

    def of_family(self, model: NodeModel, family: int, matter: Rules) -> Iterator[Excess]:
        agents = self._control.get(model.name, ()) if family == LINK_LOCAL.family else ()
        places = [*access_places(model.facts, model.own, self._surroundings[family], agents)]
        regions = dict.fromkeys(region for place in places for region in place.regions)
        bundles = [self._bundles_of(firewall, family) for firewall in model.firewalls]
        relation = self._relations[family]
        further = (_CONTROL,) if agents else ()
        classes = AccessClasses.of(relation, bundles, regions, matter, further)
        tools = ("",) if len(bundles) < 2 else ("iptables", "nftables")
        for firewall, some, tool in zip(model.firewalls, bundles, tools, strict=True):
            grid = RuleGrid(firewall, some, classes.grid)
            for excess in self._in_grid(grid, places, classes):
                yield excess._replace(node=model.name, tool=tool)

    def _in_grid(
        self, grid: RuleGrid, places: Iterable[AccessPlace], classes: AccessClasses
    ) -> Iterator[Excess]:
        for place in places:
            verdicts = grid.judge(place.hook, place.way_in, place.way_out)
            for kind, source, row in self._wrong(place, verdicts, classes):
                target, service = classes.grid.packet(row)
                family, sender = classes.grid.family, classes.grid.addresses[source]
                yield Excess(kind, "", family, sender, target, service, place.what, "")

    def _wrong(
        self, place: AccessPlace, verdicts: Sequence[Verdicts], classes: AccessClasses
    ) -> Iterator[tuple[str, int, int]]:
        """(kind, number of the source, its packets), once for each kind."""
        grid = classes.grid
        everything = grid.row(grid.everywhere, grid.everything)
        seen = _Box.of(grid, place.sources, place.targets)
        owed = _Box.of(grid, place.owed_from, place.owed_to)
        judged = _Box.of(grid, place.judged_from, place.judged_to)
        control = _Box.of(grid, place.control_from, place.control_to)
        port = grid.row(grid.everywhere, grid.serving(*_CONTROL)) if place.control_from else 0
        told: set[str] = set()
        for source, (accepted, denied, open_) in enumerate(verdicts):
            # what is not decided goes on to the rules that the host has of its own
            may_pass = everything ^ denied
            passes = accepted if place.hook == "FORWARD" else may_pass
            said = control.row(source) & port
            wanted = classes.allowed[source] & seen.row(source) | said
            for kind, row in (
                ("E431", may_pass & ~open_ & ~wanted & judged.row(source)),
                ("E432", (wanted & owed.row(source) | said) & ~passes & ~open_),
                ("W443", open_ & (seen.row(source) | said)),
            ):
                if row and kind not in told:
                    told.add(kind)
                    yield kind, source, row

    def _bundles_of(self, firewall: Firewall, family: int) -> Bundles:
        """Nodes that are judged hold their firewalls, so that no other takes the place of one."""
        key = (id(firewall), family)
        if key not in self._bundles:
            self._bundles[key] = bundles_of(firewall, family)
        return self._bundles[key]


class _Box(NamedTuple):
    """All packets from some addresses to some."""

    sources: int
    packets: int

    @classmethod
    def of(cls, grid: PacketGrid, sources: Region, targets: Region) -> _Box:
        return cls(grid.within(sources), grid.row(grid.within(targets), grid.everything))

    def row(self, source: int) -> int:
        return self.packets if self.sources >> source & 1 else 0


def _unprotected(table: MeshPeerTable, access: Access) -> Iterator[tuple[str, str]]:
    """Links over which a receiver that cannot filter gets whatever the other end sends."""
    for n, model in enumerate(table.models):
        facts = model.facts
        if facts.policies and (facts.relay or facts.exit_node):
            continue
        for other in table.to[int(table.start[n]) : int(table.start[n + 1])].tolist():
            if other < 0 or other == n:
                continue
            there = table.models[other]
            if not there.facts.policies and not _all_allowed(access, model, there):
                yield model.name, there.name


def _all_allowed(access: Access, sender: NodeModel, receiver: NodeModel) -> bool:
    for prefix in (*sender.own, *sender.facts.routes):
        for target in (*receiver.own, *receiver.facts.routes):
            if prefix.family == target.family and not _whole(access, prefix, target):
                return False
    return True


def _whole(access: Access, source: Prefix, target: Prefix) -> bool:
    family = source.family
    there = [*access.senders[family].within((source,))]
    here = [*access.receivers[family].within((target,))]
    covered = all(
        sum(s.last - s.first + 1 for s in some) == 1 << (BITS[family] - prefix.length)
        for some, prefix in ((there, source), (here, target))
    )
    return covered and all(
        access.services(one.rules & other.rules) == (Service(),) for one in there for other in here
    )
