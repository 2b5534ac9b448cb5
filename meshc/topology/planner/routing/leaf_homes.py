"""The homes of all leaves. Leaves whose addresses are in one run of 16 have the same.

A file that sends each address of a run another way would hold one entry for each, on every leaf,
too many for a phone's QR code. New addresses are given out by home, so that the names in a run
agree anyway. They do not where the addresses were there before the relays, or before the load was
shared, or stand in the topology: there the leaf with the lowest address speaks for its run.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshc.prefixes import BITS, Prefix
from meshc.topology.planner.links.mesh_graph import MeshGraph
from meshc.topology.planner.routing.home_relay import Home, home_of

RUN_BITS = 4
SMALLEST_POOL = 7  # host bits; below that a home for every leaf costs few entries

Addresses = Mapping[str, tuple[Prefix, ...]]


def leaf_homes(graph: MeshGraph, addresses: Addresses) -> tuple[Home | None, ...]:
    """By node number; None for a relay, and for a leaf that is linked to none. `addresses` may
    lack nodes, which then go by their own names."""
    if not graph.relays:
        return (None,) * len(graph.nodes)
    # with one relay there is nothing to choose, and nobody to agree with
    several = len(graph.relays) > 1
    runs = {
        node.name: run
        for node in graph.nodes
        if several
        and not node.is_relay
        and (run := _run(graph, addresses.get(node.name, ()))) is not None
    }
    chooser: dict[Prefix, str] = {}  # the first in a run, and the first that has no `via`
    halver: dict[Prefix, str] = {}
    for name in sorted(runs, key=lambda name: addresses[name][0]):
        halver.setdefault(runs[name], name)
        if not graph.spec.nodes[name].via:
            chooser.setdefault(runs[name], name)
    near: dict[int, tuple[str, ...]] = {}  # by row: equal rows are one object
    found: list[Home | None] = []
    for i, (node, row) in enumerate(zip(graph.nodes, graph.neighbours, strict=True)):
        if node.is_relay:
            found.append(None)
            continue
        if id(row) not in near:
            near[id(row)] = tuple(graph.names[j] for j in graph.relays if graph.adjacent(i, j))
        run = runs.get(node.name)
        if run is None:
            found.append(home_of(node.name, node.via, near[id(row)]))
        else:
            by = node.name if node.via else chooser[run]
            found.append(home_of(by, node.via, near[id(row)], halver[run]))
    return tuple(found)


def _run(graph: MeshGraph, addresses: tuple[Prefix, ...]) -> Prefix | None:
    """The run in which the first address of a node lies."""
    for address in addresses[:1]:
        bits = BITS[address.family]
        for pool in graph.spec.network.pools:
            if pool.contains(address) and bits - pool.length >= SMALLEST_POOL:
                value = address.value >> RUN_BITS << RUN_BITS
                return Prefix(address.family, value, bits - RUN_BITS)
    return None
