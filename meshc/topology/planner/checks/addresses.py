"""Fixed addresses: inside a pool, usable, and one node each."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.wording import listing, quote
from meshc.topology.planner.addressing.allocation import reserved
from meshc.topology.planner.routing.routing import Routing


def check_addresses(routing: Routing, diagnostics: Diagnostics) -> None:
    """E300 outside the pools, E301 not an address of a node, E302 given twice."""
    spec = routing.graph.spec
    owner: dict[Prefix, str] = {}
    for name, node in spec.nodes.items():
        for index, address in enumerate(node.addresses):
            at = node.at(f"address[{index}]") if index else node.at("address")
            pool = next((p for p in spec.network.pools if p.contains(address)), None)
            if pool is None:
                diagnostics.add(
                    "E300",
                    f"{address.address} of {quote(name)} is outside the pools "
                    f"{listing([str(p) for p in spec.network.pools])}",
                    at,
                    path=f"nodes.{name}.address",
                    hint="choose an address inside a pool, or add its pool to network.addresses.",
                )
            elif kind := reserved(pool, address.value):
                diagnostics.add(
                    "E301",
                    f"{address.address} of {quote(name)} is the {kind} of {pool}",
                    at,
                    path=f"nodes.{name}.address",
                    hint=f"the first address for nodes is {_first(pool)}.",
                )
            other = owner.setdefault(address, name)
            if other != name:
                diagnostics.add(
                    "E302",
                    f"{quote(name)} and {quote(other)} both have the address {address.address}",
                    at,
                    path=f"nodes.{name}.address",
                    hint="drop `address` from one of them; it then gets a free one.",
                )


def _first(pool: Prefix) -> str:
    return Prefix(pool.family, pool.value + 1, pool.length).address
