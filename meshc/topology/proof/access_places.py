"""The places where a node decides about packets that begin something, and what it owes there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meshc.prefixes import Prefix, collapse
from meshc.topology.proof.expectation import Expectation, NodeFacts
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL

Region = tuple[Prefix, ...]


class Place(NamedTuple):
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
) -> Iterator[Place]:
    """All of one node in one family."""
    access = expectation.obligations.access
    assert access is not None, "asked for a network with policies"
    everywhere: Region = (Prefix(family, 0, 0),)
    mine = _of(family, own)
    lans = _of(family, facts.routes)
    routes = [route for node in expectation.nodes.values() for route in node.routes]
    known = _of(family, (*expectation.pools, *routes))
    beyond = access.internet[family] if facts.exit_node else ()
    users = [
        prefix
        for name, node in expectation.nodes.items()
        if node.exit == facts.name
        for prefix in (*expectation.obligations.addresses[name], *node.routes)
    ]
    local = _of(family, (*mine, *lans))
    yield Place("come in", "INPUT", TUNNEL, "", everywhere, local,
                everywhere, mine, everywhere, everywhere)  # fmt: skip
    yield Place("out to its LANs", "FORWARD", TUNNEL, OUTSIDE, everywhere, everywhere,
                everywhere, lans, everywhere, everywhere)  # fmt: skip
    if beyond:
        yield Place("out to the internet", "FORWARD", TUNNEL, OUTSIDE, everywhere, everywhere,
                    _of(family, users), beyond, (), ())  # fmt: skip
    # what nobody is has no way through: it is in no file's AllowedIPs, and stands in no row
    others = known if facts.relay else ()
    yield Place("through", "FORWARD", TUNNEL, TUNNEL, everywhere, everywhere,
                others, others, everywhere, everywhere)  # fmt: skip
    if facts.routes or facts.relay or facts.exit_node:
        yield Place("from beside it", "FORWARD", OUTSIDE, TUNNEL, lans, everywhere,
                    lans, known, known, everywhere)  # fmt: skip
    guard = facts.relay or facts.exit_node
    yield Place("out of itself", "OUTPUT", "", TUNNEL, mine, everywhere,
                mine, known, mine if guard else (), everywhere if guard else ())  # fmt: skip


def _of(family: int, prefixes: Sequence[Prefix]) -> Region:
    return collapse(prefix for prefix in prefixes if prefix.family == family)
