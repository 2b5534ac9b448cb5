"""A machine that deploys to itself: a namespace with its own /etc/wireguard and /var/lib."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.netns import Namespace, namespaces, require

TOPOLOGY = """\
meshc: 1
network: {{name: testnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{endpoint: 198.51.100.1, mtu: {mtu}, deploy: {{supervisor: wg-quick}}}}
  leaf: {{}}
"""
_PRIVATE = """
mount -t tmpfs -o mode=700,size=8m tmpfs /etc/wireguard
mount -t tmpfs -o mode=755,size=8m tmpfs /var/lib
"""
_STATE = "ip -o link show; ls -AR /etc/wireguard /var/lib; cat /etc/wireguard/* 2>/dev/null || :"


class LocalNode:
    """The node `hub` of the topology."""

    def __init__(self, machine: Namespace, file: Path) -> None:
        self.machine = machine
        self.file = file

    def build(self, mtu: int = 1420) -> str:
        """The file that was built for the node."""
        self.file.write_text(TOPOLOGY.format(mtu=mtu))
        self.machine.meshc("build", str(self.file))
        return (self.file.parent / "build" / "hub" / "wg0.conf").read_text()

    def meshc(self, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
        """`meshc plan|deploy --local`, without a terminal."""
        return self.machine.meshc(verb, str(self.file), "hub", "--local", *options, check=False)

    def state(self) -> str:
        """What a deploy may change."""
        return self.machine.shell(_STATE)


@contextlib.contextmanager
def local_node(directory: Path) -> Iterator[LocalNode]:
    """The topology is built; nothing is deployed."""
    require("wg", "wg-quick", "wireguard-go", "iptables")
    with namespaces("node") as (machine,):
        machine.shell(_PRIVATE)
        node = LocalNode(machine, directory / "mesh.yaml")
        node.build()
        yield node
