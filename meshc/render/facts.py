"""`node.json`: what a machine may want to know about its node beside the wg-quick file.

Nothing in it is secret. It changes only when the node's own file changes, so it lists no paths to
other nodes (`meshc explain` tells those from the whole network).
"""

from __future__ import annotations

import json

from meshc.render.hooks import forwarding_hooks, sources
from meshc.render.wgquick import HOOK_PLATFORMS
from meshc.topology.plan import MeshPlan, NodePlan

FORMAT = 1


def render(plan: MeshPlan, node: NodePlan) -> str:
    """One JSON object, stable in order, one peer a line."""
    forwarding = node.forwarding
    hooked = node.spec.platform in HOOK_PLATFORMS
    facts = {
        "meshc": FORMAT,
        "network": plan.spec.network.name,
        "name": node.name,
        "interface": node.interface,
        "platform": node.spec.platform.value,
        "public_key": node.public_key,
        "addresses": [str(address) for address in node.addresses],
        "listen_port": node.listen_port,
        "mtu": node.mtu,
        "forwarding": {
            "families": list(forwarding.families) if forwarding.needed else [],
            "pools": [str(prefix) for prefix in forwarding.pools],
            "relay": forwarding.relay,
            "lans": [str(prefix) for prefix in forwarding.lans],
            "masquerade": forwarding.masquerade,
            "exit": forwarding.exit,
            "clamp_mss": forwarding.clamp_mss,
            "sources": [str(p) for p in sources(node)] if forwarding.needed else [],
        },
        "generated_hooks": list(forwarding_hooks(node).lines) if hooked else [],
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in facts.items()]
    # names and keys need no escaping beyond quotes: both have a fixed alphabet
    peers = ",\n".join([f'    "{peer.public_key}": "{peer.name}"' for peer in node.peers])
    lines.append('  "peers": {\n' + peers + "\n  }" if peers else '  "peers": {}')
    return "{\n" + ",\n".join(lines) + "\n}\n"
