"""Small networks written file by file, so that a test can plant one fault in one file.

This is not the planner: a test says itself who lists whom with which prefixes. Keys come from
names, so that runs are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from meshc.keys import PresharedKey, PrivateKey, PublicKey, clamp, encode
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.language.spec import Nat, TestSpec
from meshc.topology.obligations.claim import read_claims
from meshc.topology.obligations.obligations import Obligations
from meshc.topology.obligations.separation import Separation
from meshc.topology.obligations.silence import Silence
from meshc.topology.obligations.whereabouts import Whereabouts
from meshc.topology.proof.expectation import Expectation, NodeFacts, NodeFile
from meshc.wg.conf import parse
from meshc.wg.endpoint import Endpoint

FORWARD = (
    "iptables -w -N MESHC-FWD-%i",
    "iptables -w -A MESHC-FWD-%i -i %i -o %i -j ACCEPT",
    "iptables -w -A MESHC-FWD-%i -i %i -j DROP",
    "iptables -w -I FORWARD -j MESHC-FWD-%i",
    "sysctl -w net.ipv4.ip_forward=1",
)


def forward(family: int) -> tuple[str, ...]:
    """The PostUp lines of a relay for one address family."""
    if family == 4:
        return FORWARD
    lines = [line.replace("iptables", "ip6tables") for line in FORWARD]
    return (*lines[:-1], "sysctl -w net.ipv6.conf.all.forwarding=1")


def private_key(name: str) -> PrivateKey:
    return PrivateKey(clamp(hashlib.sha256(f"key of {name}".encode()).digest()))


def preshared_key(one: str, other: str) -> PresharedKey:
    pair = "|".join(sorted((one, other)))
    return PresharedKey(hashlib.sha256(f"psk of {pair}".encode()).digest())


@dataclass
class Peer:
    """One [Peer] section that a test may spoil."""

    name: str
    allowed: list[str]
    key: PublicKey
    psk: PresharedKey | None
    endpoint: str = ""
    keepalive: int | None = None

    def text(self) -> str:
        lines = ["", "[Peer]", f"# Name = {self.name}", f"PublicKey = {self.key}"]
        if self.psk is not None:
            lines.append(f"PresharedKey = {encode(self.psk.raw)}")
        if self.allowed:
            lines.append(f"AllowedIPs = {', '.join(self.allowed)}")
        if self.endpoint:
            lines.append(f"Endpoint = {self.endpoint}")
        if self.keepalive is not None:
            lines.append(f"PersistentKeepalive = {self.keepalive}")
        return "\n".join(lines) + "\n"


@dataclass
class Node:
    """One file: the [Interface] values, and the facts beside it."""

    name: str
    addresses: list[str]
    facts: NodeFacts
    listen_port: int | None = None
    key: PrivateKey | None = None
    mtu: int | None = 1420
    table: str = ""
    dns: str = ""
    post_up: list[str] = field(default_factory=list)
    peers: dict[str, Peer] = field(default_factory=dict)

    def text(self) -> str:
        lines = ["[Interface]", f"# Name = {self.name}", f"Address = {', '.join(self.addresses)}"]
        if self.listen_port is not None:
            lines.append(f"ListenPort = {self.listen_port}")
        if self.key is not None:
            lines.append(f"PrivateKey = {self.key.reveal()}")
        if self.table:
            lines.append(f"Table = {self.table}")
        if self.dns:
            lines.append(f"DNS = {self.dns}")
        if self.mtu is not None:
            lines.append(f"MTU = {self.mtu}")
        lines += [f"PostUp = {hook}" for hook in self.post_up]
        return "\n".join(lines) + "\n" + "".join(peer.text() for peer in self.peers.values())


class Wire:
    """A network under construction."""

    def __init__(self, *pools: str) -> None:
        self.pools = tuple(Prefix.parse(pool) for pool in pools)
        self.nodes: dict[str, Node] = {}
        self.tests: tuple[TestSpec, ...] = ()
        self.silent: dict[str, int] = {}

    def add(self, name: str, *addresses: str, endpoint: str = "", **facts: object) -> Node:
        """A node; `endpoint` is `host:port` and makes it public unless `nat` says otherwise."""
        endpoints: tuple[Endpoint, ...] = ()
        port = None
        if endpoint:
            host, _, number = endpoint.rpartition(":")
            endpoints = (Endpoint(host.strip("[]"), int(number)),)
            port = int(number)
        known = NodeFacts(name=name, endpoints=endpoints, listen_port=port)
        node = Node(
            name,
            list(addresses),
            replace(known, **facts),  # type: ignore[arg-type]
            listen_port=port,
            key=private_key(name),
        )
        self.nodes[name] = node
        return node

    def peer(
        self,
        at: str,
        to: str,
        allowed: str | Iterable[str],
        *,
        endpoint: str | None = None,
        keepalive: int | None = None,
    ) -> Peer:
        """Lists `to` in the file of `at`; its public endpoint is filled in unless given."""
        prefixes = [allowed] if isinstance(allowed, str) else list(allowed)
        there = self.nodes[to].facts
        if endpoint is None:
            endpoint = str(there.endpoints[0]) if there.open else ""
        peer = Peer(
            to,
            prefixes,
            private_key(to).public_key(),
            preshared_key(at, to),
            endpoint,
            keepalive,
        )
        self.nodes[at].peers[to] = peer
        return peer

    def files(self) -> list[NodeFile]:
        return [
            NodeFile(name, parse(node.text(), file=f"{name}/wg0.conf"))
            for name, node in self.nodes.items()
            if node.facts.managed
        ]

    def expectation(self) -> Expectation:
        facts = {
            name: replace(node.facts, public_key=private_key(name).public_key())
            for name, node in sorted(self.nodes.items())
        }
        return Expectation(facts, self.pools, self.obligations(), None, "mesh.yaml")

    def obligations(self) -> Obligations:
        """The tests, with the addresses of the facts: a fault may have taken them from a file."""
        around = self.around()
        claims = read_claims(
            self.tests,
            addresses=around.addresses,
            pools=self.pools,
            routes=[route for route, _ in around.lans],
        )
        return Obligations(
            families=tuple(sorted({pool.family for pool in self.pools})),
            claims=claims,
            separation=Separation.of(claims),
            silence=Silence(self.silent),
            around=around,
        )

    def around(self) -> Whereabouts:
        facts = [node.facts for node in self.nodes.values()]
        return Whereabouts(
            addresses={
                name: tuple(InterfaceAddress.parse(text).host for text in node.addresses)
                for name, node in self.nodes.items()
            },
            sites={one.name: one.site for one in facts},
            pools=self.pools,
            lans=tuple((route, one.name) for one in facts for route in one.routes),
            exits={one.name: one.exit for one in facts if one.exit is not None},
            relays=tuple(one.name for one in facts if one.relay),
            unmanaged=frozenset(one.name for one in facts if not one.managed),
        )


POOL = "10.44.0.0/24"


def main_example() -> Wire:
    """A relay, a second public server, and three nodes behind NATs that use the relay."""
    wire = Wire(POOL)
    relay, server = "public-server1", "public-server2"
    wire.add(relay, "10.44.0.1/32", endpoint="198.51.100.1:51820", relay=True)
    wire.nodes[relay].post_up += FORWARD
    wire.add(server, "10.44.0.2/32", endpoint="198.51.100.2:51820")
    wire.add("home-server", "10.44.0.3/32", nat=Nat.PORT_RESTRICTED)
    wire.add("laptop", "10.44.0.4/32", nat=Nat.PORT_RESTRICTED)
    wire.add("phone", "10.44.0.5/32", nat=Nat.SYMMETRIC)
    for name in ("home-server", "laptop", "phone"):
        own = wire.nodes[name].addresses[0]
        wire.peer(name, relay, POOL, keepalive=25)
        wire.peer(relay, name, own)
        wire.peer(name, server, "10.44.0.2/32", keepalive=25)
        wire.peer(server, name, own)
    wire.peer(relay, server, "10.44.0.2/32")
    wire.peer(server, relay, POOL)
    return wire
