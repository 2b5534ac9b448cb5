"""The places where a node decides about packets that begin something, and what it owes there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from meshc.prefixes import Prefix, collapse, without
from meshc.topology.obligations.control_channel import LINK_LOCAL
from meshc.topology.proof.expectation import Expectation, NodeFacts
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL

Region = tuple[Prefix, ...]


class AccessPlace(NamedTuple):
    """One hook of a node, for packets on one way. Of what may pass at all (`sources` to `targets`),
    that from `owed_from` to `owed_to` must, when the rules allow it. Everything else from
    `judged_from` to `judged_to` must not, but for what agents say: from `control_from` to
    `control_to` it must."""

    what: str
    hook: str
    way_in: str
    way_out: str
    sources: Region
    targets: Region
    owed_from: Region
    owed_to: Region
    judged_from: Region
    judged_to: Region
    control_from: Region = ()
    control_to: Region = ()

    @property
    def regions(self) -> tuple[Region, ...]:
        return self[4:]


class FamilySurroundings(NamedTuple):
    """What all nodes of one family have in common: the whole network with its LANs, the internet,
    and by exit what its users may send from."""

    family: int
    known: Region
    internet: Region
    users: Mapping[str, Region]

    @classmethod
    def of(cls, expectation: Expectation, family: int) -> FamilySurroundings:
        access, nodes = expectation.obligations.access, expectation.nodes
        assert access is not None, "asked for a network with policies"
        routes = [route for node in nodes.values() for route in node.routes]
        users: dict[str, list[Prefix]] = {}
        for name, node in nodes.items():
            if node.exit is not None:
                own = expectation.obligations.around.addresses[name]
                users.setdefault(node.exit, []).extend((*own, *node.routes))
        return cls(
            family,
            _of(family, (*expectation.pools, *routes)),
            access.internet[family],
            {name: _of(family, some) for name, some in users.items()},
        )


def access_places(
    facts: NodeFacts, own: Sequence[Prefix], around: FamilySurroundings, agents: Region = ()
) -> Iterator[AccessPlace]:
    """All of one node in one family; `agents` are those that it must hear, in the only family that
    they use."""
    between = (LINK_LOCAL,) if agents else ()
    family, known = around.family, around.known
    everywhere: Region = (Prefix(family, 0, 0),)
    mine = _of(family, own)
    elsewhere = without(everywhere, mine)  # its own addresses are never forwarded to
    lans = _of(family, facts.routes)
    beyond = around.internet if facts.exit_node else ()
    local = _of(family, (*mine, *lans))
    # a router has an address in its LANs, which nobody here knows: they are owed as a whole
    yield AccessPlace("come in", "INPUT", TUNNEL, "", everywhere, local,
                everywhere, local, everywhere, everywhere, agents, between)  # fmt: skip
    yield AccessPlace("out to its LANs", "FORWARD", TUNNEL, OUTSIDE, everywhere, everywhere,
                everywhere, lans, everywhere, elsewhere)  # fmt: skip
    if beyond:
        yield AccessPlace("out to the internet", "FORWARD", TUNNEL, OUTSIDE, everywhere, everywhere,
                    around.users.get(facts.name, ()), beyond, (), ())  # fmt: skip
    # what nobody is has no way through: it is in no file's AllowedIPs, and stands in no row
    others = known if facts.relay else ()
    yield AccessPlace("through", "FORWARD", TUNNEL, TUNNEL, everywhere, everywhere,
                others, without(others, mine), everywhere, elsewhere)  # fmt: skip
    if facts.routes or facts.relay or facts.exit_node:
        reached = (*known, *around.internet) if facts.exit else known
        yield AccessPlace("from beside it", "FORWARD", OUTSIDE, TUNNEL, lans, everywhere,
                    lans, without(reached, mine), known, elsewhere)  # fmt: skip
    guard = facts.relay or facts.exit_node
    yield AccessPlace("out of itself", "OUTPUT", "", TUNNEL, mine, everywhere,
                mine, known, mine if guard else (), everywhere if guard else (),
                    between, agents)  # fmt: skip


def _of(family: int, prefixes: Sequence[Prefix]) -> Region:
    return collapse(prefix for prefix in prefixes if prefix.family == family)
