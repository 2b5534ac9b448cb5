"""Whether a topology and the options of a lab fit together."""

from __future__ import annotations

from collections.abc import Iterable

from meshc.diagnostics import Diagnostics
from meshc.lab.world.layout_options import LayoutOptions
from meshc.topology.language.spec import NodeSpec, Spec


def check_fit(
    spec: Spec, options: LayoutOptions, nats: Iterable[str], diagnostics: Diagnostics
) -> None:
    """Finds options that name nothing, and endpoints that a carrier's NAT would kill. `nats` are
    the names given to --nat."""
    lone = {name for name, node in spec.nodes.items() if node.site is None}
    uplinks = lone | spec.sites.keys()
    for name in sorted({*options.shapes, *options.carrier} - uplinks):
        diagnostics.add(
            "E802",
            f"{name!r} has no uplink of its own",
            hint=f"uplinks: {', '.join(sorted(uplinks))}",
        )
    for name in sorted(set(nats) - spec.nodes.keys() - spec.sites.keys()):
        places = ", ".join(sorted({*spec.sites, *spec.nodes}))
        diagnostics.add(
            "E802", f"{name!r} is neither a site nor a node", hint=f"sites and nodes: {places}"
        )
    for node in spec.nodes.values():
        if node.endpoints and _behind_carrier(spec, node, options):
            place = node.site or node.name
            diagnostics.add(
                "E801",
                f"{node.name} has an endpoint, and {place} sits behind a carrier's NAT",
                node.at("endpoint"),
                path=f"nodes.{node.name}.endpoint",
                hint="drop one of the two: no port can be forwarded through a carrier's NAT",
            )


def _behind_carrier(spec: Spec, node: NodeSpec, options: LayoutOptions) -> bool:
    return (
        spec.lab.place(node=node.name, site=node.site).double_nat
        or (node.site or node.name) in options.carrier
    )
