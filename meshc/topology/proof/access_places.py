"""The places where a node decides about packets that begin something, and what it owes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshc.prefixes import Prefix, collapse, without
from meshc.topology.proof.expectation import Expectation, NodeFacts
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL

Region = tuple[Prefix, ...]


class AccessPlace(NamedTuple):
    """One hook of a node, for packets on one way. Of what may pass at all (`sources` to `targets`),
    that from `owed_from` to `owed_to` must, when the rules allow it. Everything else from
    `judged_from` to `judged_to` must not."""

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

    @property
    def regions(self) -> tuple[Region, ...]:
        return self[4:]


def access_places(
    facts: NodeFacts, own: Sequence[Prefix], expectation: Expectation, family: int
) -> Iterator[AccessPlace]:
    """All of one node in one family."""
    access = expectation.obligations.access
    assert access is not None, "asked for a network with policies"
    everywhere: Region = (Prefix(family, 0, 0),)
    mine = _of(family, own)
    elsewhere = without(everywhere, mine)  # its own addresses are never forwarded to
    lans = _of(family, facts.routes)
    routes = [route for node in expectation.nodes.values() for route in node.routes]
    known = _of(family, (*expectation.pools, *routes))
    beyond = access.internet[family] if facts.exit_node else ()
    users = [
        prefix
        for name, node in expectation.nodes.items()
        if node.exit == facts.name
        for prefix in (*expectation.obligations.around.addresses[name], *node.routes)
    ]
    local = _of(family, (*mine, *lans))
    yield AccessPlace("come in", "INPUT", TUNNEL, "", everywhere, local,
                everywhere, mine, everywhere, everywhere)  # fmt: skip
    yield AccessPlace("out to its LANs", "FORWARD", TUNNEL, OUTSIDE, everywhere, everywhere,
                everywhere, lans, everywhere, elsewhere)  # fmt: skip
    if beyond:
        yield AccessPlace("out to the internet", "FORWARD", TUNNEL, OUTSIDE, everywhere, everywhere,
                    _of(family, users), beyond, (), ())  # fmt: skip
    # what nobody is has no way through: it is in no file's AllowedIPs, and stands in no row
    others = known if facts.relay else ()
    yield AccessPlace("through", "FORWARD", TUNNEL, TUNNEL, everywhere, everywhere,
                others, without(others, mine), everywhere, elsewhere)  # fmt: skip
    if facts.routes or facts.relay or facts.exit_node:
        reached = (*known, *access.internet[family]) if facts.exit else known
        yield AccessPlace("from beside it", "FORWARD", OUTSIDE, TUNNEL, lans, everywhere,
                    lans, without(reached, mine), known, elsewhere)  # fmt: skip
    guard = facts.relay or facts.exit_node
    yield AccessPlace("out of itself", "OUTPUT", "", TUNNEL, mine, everywhere,
                mine, known, mine if guard else (), everywhere if guard else ())  # fmt: skip


def _of(family: int, prefixes: Sequence[Prefix]) -> Region:
    return collapse(prefix for prefix in prefixes if prefix.family == family)
