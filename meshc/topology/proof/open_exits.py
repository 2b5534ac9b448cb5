"""What an exit lets out beyond what was asked: for nodes that did not name it, and into its own
surroundings.

A node's own file is no obstacle for whoever holds it: a leaf that widens its AllowedIPs sends to
the exit what it likes. So the sender here lies; only the rules of the exit count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix, address_text
from meshc.topology.proof.expectation import Expectation
from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.loss_findings import place
from meshc.topology.proof.node_model import NodeModel
from meshc.topology.proof.peer_table import MeshPeerTable

INTERNET = {4: Prefix.host("1.1.1.1"), 6: Prefix.host("2606:4700:4700::1111")}
NEIGHBOURHOOD = {
    4: tuple(
        map(
            Prefix.parse,
            (
                *("169.254.169.254/32", "192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8"),
                *("100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24"),
            ),
        )
    ),
    6: tuple(map(Prefix.parse, ("fd00:ec2::254/128", "fc00::/7", "fe80::/10"))),
}
"""Metadata services of clouds, private and link-local networks (RFC 1918, 6598, 4193, 4291)."""


def check_exits(table: MeshPeerTable, expectation: Expectation, found: Diagnostics) -> None:
    """W446, once an exit for each of the two."""
    for n, exit_ in enumerate(table.models):
        if not exit_.facts.exit_node or exit_.conf is None or not exit_.has_rules:
            continue
        to = table.to[int(table.start[n]) : int(table.start[n + 1])]
        neighbours = [table.models[other] for other in to.tolist() if other >= 0]
        strangers = sorted(set(_open_to(neighbours, exit_)))
        if strangers:
            others = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
            found.add(
                "W446",
                f"{exit_.name} lets {strangers[0]}{others} out to the internet, who did not name "
                "it as exit and need only widen AllowedIPs in a file of their own",
                place(table, exit_.name),
                path=f"nodes.{exit_.name}.exit_node",
                hint="the rules that meshc writes let out the users alone; a rule in post_up opens"
                " more",
            )
        near = sorted(_open_surroundings(table.models, exit_, expectation.pools))
        if near:
            found.add(
                "W446",
                f"{exit_.name} lets users of the exit through to {near[0][1]}, which is its own "
                "surroundings and not the internet",
                place(table, exit_.name),
                path=f"nodes.{exit_.name}.exit_node",
                hint="name it in `routes` if it is meant",
            )


def _open_to(neighbours: Iterable[NodeModel], exit_: NodeModel) -> Iterator[str]:
    """The names of those who did not ask."""
    for model in neighbours:
        if model.facts.exit == exit_.name:
            continue
        if any(_passes(exit_, own, INTERNET[own.family].value) for own in model.own):
            yield model.name


def _open_surroundings(
    models: Iterable[NodeModel], exit_: NodeModel, pools: tuple[Prefix, ...]
) -> Iterator[tuple[int, str]]:
    """Addresses in the neighbourhood that nobody declared, in the order of `NEIGHBOURHOOD`."""
    declared = (*pools, *exit_.facts.routes)
    for model in models:
        if model.facts.exit != exit_.name:
            continue
        for source in model.own:
            for rank, block in enumerate(NEIGHBOURHOOD[source.family]):
                target = block.last if block.length >= 32 else block.last - 1
                one = Prefix(block.family, target, 32 if block.family == 4 else 128)
                if any(prefix.contains(one) for prefix in declared):
                    continue
                if _passes(exit_, source, target):
                    yield rank, address_text(block.family, target)


def _passes(exit_: NodeModel, source: Prefix, target: int) -> bool:
    family = source.family
    flow = Flow(family, source.value, target, TUNNEL, OUTSIDE)
    return family in exit_.firewall.families and exit_.firewall.forwarding(flow)[0]
