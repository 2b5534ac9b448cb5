"""Pools, routed LANs and the LANs of sites: one address must mean one place."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix
from meshc.topology.language.spec import NodeSpec, Spec
from meshc.topology.language.wording import quote
from meshc.topology.obligations.own_lan import OwnLan, own_lans
from meshc.topology.planner.routing.routing import Routing


def check_overlaps(routing: Routing, diagnostics: Diagnostics) -> None:
    """E210 to W213 and W219: overlapping pools, routes and LANs; W217 for relays in such a LAN."""
    spec = routing.graph.spec
    _pools(spec, diagnostics)
    _routes(spec, diagnostics)
    for node in spec.nodes.values():
        for index, route in enumerate(node.routes):
            _route_and_pools(spec, diagnostics, node.name, route, _at(node, index))
    for lan in own_lans(spec):
        _TELL[lan.code](spec, lan, diagnostics)


def _at(node: NodeSpec, index: int) -> Location | None:
    return node.locations.get(f"routes[{index}]") or node.at("routes")


def _pools(spec: Spec, diagnostics: Diagnostics) -> None:
    pools = spec.network.pools
    for index, pool in enumerate(pools):
        for other in pools[:index]:
            if pool.overlaps(other):
                diagnostics.add(
                    "E214",
                    f"the pools {other} and {pool} overlap",
                    spec.network.locations.get("addresses"),
                    path="network.addresses",
                    hint="keep the larger one.",
                )


def _routes(spec: Spec, diagnostics: Diagnostics) -> None:
    """Sorted prefixes nest like brackets, so that a stack finds every overlap in one pass."""
    routes = sorted(
        (route, name, index)
        for name, node in spec.nodes.items()
        for index, route in enumerate(node.routes)
    )
    stack: list[tuple[Prefix, str]] = []
    for route, name, index in routes:
        while stack and not stack[-1][0].contains(route):
            stack.pop()
        outer = stack[-1] if stack else None
        stack.append((route, name))
        if outer is None or (outer[1] == name and outer[0] != route):
            continue
        wide, holder = outer
        if wide == route:
            diagnostics.add(
                "E210",
                f"{quote(name)} and {quote(holder)} both route {route}",
                _at(spec.nodes[name], index),
                path=f"nodes.{name}.routes[{index}]",
                hint="a prefix belongs to one peer per interface: keep it on one router, or split "
                "it into two halves.",
            )
        else:
            diagnostics.add(
                "W211",
                f"{route} behind {quote(name)} lies inside {wide} behind {quote(holder)}",
                _at(spec.nodes[name], index),
                path=f"nodes.{name}.routes[{index}]",
                hint="the more specific one wins at all other nodes; if that is not meant, narrow "
                f"the routes of {quote(holder)}.",
            )


def _route_and_pools(
    spec: Spec, diagnostics: Diagnostics, name: str, route: Prefix, at: Location | None
) -> None:
    for pool in spec.network.pools:
        if pool.overlaps(route):
            diagnostics.add(
                "E212",
                f"the route {route} of {quote(name)} overlaps the pool {pool}",
                at,
                path=f"nodes.{name}.routes",
                hint="move the pool to a range that no LAN of the network uses.",
            )


def _clash(spec: Spec, lan: OwnLan, diagnostics: Diagnostics) -> None:
    """Nodes in another place with the same LAN numbers cannot be given the route."""
    node = spec.nodes[lan.router]
    diagnostics.add(
        "W219",
        f"nodes of site {quote(lan.site)} cannot reach {lan.lost} behind {quote(node.name)}: "
        f"their own LAN is {lan.lan}",
        _at(node, lan.index),
        path=f"nodes.{node.name}.routes",
        hint="renumber one of the two LANs.",
    )


def _relay_inside(spec: Spec, lan: OwnLan, diagnostics: Diagnostics) -> None:
    """A relay in the LAN must not route its own LAN into the tunnel, for itself or others."""
    node = spec.nodes[lan.router]
    diagnostics.add(
        "W217",
        f"relay {quote(lan.relay)} is in the LAN {lan.lost} itself, so that it carries nobody to "
        f"it through {quote(node.name)}",
        _at(node, lan.index),
        path=f"nodes.{node.name}.routes",
        hint=f"let {quote(lan.relay)} offer the route.",
    )


def _lan_and_pool(spec: Spec, lan: OwnLan, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "W213",
        f"the LAN {lan.lan} of site {quote(lan.site)} overlaps the pool {lan.wide}",
        spec.sites[lan.site].location,
        path=f"sites.{lan.site}.lan",
        hint="choose a pool that no LAN of the network uses.",
    )


_TELL = {"W213": _lan_and_pool, "W217": _relay_inside, "W219": _clash}
