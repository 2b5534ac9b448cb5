"""Topology -> `LabWorld`: where each node of the file sits in the simulated internet.

A node with a public endpoint and no NAT hangs on the internet with that very address; every
site gets a router, and so does a lone node behind a NAT. Host names get an address
of the lab and a line in its DNS, so that the emitted files work unchanged. A NAT of unknown kind is
played as symmetric, the strictest: what passes there passes everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshc.lab.world.draft import WorldDraft
from meshc.lab.world.layout_options import PLAIN, LayoutOptions
from meshc.lab.world.member import Member
from meshc.lab.world.places import LabWorld, PlaceKind
from meshc.lab.world.sites import SiteBuilder
from meshc.prefixes import Prefix
from meshc.topology.language.spec import Spec


def lay_out(
    spec: Spec, listen_ports: Mapping[str, int | None], options: LayoutOptions = PLAIN
) -> LabWorld:
    """The world of the nodes in `listen_ports` (those that have an emitted file; None for a port
    that the kernel picks). Raises: StateError when no address range is left for the lab."""
    draft = WorldDraft(spec, listen_ports, options)
    draft.internet()
    for title, names in _groups(spec, listen_ports).items():
        members = [draft.member(spec.nodes[name]) for name in names]
        if title is None:
            for member in members:
                _lone(draft, member)
        else:
            SiteBuilder(draft, title, members).build()
    for name in listen_ports:
        draft.own_lans(spec.nodes[name])
    draft.keep_sockets_out()
    return draft.world()


def _lone(draft: WorldDraft, member: Member) -> None:
    """A node by itself: straight on the internet, or behind a router of its own."""
    node = member.node
    if not member.bare:
        SiteBuilder(draft, node.name, [member]).build()
        return
    place = draft.place(node.name, PlaceKind.NODE, f"node {node.name}")
    addresses = list(dict.fromkeys(address for _, address in member.endpoints))
    spare = draft.pool.uplink()
    have = {Prefix.host(a).family for a in addresses}
    addresses += [spare[family] for family in node.underlay if family not in have]
    draft.uplink(place, "eth0", addresses, name=node.name)
    draft.uplinks[node.name] = node.name
    draft.public[node.name] = tuple(addresses)


def _groups(spec: Spec, present: Mapping[str, int | None]) -> dict[str | None, list[str]]:
    """Nodes by the router they share: sites, and lone nodes that share an endpoint's host
    (two forwarded ports of one address). None holds those that are by themselves."""
    owner: dict[str, list[str]] = {}
    for name in present:
        if spec.nodes[name].site is None:
            for host in {e.host for e in spec.nodes[name].endpoints}:
                owner.setdefault(host, []).append(name)
    groups: dict[str | None, list[str]] = {None: []}
    for name in sorted(present):
        node = spec.nodes[name]
        if node.site is not None:
            groups.setdefault(node.site, []).append(name)
            continue
        shared = [e.host for e in node.endpoints if len(owner[e.host]) > 1]
        groups.setdefault(min(shared) if shared else None, []).append(name)
    return groups
