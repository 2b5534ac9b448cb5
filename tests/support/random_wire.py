"""Random networks, mostly sound, and random faults for them."""

from __future__ import annotations

import random
from dataclasses import replace

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Nat, Platform
from meshc.wg.endpoint import Endpoint
from tests.support.wire import FORWARD, Wire, forward, preshared_key, private_key

NATS = (Nat.UNKNOWN, Nat.PORT_RESTRICTED, Nat.SYMMETRIC, Nat.FULL_CONE)


def random_wire(rng: random.Random) -> Wire:
    """Relays in the middle, leaves around them with their catch-all at one relay, some direct
    links, some sites with LAN endpoints, some nodes without a file."""
    dual = rng.random() < 0.5
    wire = Wire("10.44.0.0/24", *(["fd44::/64"] if dual else []))
    relays = [f"relay{i}" for i in range(rng.randint(1, 3))]
    leaves = [f"leaf{i}" for i in range(rng.randint(1, 7))]
    order = [*relays, *leaves]
    rng.shuffle(order)
    for number, name in enumerate(order, 1):
        _add(wire, rng, name, number, dual)
    for a in relays:
        for b in relays:
            if a != b:
                wire.peer(a, b, _own(wire, b))
    home = {leaf: rng.choice(relays) for leaf in leaves}
    for leaf in leaves:
        wire.peer(leaf, home[leaf], _pools(wire), keepalive=25)
        for relay in relays:
            if relay == home[leaf]:
                wire.peer(relay, leaf, _own(wire, leaf))
            else:
                wire.nodes[relay].peers[home[leaf]].allowed += _own(wire, leaf)
    _more_links(wire, rng, leaves)
    if rng.random() < 0.4:
        _lan(wire, rng, relays, leaves, home)
    if rng.random() < 0.3:
        _exit(wire, rng, relays, leaves, home)
    return wire


def _lan(
    wire: Wire, rng: random.Random, relays: list[str], leaves: list[str], home: dict[str, str]
) -> None:
    """A LAN behind one leaf, known to the relays and to some leaves."""
    router, lan = rng.choice(leaves), "192.168.77.0/24"
    node = wire.nodes[router]
    prefix = Prefix.parse(lan)
    node.facts = replace(
        node.facts, lans=(prefix,), routes=(prefix,), masquerade=rng.random() < 0.7
    )
    node.post_up += [
        f"iptables -A FORWARD -i %i -d {lan} -j ACCEPT",
        f"iptables -A FORWARD -o %i -s {lan} -j ACCEPT",
        "sysctl -w net.ipv4.ip_forward=1",
        f"iptables -t nat -A POSTROUTING -s 10.44.0.0/24 -d {lan} ! -o %i -j MASQUERADE",
    ]
    for relay in relays:
        through = router if relay == home[router] else home[router]
        wire.nodes[relay].peers[through].allowed.append(lan)
    for leaf in leaves:
        if leaf != router and rng.random() < 0.8:
            wire.nodes[leaf].peers[home[leaf]].allowed.append(lan)


def _exit(
    wire: Wire, rng: random.Random, relays: list[str], leaves: list[str], home: dict[str, str]
) -> None:
    """One relay is an exit; some leaves send everything to their own relay."""
    exit_node = wire.nodes[rng.choice(relays)]
    exit_node.facts = replace(exit_node.facts, exit_node=True)
    exit_node.post_up[:0] = [
        "iptables -A FORWARD -i %i -o eth0 -j ACCEPT",
        "iptables -A FORWARD -i eth0 -o %i -m state --state ESTABLISHED -j ACCEPT",
        "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE",
    ]
    for leaf in leaves:
        if rng.random() < 0.5:
            wire.nodes[leaf].peers[home[leaf]].allowed.append("0.0.0.0/0")
            wire.nodes[leaf].facts = replace(wire.nodes[leaf].facts, exit=exit_node.name)


def _add(wire: Wire, rng: random.Random, name: str, number: int, dual: bool) -> None:
    relay = name.startswith("relay")
    addresses = [f"10.44.0.{number}/32"] + ([f"fd44::{number:x}/128"] if dual else [])
    endpoint = f"198.51.100.{number}:51820" if relay or rng.random() < 0.3 else ""
    if endpoint and dual and rng.random() < 0.3:
        endpoint = f"[2001:db8::{number:x}]:51820"
    nat = Nat.NONE if relay else rng.choice(NATS)
    node = wire.add(
        name,
        *addresses,
        endpoint=endpoint,
        nat=nat,
        relay=relay,
        site=rng.choice((None, "home", "office")) if not relay else None,
        underlay=(4, 6) if rng.random() < 0.9 else (4,),
    )
    if not endpoint and node.facts.site and rng.random() < 0.5:
        node.listen_port = 51820
        lan = Endpoint(f"192.168.9.{number}", rng.choice((0, 51820)))
        node.facts = replace(node.facts, lan_endpoint=lan)
    if relay:
        node.post_up += FORWARD
        if dual:
            node.post_up += forward(6)
    elif rng.random() < 0.1:
        own = tuple(Prefix.parse(address) for address in addresses)
        node.facts = replace(node.facts, managed=False, addresses=own)
    elif rng.random() < 0.1:
        lan = rng.choice(("192.168.0.0/16", "10.44.0.0/28", "10.0.0.0/8"))
        node.facts = replace(node.facts, lans=(Prefix.parse(lan),))


def _more_links(wire: Wire, rng: random.Random, leaves: list[str]) -> None:
    for a in leaves:
        for b in leaves:
            if a >= b or rng.random() < 0.7:
                continue
            one, other = wire.nodes[a].facts, wire.nodes[b].facts
            ends = [_endpoint(wire, one, other), _endpoint(wire, other, one)]
            if any(ends) or rng.random() < 0.1:
                wire.peer(a, b, _own(wire, b), endpoint=ends[0], keepalive=rng.choice((25, None)))
                wire.peer(b, a, _own(wire, a), endpoint=ends[1], keepalive=rng.choice((25, None)))


def _endpoint(wire: Wire, one: object, other: object) -> str:
    here, there = wire.nodes[one.name], wire.nodes[other.name]  # type: ignore[attr-defined]
    lan = there.facts.lan_endpoint
    if lan and here.facts.site == there.facts.site:
        return str(Endpoint(lan.host, 51820))
    if there.facts.endpoints and there.facts.nat is not Nat.SYMMETRIC:
        return str(there.facts.endpoints[0])
    return ""


def _own(wire: Wire, name: str) -> list[str]:
    return list(wire.nodes[name].addresses)


def _pools(wire: Wire) -> list[str]:
    return [str(pool) for pool in wire.pools]


def spoil(wire: Wire, rng: random.Random) -> str:
    """Plants one fault; says which (empty when this network has no place for it)."""
    kind = rng.choice(FAULTS)
    node = wire.nodes[rng.choice(sorted(wire.nodes))]
    if kind in _NODE_FAULTS:
        _NODE_FAULTS[kind](wire, node, rng)
        return kind
    if not node.peers:
        return ""
    peer = node.peers[rng.choice(sorted(node.peers))]
    other = node.peers[rng.choice(sorted(node.peers))]
    if kind == "delete":
        del node.peers[peer.name]
    elif kind == "move" and peer.allowed:
        other.allowed.append(peer.allowed.pop(rng.randrange(len(peer.allowed))))
    elif kind == "double" and peer.allowed:
        other.allowed.append(rng.choice(peer.allowed))
    elif kind == "drop" and peer.allowed:
        peer.allowed.pop()
    elif kind == "swap":
        peer.key, other.key = other.key, peer.key
    elif kind == "own key":
        peer.key = private_key(node.name).public_key()
    elif kind == "stranger":
        peer.key = private_key("stranger").public_key()
    elif kind == "psk":
        peer.psk = rng.choice((None, preshared_key("x", "y")))
    elif kind == "endpoint":
        peer.endpoint = rng.choice(("", "203.0.113.9:1", "[2001:db8::99]:51820"))
    elif kind == "keepalive":
        peer.keepalive = rng.choice((None, 0, 25, 120, 121))
    elif kind == "wide":
        peer.allowed.append(rng.choice(("10.44.0.0/25", "10.44.0.0/24", "0.0.0.0/0", "fd44::/65")))
    return kind


def _no_forwarding(wire: Wire, node: object, rng: random.Random) -> None:
    hooks = node.post_up  # type: ignore[attr-defined]
    if hooks:
        hooks.pop(rng.randrange(len(hooks)))


def _filter(wire: Wire, node: object, rng: random.Random) -> None:
    flag, address = rng.choice("sd"), rng.randint(1, 9)
    node.post_up.insert(  # type: ignore[attr-defined]
        0, f"iptables -I FORWARD -i %i -{flag} 10.44.0.{address}/31 -j DROP"
    )


def _readdress(wire: Wire, node: object, rng: random.Random) -> None:
    node.addresses[0] = f"10.44.0.{rng.randint(1, 12)}/{rng.choice((32, 24, 28))}"  # type: ignore[attr-defined]


def _table(wire: Wire, node: object, rng: random.Random) -> None:
    node.table = rng.choice(("off", "123", "main"))  # type: ignore[attr-defined]


def _port(wire: Wire, node: object, rng: random.Random) -> None:
    node.listen_port = rng.choice((None, 1, 51820))  # type: ignore[attr-defined]


def _platform(wire: Wire, node: object, rng: random.Random) -> None:
    facts = node.facts  # type: ignore[attr-defined]
    node.facts = replace(facts, platform=Platform.ROUTEROS)  # type: ignore[attr-defined]


def _twin(wire: Wire, node: object, rng: random.Random) -> None:
    other = wire.nodes[rng.choice(sorted(wire.nodes))]
    node.key = other.key  # type: ignore[attr-defined]


_HOOKS = (
    "iptables -I INPUT -i %i -s 10.44.0.{n}/31 -j DROP",
    "iptables -I OUTPUT -o %i -d 10.44.0.{n} -j REJECT",
    "iptables -I FORWARD -p tcp -j DROP",
    "iptables -P INPUT DROP",
    "iptables -t raw -A PREROUTING -i %i -s 10.44.0.{n} -j DROP",
    "iptables -t mangle -A POSTROUTING -o %i -j DROP",
    "iptables -t nat -A PREROUTING -i %i -d 10.44.0.{n} -j DNAT --to-destination 192.168.1.9",
    "iptables -t nat -A POSTROUTING -o %i -j MASQUERADE",
    "iptables -F",
    "iptables -F FORWARD; iptables -A FORWARD -j ACCEPT",
    "nft flush ruleset",
    "/usr/local/bin/up.sh",
    "ip rule add from 10.44.0.{n} lookup 123",
    "ip rule add to 10.44.0.{n}/28 lookup 123",
    "ip rule add iif %i lookup 123",
    "ip rule add not fwmark 5 lookup 123",
    "ip rule add to 10.44.0.{n}/30 lookup main",
    "ip route add 10.44.0.{n} dev %i table 123",
    "ip route del 10.44.0.0/24 dev %i",
    "ip route add 10.44.0.{n} via 192.168.1.1",
)


def _hook(wire: Wire, node: object, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 3)):
        hook = rng.choice(_HOOKS).format(n=rng.randint(1, 9))
        node.post_up.append(hook)  # type: ignore[attr-defined]
    if rng.random() < 0.4:
        node.table = "123"  # type: ignore[attr-defined]


_NODE_FAULTS = {
    "hook": _hook,
    "forwarding": _no_forwarding,
    "filter": _filter,
    "address": _readdress,
    "table": _table,
    "port": _port,
    "platform": _platform,
    "twin": _twin,
}
FAULTS = (
    "delete", "move", "double", "drop", "swap", "own key", "stranger", "psk", "endpoint",
    "keepalive", "wide", *_NODE_FAULTS,
)  # fmt: skip
