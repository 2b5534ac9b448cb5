"""Findings about policies: what the files let begin, against what the rules allow, no more and no
less, at every place where a node decides.

All sources are tried at each node, also those that nobody there could have: senders lie. WireGuard
lets in what its own filter holds, and what is carried where is the matrix's business; here a
packet has arrived, and the question is what becomes of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from meshc.diagnostics import Diagnostics
from meshc.prefixes import BITS, Prefix, address_text
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access
from meshc.topology.proof.access_classes import AccessClasses
from meshc.topology.proof.access_places import AccessPlace, access_places
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.loss_findings import place as file_place
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import Bools, MeshPeerTable
from meshc.topology.proof.rule_grid import ACCEPTED, DENIED, OPEN, RuleGrid
from meshc.values import dataclass

_MOST = 20


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
    judge = _AccessJudge(access, expectation)
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
        line = next((f"the rule in line {one.line}" for one in lines if one), "a rule")
        text = f"{node} drops {packet} {where}{by}, which {line} allows"
        hint = "build again; a hook of its own that drops it must go"
    else:
        text = f"whether {node} lets {packet} {where}{by} is beyond the proof"
        hint = "`meshc lab` measures it; nothing is claimed about such packets there"
    found.add(kind, text, place, path=f"nodes.{node}", hint=hint)


def _service_text(service: tuple[str, int]) -> str:
    protocol, port = service
    return f"{protocol}/{port}" if protocol in ("tcp", "udp") else protocol


@dataclass(slots=True)
class _AccessJudge:
    access: Access
    expectation: Expectation

    def excesses(self, model: NodeModel) -> Iterator[Excess]:
        """One for each place, family, tool and kind of mistake."""
        tools = ("",) if len(model.firewalls) < 2 else ("iptables", "nftables")
        pools = self.expectation.pools
        routes = [r for facts in self.expectation.nodes.values() for r in facts.routes]
        for family in sorted({prefix.family for prefix in (*pools, *routes)}):
            for firewall, tool in zip(model.firewalls, tools, strict=True):
                yield from self.of_family(model, firewall, family, tool)

    def of_family(
        self, model: NodeModel, firewall: Firewall, family: int, tool: str
    ) -> Iterator[Excess]:
        places = [*access_places(model.facts, model.own, self.expectation, family)]
        regions = [region for place in places for region in place.regions]
        classes = AccessClasses.of(self.access, family, firewall, regions)
        grid = RuleGrid(firewall, family, classes.addresses, classes.addresses, classes.services)
        for place in places:
            verdicts = grid.judge(place.hook, place.way_in, place.way_out)
            open_ = verdicts == OPEN
            # what is not decided goes on to the rules that the host has of its own
            may_pass = verdicts != DENIED
            passes = verdicts == ACCEPTED if place.hook == "FORWARD" else may_pass
            sources, targets = classes.inside(place.sources), classes.inside(place.targets)
            seen = sources[:, None, None] & targets[None, :, None]
            wanted = classes.allowed & seen
            owed = (
                classes.inside(place.owed_from)[:, None, None]
                & (classes.inside(place.owed_to)[None, :, None])
            )
            more = may_pass & ~open_ & ~wanted & self.judged(place, classes)
            less = wanted & owed & ~passes & ~open_
            for kind, wrong in (("E431", more), ("E432", less), ("W443", open_ & seen)):
                first = np.argwhere(wrong)[:1].tolist()
                for s, t, v in first:
                    yield Excess(
                        kind,
                        model.name,
                        family,
                        classes.addresses[s],
                        classes.addresses[t],
                        classes.services[v],
                        place.what,
                        tool,
                    )

    def judged(self, place: AccessPlace, classes: AccessClasses) -> Bools:
        """Where letting pass too much is a fault of this node."""
        from_ = classes.inside(place.judged_from)[:, None, None]
        to = classes.inside(place.judged_to)[None, :, None]
        here: Bools = from_ & to
        return here


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
