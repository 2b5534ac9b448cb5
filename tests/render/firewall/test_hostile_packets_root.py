"""A node under policies in a real kernel, and packets that nobody of good will sends.

The tunnel is a cable called wg0: the rules ask for its name and nothing more. `mesh` sends as all
other nodes, so that what WireGuard's own filter would keep out arrives here as well; `lan` is the
network behind the node.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from meshc.cli.views.policy_view import change_text
from meshc.topology.obligations.reach import ReachChange, ReachLine
from meshc.wg.conf import parse
from tests.support.netns import Namespace, connect, namespaces, needs_root
from tests.support.odd_packets import DSCP, SENDER, extended, fragments, packet, tcp, udp
from tests.support.policy_networks import PolicyNetwork, policy_network

pytestmark = [
    *needs_root,
    pytest.mark.skipif(
        not (shutil.which("nft") and shutil.which("iptables-restore")),
        reason="needs nft and iptables",
    ),
]

TEXT = """
meshc: 1
network: {{name: n, firewall: {tool}, addresses: [10.44.0.0/24, "fd44::/64"]}}
nodes:
  hub: {{role: relay, endpoint: 198.51.100.1, routes: 192.168.7.0/24}}
  a: {{}}
  b: {{platform: ios}}
  leaf: {{}}
policies:
  - {{from: a, to: b, allow: udp/53}}
  - {{from: a, to: 192.168.7.5, allow: tcp/445}}
"""
SSH = "  - {from: a, to: hub, allow: tcp/22}\n"
LAN, OTHER = "192.168.7.5", "192.168.7.6"
# what arrives, and what is left of it behind all rules
_COUNTERS = f"""
table inet probe
delete table inet probe
table inet probe {{
counter seen {{ }}
counter passed {{ }}
chain first {{ type filter hook prerouting priority -500;
iifname "wg0" ip dscp {DSCP} counter name seen
iifname "wg0" ip6 dscp {DSCP} counter name seen
}}
chain in {{ type filter hook input priority 200;
iifname "wg0" ip dscp {DSCP} counter name passed
iifname "wg0" ip6 dscp {DSCP} counter name passed
}}
chain through {{ type filter hook forward priority 200;
iifname "wg0" ip dscp {DSCP} counter name passed
iifname "wg0" ip6 dscp {DSCP} counter name passed
}}
}}
"""
_ANSWER = """
import socket
family = socket.AF_INET6 if ":" in "HUB" else socket.AF_INET
with socket.create_server(("HUB", 22), family=family) as listener:
    print("ready", flush=True)
    there = listener.accept()[0]
    while data := there.recv(100): there.sendall(data)
"""
# says what comes back for each line of its input, or that nothing does
_TALK = """
import socket, sys
with socket.create_connection(("HUB", 22), source_address=("OWN", 0)) as there:
    print("connected", flush=True)
    for line in sys.stdin:
        there.settimeout(float(line))
        there.sendall(b"x")
        try: print(there.recv(100).decode(), flush=True)
        except TimeoutError: print("nothing", flush=True)
"""


class Field(NamedTuple):
    hub: Namespace
    mesh: Namespace
    network: PolicyNetwork
    tool: str
    directory: Path

    def address(self, node: str, family: int = 4) -> str:
        own = self.network.plan.nodes[node].addresses
        return next(a.address for a in own if a.family == family)

    def load(self, network: PolicyNetwork) -> None:
        """The lines of the file, as wg-quick(8) runs them."""
        file = self.directory / "wg0.conf"
        file.write_text(network.files()["hub"])
        conf = parse(file.read_text())
        script = "\n".join((*conf.pre_up, *conf.post_up)).replace("%i", "wg0")
        shell = ("bash", "-O", "extglob", "-e", "-o", "pipefail", "-c", script)
        self.hub.run("env", f"CONFIG_FILE={file}", *shell)

    def passed(self, *packets: bytes) -> int:
        """How many of these are left when all rules have been asked; all of them arrive."""
        self.hub.run("nft", "-f", "-", input=_COUNTERS)
        mac = self.hub.json("ip", "-j", "link", "show", "wg0")[0]["address"]
        lines = "".join(f"{one.hex()}\n" for one in packets)
        self.mesh.run("python3", "-c", SENDER, "wg0", mac, input=lines)
        said = self.hub.run("nft", "list", "counters", "table", "inet", "probe").stdout
        passed, seen = (
            int(re.search(rf"counter {name} {{\s*packets (\d+)", said)[1])  # type: ignore[index]
            for name in ("passed", "seen")
        )
        # parts are put together before anything counts them
        assert seen >= len(packets) / 2
        return passed


@pytest.fixture(scope="module", params=["nftables", "iptables"])
def field(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    network = policy_network(TEXT.format(tool=request.param) + SSH)
    with namespaces("hub", "mesh", "lan") as (hub, mesh, lan):
        connect(hub, mesh, left_name="wg0", right_name="wg0")
        connect(hub, lan, left_name="lan0", right_name="lan0")
        made = Field(hub, mesh, network, request.param, tmp_path_factory.mktemp("hub"))
        macs = [one.json("ip", "-j", "link", "show", "wg0")[0]["address"] for one in (hub, mesh)]
        hub.shell("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wg0.rp_filter=0")
        hub.shell(
            f"ip addr add {made.address('hub')}/24 dev wg0; ip addr add 192.168.7.1/24 dev lan0"
        )
        hub.shell(f"ip addr add {made.address('hub', 6)}/64 dev wg0")
        lan.shell(f"ip addr add {LAN}/24 dev lan0; ip addr add {OTHER}/24 dev lan0")
        for node in ("a", "b", "leaf"):
            for family, bits in ((4, 24), (6, 64)):
                own = made.address(node, family)
                mesh.run("ip", "addr", "add", f"{own}/{bits}", "dev", "wg0")
                hub.run("ip", "neigh", "add", own, "lladdr", macs[1], "dev", "wg0")
                there = made.address("hub", family)
                mesh.run("ip", "neigh", "replace", there, "lladdr", macs[0], "dev", "wg0")
        mesh.shell(f"ip route add 192.168.7.0/24 via {made.address('hub')}")
        made.load(network)
        yield made


def every_protocol(source: str, target: str) -> dict[str, bytes]:
    """One packet of each kind, none of which any rule of the network allows."""
    kinds = {
        "tcp": packet(source, target, socket.IPPROTO_TCP, tcp(source, target, 23)),
        "udp": packet(source, target, socket.IPPROTO_UDP, udp(source, target, 22)),
        "sctp": packet(source, target, 132, bytes.fromhex("9c40001600000000") + bytes(24)),
        "udp-lite": packet(source, target, 136, udp(source, target, 53)),
        "ipip": packet(source, target, 4, packet("10.44.0.9", "10.44.0.1", 17, bytes(8))),
        **{
            name: packet(source, target, number, bytes(32))
            for name, number in (("gre", 47), ("esp", 50), ("ah", 51), ("igmp", 2), ("253", 253))
        },
        "fragment behind nothing": fragments(source, target, 6, tcp(source, target, 22))[1],
        "first fragment": fragments(source, target, 17, udp(source, target, 22))[0],
        # an error about a connection that is none
        "error": packet(source, target, 58 if ":" in source else 1, b"\x01\x03" + bytes(38)),
    }
    if ":" in source:
        behind = {"hop": (0,), "options": (60,), "routing": (43,), "all": (0, 60, 43, 60)}
        for name, headers in behind.items():
            kinds[name] = extended(source, target, 6, tcp(source, target, 23), *headers)
        kinds["no next header"] = packet(source, target, 59, bytes(8))
    return kinds


def test_what_a_rule_allows_passes(field: Field) -> None:
    a, b, hub = (field.address(node) for node in ("a", "b", "hub"))
    six, there = field.address("a", 6), field.address("hub", 6)
    assert field.passed(packet(a, hub, 6, tcp(a, hub, 22))) == 1
    assert field.passed(packet(a, LAN, 6, tcp(a, LAN, 445))) == 1
    assert field.passed(packet(a, b, 17, udp(a, b, 53))) == 1
    assert field.passed(packet(six, there, 6, tcp(six, there, 22))) == 1
    assert field.passed(extended(six, there, 6, tcp(six, there, 22, sender=40001), 60)) == 1
    assert field.passed(*fragments(a, b, 17, udp(a, b, 53, bytes(64)))) >= 1


@pytest.mark.parametrize("source", ["a", "leaf", "192.168.7.5", "9.9.9.9", "10.44.0.77", "hub"])
def test_no_other_protocol_passes(field: Field, source: str) -> None:
    """From a node that may do something, from one that may do nothing, and from those that have no
    business in the tunnel."""
    kinds = {}
    for family in (4, 6) if source in ("a", "leaf", "hub") else (4,):
        own = source if "." in source else field.address(source, family)
        targets = [field.address(node, family) for node in ("hub", "b", "a")]
        for target in (*targets, *((LAN, OTHER) if family == 4 else ())):
            if target != own:
                found = every_protocol(own, target)
                kinds |= {f"{name} {own} → {target}": one for name, one in found.items()}
    if field.passed(*kinds.values()):
        assert [name for name, one in kinds.items() if field.passed(one)] == []


def test_a_compromised_leaf_reaches_nothing_that_others_may(field: Field) -> None:
    """Its own packets to the open ports of others; those with the addresses of others are dropped
    by WireGuard before (`tests/lab/probe/test_lies.py`)."""
    own, hub, b = field.address("leaf"), field.address("hub"), field.address("b")
    tries = [
        packet(own, hub, 6, tcp(own, hub, 22)),
        packet(own, LAN, 6, tcp(own, LAN, 445)),
        packet(own, b, 17, udp(own, b, 53)),
        *fragments(own, b, 17, udp(own, b, 53, bytes(64))),
        packet(own, b, 1, b"\x08\x00\xf7\xff" + bytes(4)),
    ]
    assert field.passed(*tries) == 0


def told_command(source: str, target: str) -> list[str]:
    """What `meshc policy --against` says where a change closes something."""
    change = ReachChange(closes=(ReachLine(("a",), ("hub",), ()),), closed=1)
    said = re.search(r"`(conntrack .*?)`", change_text(change, markdown=True))
    assert said is not None
    return said[1].replace("SOURCE", source).replace("TARGET", target).split()


@pytest.mark.parametrize("family", [4, 6])
def test_a_connection_goes_on_when_its_rule_goes_until_its_entry_is_gone(
    field: Field, family: int
) -> None:
    """As docs/policies.md says: answers pass by the state of their connection. The command that
    ends it is the one that people are told."""
    names = {"HUB": field.address("hub", family), "OWN": field.address("a", family)}
    answer, talk = (re.sub("HUB|OWN", lambda m: names[m[0]], text) for text in (_ANSWER, _TALK))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(
            field.hub.start("python3", "-c", answer, stdout=subprocess.PIPE)
        )
        stack.callback(server.kill)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        client = stack.enter_context(
            field.mesh.start("python3", "-c", talk, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        stack.callback(client.kill)
        assert client.stdout is not None
        assert client.stdin is not None
        assert client.stdout.readline() == "connected\n"

        def says(seconds: str) -> str:
            print(seconds, file=client.stdin, flush=True)
            return client.stdout.readline().strip()  # type: ignore[union-attr]

        assert says("30") == "x"
        stack.callback(field.load, field.network)
        field.load(policy_network(TEXT.format(tool=field.tool)))
        a, hub = names["OWN"], names["HUB"]
        assert says("30") == "x", "the connection that exists"
        assert field.passed(packet(a, hub, 6, tcp(a, hub, 22, sender=40002))) == 0, "a new one"
        if shutil.which("conntrack"):
            field.hub.run(*told_command(a, hub))
        else:
            # what the command does, by waiting: the entry ends a second behind the next packet
            field.hub.shell("sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_established=1")
            assert says("30") == "x"
            field.hub.shell("while grep -q 'dport=22 ' /proc/net/nf_conntrack; do sleep 0.2; done")
        assert says("1") == "nothing"
