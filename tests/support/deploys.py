"""Targets and facts for tests of deployment, without a machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.plan.target import Target, targets
from meshc.deploy.protocol import Facts, OwnMeshc, RunningInterface, RunningPeer, Supervisor
from meshc.deploy.remote.base import redact

SALT = "salt"
TOOLS = frozenset({"wg", "wg-quick", "ip", "iptables", "ip6tables", "ping", "resolvconf"})
PYTHON = OwnMeshc(soabi="cpython-311-x86_64-linux-gnu", libc=("glibc", "2.36"), pip=True)
MESH = """\
meshc: 1
network: {{name: testnet, addresses: [10.44.0.0/24]}}
defaults: {{deploy: {{user: root}}}}
nodes:
  hub: {{role: relay, endpoint: hub.example-vpn.dev, deploy: {{host: hub}}}}
  router: {{routes: [192.168.7.0/24], deploy: {{host: router}}}}
  exit: {{endpoint: 198.51.100.7, exit_node: true, deploy: {{host: exit}}}}
  leaf: {{deploy: {{host: leaf{way}}}{leaf}}}
{more}"""


def mesh(directory: Path, *, leaf: str = "", way: str = "", more: str = "") -> dict[str, Target]:
    """Builds the topology in `directory` (again) and returns its targets by name."""
    file = directory / "mesh.yaml"
    file.write_text(MESH.format(leaf=leaf, way=way, more=more))
    compile_file(file)
    return {target.name: target for target in targets(compare_file(file))}


def empty(**changes: Any) -> Facts:
    """A machine with the tools and the kernel's WireGuard, where nothing was deployed yet."""
    programs = programs_of(changes.pop("tools", TOOLS))
    return Facts(**{"programs": programs, "kernel": True, "meshc": PYTHON, **changes})


def programs_of(tools: Iterable[str]) -> dict[str, str]:
    """Where tools are."""
    return {tool: f"/usr/bin/{tool}" for tool in tools}


def deployed(target: Target, /, **changes: Any) -> Facts:
    """The same machine with this target deployed and running."""
    peers = {
        str(peer.public_key): RunningPeer(tuple(sorted(map(str, peer.allowed_ips))))
        for peer in target.plan.peers
    }
    text = redact(target.conf.reveal(), SALT)
    found = {
        "sha": target.sha,
        "conf": text,
        "node_json_sha": "1",
        "deployed_sha": target.sha,
        "deployed": text,
        "running": RunningInterface(
            up=True,
            supervisor=Supervisor.WG_QUICK,
            public_key=str(target.plan.public_key),
            peers=peers,
        ),
    }
    return empty(**{**found, **changes})
