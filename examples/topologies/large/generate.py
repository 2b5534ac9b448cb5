"""Writes the large example: three relays, twelve gateways with LANs, 200 leaves.

python examples/topologies/large/generate.py > examples/topologies/large/mesh.yaml
"""

from __future__ import annotations

REGIONS = ("africa", "america", "asia")
GATEWAYS = 12
LEAVES = 200


def topology() -> str:
    """The text of the file; the same every time."""
    out = [
        "# A large network, made by generate.py beside it: change that, not this.",
        "meshc: 1",
        'network: {name: large, addresses: [10.64.0.0/16, "fd64::/64"]}',
        "",
        "sites:",
    ]
    for region in REGIONS:
        keys = f"nat: symmetric, via: [relay-{region}], direct: [relay-{region}]"
        out.append(f"  {region}: {{{keys}}}")
    out += ["", "nodes:"]
    for region in REGIONS:
        out.append(f"  relay-{region}: {{role: relay, endpoint: relay-{region}.example-vpn.dev}}")
    for index in range(GATEWAYS):
        region = REGIONS[index % len(REGIONS)]
        out.append(f"  gateway{index:02}: {{site: {region}, routes: 172.16.{index}.0/24}}")
    for index in range(LEAVES):
        region = REGIONS[index % len(REGIONS)]
        out.append(f"  leaf{index:03}: {{site: {region}}}")
    out += [
        "",
        "tests:",
        "  - {from: leaf000, to: leaf001, expect: reachable, via: [relay-africa, relay-america]}",
        "  - {from: leaf199, to: 172.16.0.0/24, expect: reachable}",
    ]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(topology(), end="")
