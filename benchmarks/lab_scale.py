"""How large a lab may be: seconds to bring N nodes up and down, and the memory they take.

    sudo python benchmarks/lab_scale.py 50 200

Three relays, every other node behind a NAT of its own: about two namespaces per node.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare


def topology(nodes: int) -> str:
    """A network of three relays and leaves that prefer one of them each."""
    lines = ["meshc: 1", 'network: {name: scale, addresses: [10.60.0.0/16, "fd60::/64"]}', "nodes:"]
    lines += [f"  relay{n}: {{role: relay, endpoint: relay{n}.example.com}}" for n in range(3)]
    lines += [
        f"  leaf{n:03}: {{via: [relay{n % 3}], direct: [relay{n % 3}]}}" for n in range(nodes - 3)
    ]
    return "\n".join(lines) + "\n"


def available() -> int:
    """Memory that could be had, in MiB (proc(5), MemAvailable)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise SystemExit("lab_scale: /proc/meminfo has no MemAvailable")


def measure(nodes: int, engine: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="meshc-scale-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(topology(nodes))
        source = prepare(file, None, lambda _: None)
    before, begun = available(), time.monotonic()
    session = open_session(source, engine=engine)
    up = time.monotonic() - begun
    used = before - available()
    begun = time.monotonic()
    session.lab.down()
    return {
        "nodes": nodes,
        "namespaces": len(session.world.places),
        "world_seconds": round(session.seconds["world"], 1),
        "up_seconds": round(up, 1),
        "down_seconds": round(time.monotonic() - begun, 1),
        "memory_mib": used,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("nodes", type=int, nargs="+")
    arguments.add_argument("--engine", default="bundled")
    options = arguments.parse_args()
    if os.geteuid() != 0:
        sys.exit("lab_scale: needs root, for network namespaces and /dev/net/tun")
    for nodes in options.nodes:
        print(json.dumps(measure(nodes, options.engine)), flush=True)


if __name__ == "__main__":
    main()
