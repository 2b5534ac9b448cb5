"""Endpoints in the light of everything else: who can use them, and are they outside the tunnel?"""

from __future__ import annotations

from collections import defaultdict

from meshc.diagnostics import Diagnostics
from meshc.prefix_index import PrefixIndex
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, NodeSpec, Spec
from meshc.topology.language.wording import quote
from meshc.topology.planner.links.link import endpoint_for, is_fixed, same_site
from meshc.topology.planner.routing.routing import Routing
from meshc.wg.endpoint import Endpoint

_CALLERS = (frozenset((4,)), frozenset((6,)), frozenset((4, 6)))


def check_endpoint_use(routing: Routing, diagnostics: Diagnostics) -> None:
    """I206, W208, W223, E209, E215, W216."""
    spec = routing.graph.spec
    for node in spec.nodes.values():
        _filtered(node, diagnostics)
        _families(node, diagnostics)
        _unused(node, diagnostics)
    _inside_tunnel(spec, diagnostics)
    _one_port(spec, diagnostics)
    _hairpin(routing, diagnostics)


def _filtered(node: NodeSpec, diagnostics: Diagnostics) -> None:
    if is_fixed(node):
        diagnostics.add(
            "I206",
            f"the endpoint of {quote(node.name)} serves only peers with a fixed endpoint of their "
            f"own: its NAT is {node.nat.value}",
            node.at("endpoint"),
            path=f"nodes.{node.name}.endpoint",
            hint="if the router forwards the port, say `nat: full_cone` on this node.",
        )


def _families(node: NodeSpec, diagnostics: Diagnostics) -> None:
    for index, endpoint in enumerate(node.endpoints):
        if endpoint.family is not None and endpoint.family not in node.underlay:
            diagnostics.add(
                "W208",
                f"{endpoint} of {quote(node.name)} is never used: `underlay` says that the node "
                f"speaks no IPv{endpoint.family}",
                node.locations.get(f"endpoint[{index}]") or node.at("endpoint"),
                path=f"nodes.{node.name}.endpoint",
                hint="add the family to `underlay`, or drop the endpoint.",
            )


def _unused(node: NodeSpec, diagnostics: Diagnostics) -> None:
    """WireGuard knows one endpoint a peer: the first in a family that both ends speak."""
    spoken = frozenset(node.underlay)
    used = {endpoint_for(node.endpoints, spoken & families) for families in _CALLERS}
    for index, endpoint in enumerate(node.endpoints):
        foreign = endpoint.family is not None and endpoint.family not in spoken
        if endpoint in used or foreign:
            continue
        families = spoken & {endpoint.family} if endpoint.family else spoken
        first = endpoint_for(node.endpoints, families)
        diagnostics.add(
            "W223",
            f"{endpoint} of {quote(node.name)} is never used: peers take {first}, which comes "
            "first",
            node.locations.get(f"endpoint[{index}]") or node.at("endpoint"),
            path=f"nodes.{node.name}.endpoint",
            hint="a peer has one endpoint: write the one to use first, and drop the others; one "
            "address of each family may stay.",
        )


def _inside_tunnel(spec: Spec, diagnostics: Diagnostics) -> None:
    """A packet to such an endpoint would be sent into the tunnel that it is to carry.

    Default routes do no harm: wg-quick(8) keeps the tunnel's own packets out of them by a mark,
    but only those of 0.0.0.0/0 and ::/0.
    """
    routed = [(pool, "the pool") for pool in spec.network.pools]
    for name, node in spec.nodes.items():
        routed += [(route, f"behind {quote(name)}") for route in node.routes]
    prefixes = PrefixIndex(routed)
    for node in spec.nodes.values():
        for index, endpoint in enumerate(node.endpoints):
            if endpoint.family is None:
                continue
            host = Prefix.host(endpoint.host)
            for prefix, what in prefixes.overlapping(host):
                diagnostics.add(
                    "E209",
                    f"the endpoint {endpoint.host} of {quote(node.name)} lies inside {prefix} "
                    f"({what}), which is routed into the tunnel",
                    node.locations.get(f"endpoint[{index}]") or node.at("endpoint"),
                    path=f"nodes.{node.name}.endpoint",
                    hint="write the address that the node has outside of the tunnel.",
                )


def _one_port(spec: Spec, diagnostics: Diagnostics) -> None:
    """One public address and port lead to one node; so do one LAN address and port."""
    places: dict[tuple[str, str, int], NodeSpec] = {}
    for node in spec.nodes.values():
        for endpoint, site, key in _doors(node):
            place = (site, endpoint.host.lower(), endpoint.port)
            other = places.setdefault(place, node)
            if other is not node:
                where = f"at site {quote(site)}" if site else "on the internet"
                diagnostics.add(
                    "E215",
                    f"{quote(node.name)} and {quote(other.name)} both listen at {endpoint} {where}",
                    node.at(key),
                    path=f"nodes.{node.name}.{key}",
                    hint="behind one NAT every node needs a port of its own: set `listen_port` and "
                    "forward that port to the node.",
                )


def _doors(node: NodeSpec) -> list[tuple[Endpoint, str, str]]:
    doors = [(endpoint, "", "endpoint") for endpoint in node.endpoints]
    if node.lan_endpoint is not None and node.site is not None:
        lan = node.lan_endpoint
        port = lan.port or node.listen_port
        if port:
            lan = Endpoint(lan.host, port)
            doors.append((lan, node.site, "lan_endpoint"))
    return doors


def _hairpin(routing: Routing, diagnostics: Diagnostics) -> None:
    """Packets to the public address of the own site come back only if its router turns them."""
    graph = routing.graph
    sites: dict[str, list[int]] = defaultdict(list)
    for i, node in enumerate(graph.nodes):
        if node.site is not None:
            sites[node.site].append(i)
    for inside in sites.values():
        for i in inside:
            node = graph.nodes[i]
            if not node.endpoints or node.lan_endpoint is not None or node.nat is Nat.NONE:
                continue
            mates = [
                j
                for j in inside
                if j != i
                and graph.adjacent(i, j)
                and graph.nodes[j].lan_endpoint is None
                and same_site(node, graph.nodes[j])
            ]
            if mates:
                diagnostics.add(
                    "W216",
                    f"{quote(graph.names[mates[0]])} calls {quote(node.name)} at its public "
                    "endpoint although both are at one site",
                    node.at("endpoint"),
                    path=f"nodes.{node.name}",
                    hint="give it a `lan_endpoint`; many routers do not turn such packets around.",
                )
