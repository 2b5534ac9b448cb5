"""The included text in a real kernel, inside a table like that of OpenWrt's firewall.

The tunnel is a cable called wg0: the text asks for its name and nothing more. `mesh` has the
addresses of all nodes of the network, `lan` is the network behind the router.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from meshc.render.firewall import uci
from tests.support.netns import Namespace, connect, namespaces, needs_root
from tests.support.policy_networks import OFFICE, PolicyNetwork, policy_network

pytestmark = [
    *needs_root,
    pytest.mark.skipif(not shutil.which("nft"), reason="needs nft"),
]

# fw4's own chains, as far as they matter here: what stands in `included` is loaded with them
_FW4 = """
table inet fw4
flush table inet fw4
table inet fw4 {{
chain forward {{
type filter hook forward priority filter; policy drop;
ct state vmap {{ established : accept, related : accept }}
iifname "wg0" accept
oifname "wg0" ip saddr 192.168.7.0/24 accept
}}
{included}
}}
"""
_LISTEN = """
import socket, sys
held = []
for port in map(int, sys.argv[1:]):
    one = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    held.append(one)
print("ready", flush=True)
sys.stdin.read()
"""
_KNOCK = """
import socket, sys
source, target, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
kind = socket.AF_INET6 if ":" in target else socket.AF_INET
with socket.socket(kind) as one:
    one.bind((source, 0)); one.settimeout(float(sys.argv[4]))
    try: one.connect((target, port))
    except TimeoutError: sys.exit(1)
"""


class Field(NamedTuple):
    router: Namespace
    mesh: Namespace
    lan: Namespace
    network: PolicyNetwork

    def address(self, node: str, family: int) -> str:
        own = self.network.plan.nodes[node].addresses
        return next(a.address for a in own if a.family == family)

    def load(self, lines: tuple[str, ...]) -> None:
        self.router.run("nft", "-f", "-", input=_FW4.format(included="\n".join(lines)))

    def passes(
        self, source: str, target: str, port: int, allowed: bool = True, *, family: int = 4
    ) -> bool:
        """From a node, or from the host of the LAN, to one of these. What is allowed has time."""
        ends = [n if "." in n else self.address(n, family) for n in (source, target)]
        seconds = "30" if allowed else "0.7"
        where = self.lan if source == "192.168.7.5" else self.mesh
        done = where.run("python3", "-c", _KNOCK, *ends, str(port), seconds, check=False)
        return done.returncode == 0


@pytest.fixture(scope="module")
def field() -> Iterator[Field]:
    network = policy_network(OFFICE.format(platform="openwrt"))
    with namespaces("router", "mesh", "lan") as (router, mesh, lan):
        connect(router, mesh, left_name="wg0", right_name="wg0")
        connect(router, lan, left_name="lan0", right_name="lan0")
        made = Field(router, mesh, lan, network)
        router.shell("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        router.shell("ip addr add 192.168.7.1/24 dev lan0")
        lan.shell("ip addr add 192.168.7.5/24 dev lan0; ip route add default via 192.168.7.1")
        for name, node in network.plan.nodes.items():
            space = router if name == "office" else mesh
            for one in node.addresses:
                nodad = ("nodad",) if one.family == 6 else ()
                space.run("ip", "addr", "add", str(one.host), "dev", "wg0", *nodad)
        router.shell("ip route add 10.44.0.0/24 dev wg0; ip -6 route add fd44::/64 dev wg0")
        mesh.shell(
            f"ip route add {made.address('office', 4)} dev wg0;"
            f"ip route add 192.168.7.0/24 via {made.address('office', 4)} dev wg0 onlink;"
            f"ip -6 route add {made.address('office', 6)} dev wg0"
        )
        # there are no neighbours to look for in a tunnel, as there are on a cable
        for here, there in ((router, mesh), (mesh, router)):
            mac = there.json("ip", "-j", "link", "show", "wg0")[0]["address"]
            for one in (a for node in network.plan.nodes.values() for a in node.addresses):
                here.run("ip", "neigh", "replace", one.address, "lladdr", mac, "dev", "wg0")
        with contextlib.ExitStack() as held:
            for space, ports in ((router, "22 23"), (mesh, "53 54"), (lan, "445 446")):
                listener = held.enter_context(
                    space.start("python3", "-c", _LISTEN, *ports.split(), stdin=-1, stdout=-1)
                )
                assert listener.stdout is not None
                assert listener.stdout.readline() == "ready\n"
            yield made
            made.router.run("nft", "delete", "table", "inet", "fw4")


TRIED = [
    ("b", "192.168.7.5", 445, True),
    ("b", "192.168.7.5", 446, False),
    ("a", "192.168.7.5", 445, False),
    ("a", "office", 22, True),
    ("a", "office", 23, False),
    ("b", "office", 22, False),
    ("192.168.7.5", "a", 54, False),
]


def test_what_the_rules_allow_passes_and_nothing_else(field: Field) -> None:
    lines = uci.policy_lines("wg0", field.network.plan.nodes["office"].firewall)
    field.load(())
    # all of it would, without the text: the field itself stands in nobody's way
    assert [t[:3] for t in TRIED if not field.passes(*t[:3])] == []
    field.load(lines)
    assert [t[:3] for t in TRIED if field.passes(*t) is not t[3]] == []
    assert field.passes("a", "office", 22, family=6)
    assert not field.passes("a", "office", 23, False, family=6)
    field.load(lines)
    assert field.passes("b", "192.168.7.5", 445), "loaded again it is the same"
    field.load(())
    assert field.passes("b", "192.168.7.5", 446), "without the include nothing is left of it"


def test_the_whole_text_is_loaded_as_it_is_checked(field: Field) -> None:
    lines = uci.policy_lines("wg0", field.network.plan.nodes["office"].firewall)
    text = "\n".join(["table inet meshc_check {", *lines, "}"])
    field.router.run("nft", "-c", "-f", "-", input=text)
    assert field.router.run("nft", "list", "tables").stdout.split() == ["table", "inet", "fw4"]
