"""The share of an exit: what of the whole address space its user sends there.

That is everything but `exit_except`; AllowedIPs can say it only as the list of all the rest. Such a
list has no default route, so that wg-quick(8) writes its parts into the main table, where
WireGuard's own packets would follow them: the endpoints' addresses are left out as well. The apps
of phones and of Windows keep their sockets out of the tunnel themselves (wireguard-windows,
docs/netquirk.md: "the outgoing route that does not loopback to itself").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from meshc.prefixes import DEFAULT_V6, Prefix, collapse, mask
from meshc.topology.language.spec import KILL_MARK, NodeSpec, Output, Platform, Spec
from meshc.topology.planner.links.mesh_graph import MeshGraph

# their sockets never follow the routes of their own tunnel
GUARDED = frozenset({Platform.IOS, Platform.ANDROID, Platform.WINDOWS})


class ExitShare(NamedTuple):
    """`kept_out` is what does not go to the exit and is nobody's in the network. `halves`: a family
    that goes there as a whole is written as two halves, because one /0 makes the app of Windows
    block all that does not go into the tunnel (docs/netquirk.md)."""

    kept_out: tuple[Prefix, ...] = ()
    halves: bool = False

    def parts(self, family: int) -> tuple[Prefix, ...]:
        """What is left out of one family."""
        return tuple(prefix for prefix in self.kept_out if prefix.family == family)


EVERYTHING = ExitShare()
WITHOUT_IPV6 = ExitShare((DEFAULT_V6,))


def hold_mark(spec: Spec, node: NodeSpec) -> int | None:
    """The mark by which a node whose IPv6 is held back by rules of ours knows WireGuard's own
    packets; None where it is not. Rules need a host of Linux that runs the lines of a file (the
    apps, routers and NetworkManager have `::/0`, which none of them fails at), and a table that
    wg-quick(8) makes by itself."""
    held = node.exit is not None and not node.exit_except and node.table is None
    runs = node.platform is Platform.LINUX and Output.NETWORKMANAGER not in node.outputs
    if not (held and runs) or any(pool.family == 6 for pool in spec.network.pools):
        return None
    return node.fwmark or KILL_MARK


def whole_share(spec: Spec, node: NodeSpec) -> ExitShare:
    """That of a node without `exit_except`."""
    return EVERYTHING if hold_mark(spec, node) is None else WITHOUT_IPV6


def exit_share(
    graph: MeshGraph, node: int, near: Iterable[Prefix], routed: Callable[[Prefix], bool]
) -> ExitShare:
    """`near` are the LANs that the node reaches without the tunnel; `routed` says of a prefix
    whether a LAN that it reaches through it holds all of that."""
    spec = graph.nodes[node]
    mesh = graph.spec.network.pools

    def inside(prefix: Prefix) -> bool:
        return any(pool.contains(prefix) for pool in mesh) or routed(prefix)

    wanted = {prefix for prefix in spec.exit_except if not inside(prefix)}
    if spec.exit is None or not wanted:
        return EVERYTHING
    if spec.platform not in GUARDED:
        families = {prefix.family for prefix in wanted}
        wanted.update(p for p in endpoint_hosts(graph, node) if p.family in families)
    # A part as long as the LAN's own route, or longer, would take packets for neighbours along.
    for lan in near:
        if any(prefix.overlaps(_twice(lan)) for prefix in wanted):
            wanted.add(lan)
    left = tuple(prefix for prefix in collapse(wanted) if not inside(prefix))
    return ExitShare(left, spec.platform is Platform.WINDOWS)


def endpoint_hosts(graph: MeshGraph, node: int) -> Iterator[Prefix]:
    """The addresses at which a node calls its peers, as far as they are known."""
    for peer in graph.neighbours[node]:
        link = graph.link_of(node, peer)
        if link is not None and link.to_b is not None and link.to_b.family is not None:
            yield Prefix.host(link.to_b.host)


def _twice(prefix: Prefix) -> Prefix:
    length = max(prefix.length - 1, 0)
    return Prefix(prefix.family, mask(prefix.family, prefix.value, length), length)
