"""Packet sizes that cannot work."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document
from meshc.topology.language.read.parsed_file import Path
from meshc.topology.language.resolve.locations import Locations
from meshc.topology.language.spec import Spec
from meshc.wg.overhead import LEAST_IPV6_MTU, TUNNEL_MTU, UNDERLAY_MTU

_MOST = max(TUNNEL_MTU.values())


def check_mtu(spec: Spec, document: Document, diagnostics: Diagnostics) -> None:
    """W150 and E168, once for each line that sets an MTU."""
    ipv6 = any(pool.family == 6 for pool in spec.network.pools)
    places: dict[Path, int] = {}
    if spec.network.mtu is not None:
        places["network", "mtu"] = spec.network.mtu
    for node in spec.nodes.values():
        if node.mtu is not None and isinstance(node.locations, Locations):
            path = node.locations.path("mtu")
            if path is not None:
                places[path] = node.mtu
    for path, mtu in places.items():
        if mtu > _MOST:
            document.report(
                diagnostics,
                "W150",
                f"{mtu} bytes leave no room for WireGuard on a path of {UNDERLAY_MTU}",
                path,
                f"write `auto`, or at most {_MOST}.",
            )
        elif ipv6 and mtu < LEAST_IPV6_MTU:
            document.report(
                diagnostics,
                "E168",
                f"an interface with an MTU of {mtu} cannot have IPv6 addresses",
                path,
                f"write `auto`, or at least {LEAST_IPV6_MTU}.",
            )
