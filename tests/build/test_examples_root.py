"""Every emitted Linux file of every example, loaded into a real WireGuard interface.

One sandbox an example: `wg-quick strip` must be silent, `wg setconf` must take the result, and
`wg show dump` must equal the plan.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from meshc.build.pipeline import BuildResult, compile_file
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import NodePlan
from tests.support.sandbox import run_in_sandbox
from tests.support.workspaces import write_topology

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("wg-quick"), reason="needs wireguard-tools"),
]
EXAMPLES = sorted(Path("examples/topologies").glob("*/mesh.yaml"))
# Names in endpoints are not looked up in here: each gets a documentation address.
LOAD = """
ip link add wg0 type wireguard 2>/dev/null || wireguard-go wg0
for conf in */wg0.conf; do
  node=$(dirname $conf)
  wg-quick strip ./$conf > /run/stripped 2> /run/said
  [ ! -s /run/said ] || { cat /run/said; exit 9; }
  sed -i 's/^Endpoint = [^[0-9].*:/Endpoint = 192.0.2.1:/' /run/stripped
  wg setconf wg0 /run/stripped
  wg show wg0 dump | sed "s/^/$node\\t/"
done
"""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_wg_shows_the_plan(example: Path, tmp_path: Path) -> None:
    result = compile_file(write_topology(tmp_path, example.read_text()))
    for node in result.plan.nodes.values():
        if node.spec.managed and node.spec.platform is not Platform.LINUX:
            shutil.rmtree(result.out / node.name)
    shown: dict[str, list[list[str]]] = {}
    for line in run_in_sandbox(LOAD, cwd=result.out).splitlines():
        name, *fields = line.split("\t")
        shown.setdefault(name, []).append(fields)
    linux = [
        node
        for node in result.plan.nodes.values()
        if node.spec.managed and node.spec.platform is Platform.LINUX
    ]
    assert sorted(shown) == sorted(node.name for node in linux)
    for node in linux:
        own, *peers = shown[node.name]
        kept_here = node.name not in result.keyless
        assert own[1] == (node.public_key if kept_here else "(none)")
        if node.listen_port is not None:
            assert own[2] == str(node.listen_port)
        seen = {p[0]: (p[1], p[2], sorted(p[3].split(",")), p[7]) for p in peers}
        assert seen == {peer.public_key: _wanted(result, node, peer.name) for peer in node.peers}


def _wanted(result: BuildResult, node: NodePlan, name: str) -> tuple[str, str, list[str], str]:
    """Pre-shared key, endpoint, allowed IPs and keepalive as wg prints them."""
    (peer,) = [peer for peer in node.peers if peer.name == name]
    text = (result.out / node.name / "wg0.conf").read_text()
    section = text.partition(f"PublicKey = {peer.public_key}\n")[2].partition("[Peer]")[0]
    psk = section.partition("PresharedKey = ")[2].partition("\n")[0]
    endpoint = "(none)"
    if peer.endpoint is not None:
        literal = peer.endpoint.family is not None
        endpoint = str(peer.endpoint) if literal else f"192.0.2.1:{peer.endpoint.port}"
    return (
        psk if peer.preshared else "(none)",
        endpoint,
        sorted(map(str, peer.allowed_ips)) or ["(none)"],
        str(peer.keepalive) if peer.keepalive else "off",
    )
