"""The room in a QR code: whether a phone that leaves something out of its exit can still scan."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.render.node_secrets import Secrets
from meshc.render.qr_code import MOST_BYTES
from meshc.render.wgquick import WgQuickRenderer
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import MeshPlan

SCANNED = frozenset({Platform.IOS, Platform.ANDROID})


def check_scan_room(plan: MeshPlan, secrets: Secrets, diagnostics: Diagnostics) -> None:
    """W502 where it is the exceptions that make a file too large. Raises: Refused, by a value that
    has no place in a file."""
    users = [
        node
        for node in plan.nodes.values()
        if node.spec.exit_except and node.spec.managed and node.spec.platform in SCANNED
    ]
    renderer = WgQuickRenderer(plan, secrets) if users else None
    for node in users:
        assert renderer is not None, "there are users"
        size = len(renderer.render(node))
        parts = next((p.allowed_ips for p in node.peers if p.name == node.spec.exit), ())
        listed = sum(len(str(part)) + 2 for part in parts)
        if size <= MOST_BYTES or size - listed > MOST_BYTES:
            continue
        diagnostics.add(
            "W502",
            f"the file of {node.name} has {size:,} bytes, and a QR code holds {MOST_BYTES:,}: "
            f"without what `exit_except` leaves out the rest is a list of {len(parts)} prefixes",
            node.spec.at("exit_except"),
            path=f"nodes.{node.name}.exit_except",
            hint="every bit of a prefix that is left out makes one more: leave out larger ones, "
            "such as `private`, or copy the file to the device.",
        )
