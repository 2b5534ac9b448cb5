"""Default routes through another node."""

from __future__ import annotations

from collections.abc import Mapping

from meshc.diagnostics import Diagnostics
from meshc.prefixes import DEFAULT_V6, without
from meshc.topology.language.spec import NodeSpec, Platform, Spec
from meshc.topology.language.wording import quote
from meshc.topology.planner.allowed_ips.exit_share import GUARDED
from meshc.topology.planner.routing.routing import Routing

_WHOLE = {4: "0.0.0.0/0", 6: "::/0"}
_POOLS = {4: "10.44.0.0/24", 6: "fd44::/64"}
# an app that keeps its sockets out, or a system that gives each endpoint a route of its own when
# it looks up the name (netifd: a host dependency)
NAMES_ARE_SAFE = GUARDED | {Platform.MACOS, Platform.OPENWRT}


def check_exits(routing: Routing, diagnostics: Diagnostics) -> None:
    """E202 not a neighbour, E203 an exit that uses an exit, W204 a family without a way out,
    E221 an endpoint that cannot be left out, W222 no kill switch there, I230 no name server."""
    graph = routing.graph
    spec = graph.spec
    used: dict[str, str] = {}
    for name, node in spec.nodes.items():
        if node.exit is None or node.exit not in spec.nodes:
            continue
        if without((DEFAULT_V6,), node.exit_except):
            used.setdefault(node.exit, name)
        if not graph.linked(name, node.exit):
            diagnostics.add(
                "E202",
                f"{quote(name)} cannot use {quote(node.exit)} as exit: they have no direct link, "
                f"because {graph.why_not(name, node.exit)}",
                node.at("exit"),
                path=f"nodes.{name}.exit",
                hint="AllowedIPs of a relay in between would have to hold the whole internet; "
                "choose a relay or a public node as exit.",
            )
        if node.exit_node:
            diagnostics.add(
                "E203",
                f"exit node {quote(name)} itself uses {quote(node.exit)} as exit",
                node.at("exit"),
                path=f"nodes.{name}.exit",
                hint=f"let the nodes use {quote(node.exit)} directly.",
            )
        _unguarded(node, diagnostics)
        _named(routing, node, diagnostics)
    _silent(spec, diagnostics)
    _check_ipv6(spec, used, diagnostics)


def _check_ipv6(spec: Spec, used: Mapping[str, str], diagnostics: Diagnostics) -> None:
    """`used` has one user for each exit."""
    for exit_, user in used.items():
        for family in (4, 6):
            _one_family(spec, exit_, user, family, diagnostics)


def _one_family(spec: Spec, exit_: str, user: str, family: int, diagnostics: Diagnostics) -> None:
    """W204: both families go into the tunnel, but one of them not out of it."""
    cause, hint = "", f"add an IPv{family} pool such as {_POOLS[family]} to network.addresses"
    if not any(pool.family == family for pool in spec.network.pools):
        cause = f"the network has no IPv{family} pool"
    elif family not in spec.nodes[exit_].underlay:
        cause = f"{quote(exit_)} does not speak IPv{family} to the internet"
        hint = (
            f"if {exit_} has IPv{family}, say `underlay: [ipv4, ipv6]` there, else use another exit"
        )
    if cause:
        diagnostics.add(
            "W204",
            f"users of exit {quote(exit_)} (such as {quote(user)}) have no IPv{family}: {cause}, "
            f"and their IPv{family} packets go nowhere instead of leaking",
            spec.nodes[user].at("exit"),
            path=f"nodes.{user}.exit",
            hint=f"{hint}; or accept IPv{10 - family} only; or let IPv{family} out beside the "
            f'tunnel with `exit_except: ["{_WHOLE[family]}"]`.',
        )


def _unguarded(node: NodeSpec, diagnostics: Diagnostics) -> None:
    """A kill switch that nothing can be emitted for."""
    if not node.kill_switch or node.kill_mark is not None or not node.managed:
        return
    linux = node.platform is Platform.LINUX
    key = "exit_except" if node.exit_except else "table"
    why = f"`{key}` is set" if linux else f"{node.platform.value} runs no hooks"
    diagnostics.add(
        "W222",
        f"nothing holds back what {quote(node.name)} sends when its tunnel is gone: {why}",
        node.at("kill_switch"),
        path=f"nodes.{node.name}.kill_switch",
        hint=f"leave `{key}` out: wg-quick then keeps WireGuard's packets apart by itself."
        if linux
        else "switch on what the system has for it (on-demand, always-on VPN), and say "
        "`kill_switch: false`.",
    )


def _named(routing: Routing, node: NodeSpec, diagnostics: Diagnostics) -> None:
    """Without a default route nothing but AllowedIPs keeps WireGuard's own packets out of the
    tunnel, and an address that is not known cannot be left out of those."""
    if not node.managed or node.platform in NAMES_ARE_SAFE or node.table is not None:
        return
    graph, number = routing.graph, routing.graph.number[node.name]
    pools = graph.spec.network.pools
    beside = (p for p in node.exit_except if not any(pool.contains(p) for pool in pools))
    split = {p.family for p in beside if p.length} & {*node.underlay}
    for peer in graph.neighbours[number] if split else ():
        link = graph.link_of(number, peer)
        other = graph.nodes[peer]
        if link is None or link.to_b is None or link.to_b.family is not None:
            continue
        if split & {*other.underlay}:
            diagnostics.add(
                "E221",
                f"{quote(node.name)} calls {quote(other.name)} at {link.to_b.host}, and with "
                "`exit_except` it cannot keep WireGuard's own packets to a name out of the tunnel",
                node.at("exit_except"),
                path=f"nodes.{node.name}.exit_except",
                hint=f"write the address first: `endpoint: [ADDRESS, {link.to_b.host}]` of "
                f"{other.name}.",
            )
            return


def _silent(spec: Spec, diagnostics: Diagnostics) -> None:
    """Exit users that keep the resolver of the place where they are, told once per exit."""
    users: dict[str, list[NodeSpec]] = {}
    for node in spec.nodes.values():
        if node.exit in spec.nodes and node.managed and not _has_dns(node):
            users.setdefault(node.exit or "", []).append(node)
    for exit_, nodes in users.items():
        others = f" and {len(nodes) - 1:,} more have" if len(nodes) > 1 else " has"
        diagnostics.add(
            "I230",
            f"{quote(nodes[0].name)}{others} no name server of their own behind the exit "
            f"{quote(exit_)}",
            nodes[0].at("exit"),
            path=f"nodes.{nodes[0].name}.exit",
            hint="set `dns` on the node, a group or the network to one that is reached through "
            "the exit.",
        )


def _has_dns(node: NodeSpec) -> bool:
    """A RouterOS script leaves the router's own resolver alone."""
    return bool(node.dns) or node.platform is Platform.ROUTEROS
