"""`firewall: auto` on hosts that have one tool and not the other, with a stock wg-quick and with
`meshc up`: what a rule allows passes, nothing else does, and afterwards all is as it was.

leaf 192.0.2.2 ---- veth ---- 192.0.2.1 hub
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import wgconf
from tests.support.netns import Namespace, connect, namespaces, needs_root, require
from tests.support.policy_networks import policy_network

pytestmark = [*needs_root, pytest.mark.slow]

TEXT = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.1, listen_port: 51820}
  leaf: {}
policies: [{from: leaf, to: hub, allow: tcp/22}]
"""
# puts another directory in the place of /usr/sbin, without what is hidden
_WITHOUT = """
mkdir /run/real /run/sbin
mount --bind /usr/sbin /run/real
for name in /run/real/*; do ln -s "$name" /run/sbin/; done
cd /run/sbin
rm -f {}
{}
mount --bind /run/sbin /usr/sbin
"""
_LEGACY = "; ".join(
    f"ln -sf /run/real/xtables-legacy-multi {name}{end}"
    for name in ("iptables", "ip6tables")
    for end in ("", "-save", "-restore")
)
HOSTS = {
    "nft": _WITHOUT.format("*tables*", ""),
    "iptables-nft": _WITHOUT.format("nft *legacy*", ""),
    "iptables-legacy": _WITHOUT.format("nft *tables*", _LEGACY),
}
# what somebody else has there
_FOREIGN = {
    "nft": """nft -f - <<'END'
table inet theirs {
  chain input { type filter hook input priority 10; policy accept; tcp dport 9999 drop; }
}
END""",
    "iptables": "for i in iptables ip6tables; do $i -N THEIRS; $i -A THEIRS -p tcp --dport 9999"
    " -j DROP; $i -A INPUT -j THEIRS; done",
}
_DUMP = {
    "nft": "nft list ruleset",
    "iptables": "for i in iptables-save ip6tables-save; do $i -t filter; done",
}
_LISTEN = """
import socket, sys
held = [socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        for port in (22, 23)]
print("ready", flush=True)
sys.stdin.read()
"""
_KNOCK = """
import socket, sys
kind = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(kind) as one:
    one.settimeout(float(sys.argv[3]))
    try: one.connect((sys.argv[1], int(sys.argv[2])))
    except TimeoutError: sys.exit(1)
"""


class Host(NamedTuple):
    hub: Namespace
    leaf: Namespace
    tool: str
    file: Path
    addresses: tuple[str, ...]

    def dump(self) -> str:
        said = self.hub.shell(_DUMP[self.tool])
        return re.sub(r"(?m)^#.*\n|\[\d+:\d+\]", "", said)

    def passes(self, port: int, seconds: str) -> list[bool]:
        knock = ("python3", "-c", _KNOCK)
        return [
            self.leaf.run(*knock, address, str(port), seconds, check=False).returncode == 0
            for address in self.addresses
        ]

    def run(self, verb: str, by: str) -> None:
        if by == "meshc":
            engine = ("--engine", "wireguard-go") if verb == "up" else ()
            self.hub.meshc(verb, str(self.file), *engine)
            return
        engine = (f"WG_QUICK_USERSPACE_IMPLEMENTATION={shutil.which('wireguard-go')}",)
        self.hub.run("env", *engine, "wg-quick", verb, str(self.file))


@pytest.fixture(scope="module", params=[*HOSTS])
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    require("wireguard-go", "wg-quick", "nft", "iptables", "iptables-legacy")
    network = policy_network(TEXT)
    files = network.files()
    directory = tmp_path_factory.mktemp(request.param)
    tool = "nft" if request.param == "nft" else "iptables"
    with namespaces("hub", "leaf") as (hub, leaf):
        connect(hub, leaf, left_name="eth0", right_name="eth0")
        hub.shell("ip addr add 192.0.2.1/24 dev eth0")
        leaf.shell("ip addr add 192.0.2.2/24 dev eth0")
        hub.shell(HOSTS[request.param])
        hub.shell(_FOREIGN[tool])
        there = wgconf.write(directory / "leaf", "wg0", files["leaf"])
        leaf.meshc("up", str(there), "--engine", "wireguard-go")
        listen = hub.start("python3", "-c", _LISTEN, stdin=-1, stdout=-1)
        assert listen.stdout is not None
        assert listen.stdout.readline() == "ready\n"
        file = wgconf.write(directory / "hub", "wg0", files["hub"])
        own = tuple(one.address for one in network.plan.nodes["hub"].addresses)
        yield Host(hub, leaf, tool, file, own)
        listen.kill()
        listen.communicate()


@pytest.mark.parametrize("by", ["meshc", "wg-quick"])
def test_a_host_with_one_tool(host: Host, by: str) -> None:
    missing = "iptables-restore" if host.tool == "nft" else "nft"
    assert not host.hub.shell(f"command -v {missing} || true")
    before = host.dump()
    host.run("up", by)
    assert host.dump() != before
    assert host.passes(22, "60") == [True, True]
    assert host.passes(23, "0.7") == [False, False]
    host.run("down", by)
    assert host.dump() == before
