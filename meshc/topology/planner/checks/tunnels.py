"""`via` that leads nowhere, and phones that would keep many tunnels alive."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import DirectMode, Platform
from meshc.topology.language.wording import quote
from meshc.topology.planner.routing.routing import Routing

PHONES = frozenset({Platform.IOS, Platform.ANDROID})
MANY_PEERS = 4  # each is a handshake and keepalives on the battery, and 150 bytes of a QR code


def check_tunnels(routing: Routing, diagnostics: Diagnostics) -> None:
    """W207 for relays in `via` without a link, I218 for phones with many direct links."""
    graph = routing.graph
    for i, node in enumerate(graph.nodes):
        for name in node.via:
            if name != node.name and name in graph.number and not graph.linked(node.name, name):
                diagnostics.add(
                    "W207",
                    f"{quote(node.name)} cannot go via {quote(name)}: "
                    f"{graph.why_not(node.name, name)}",
                    node.at("via"),
                    path=f"nodes.{node.name}.via",
                    hint="drop it from `via`, or make the link possible.",
                )
        peers = len(graph.neighbours[i])
        if node.platform in PHONES and node.direct is DirectMode.ALL and peers > MANY_PEERS:
            diagnostics.add(
                "I218",
                f"{quote(node.name)} is a phone with {peers} direct links",
                node.at("platform"),
                path=f"nodes.{node.name}",
                hint="`direct: relays` or `none` saves battery and makes the QR code small.",
            )
