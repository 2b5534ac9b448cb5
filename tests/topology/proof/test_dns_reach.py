"""DNS servers: somebody has the address, and a question gets there."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.prefixes import Prefix, address_text
from meshc.topology.language.spec import Platform
from meshc.topology.proof.walk import Packet, walk
from tests.support.planted import findings, proof
from tests.support.random_wire import random_wire, spoil
from tests.support.wire import Wire, main_example
from tests.support.wire_examples import exit_example, lan_example


def told(wire: Wire) -> list[str]:
    return [message for code, message in findings(wire) if code in ("W427", "W430")]


def asking(wire: Wire, name: str, server: str) -> Wire:
    wire.nodes[name].dns = server
    return wire


def test_a_dns_server_that_nobody_is() -> None:
    wire = main_example()
    for name in ("phone", "laptop"):
        wire.nodes[name].dns = "10.44.0.53, 1.1.1.1"
    assert told(wire) == [
        "laptop and 1 more: the DNS server 10.44.0.53 is an address that no node has"
    ]
    wire.nodes["public-server2"].addresses.append("10.44.0.53/32")
    assert told(wire) == ["laptop and 1 more: the DNS server 10.44.0.53 is out of its reach"], (
        "somebody has it, and nobody routes it"
    )


def test_a_private_address_must_lie_somewhere() -> None:
    assert told(asking(lan_example(), "laptop", "192.168.1.1")) == []
    assert told(asking(lan_example(), "laptop", "192.168.7.1")) == [
        "laptop: the DNS server 192.168.7.1 is a private address that no node has or routes"
    ]
    assert told(asking(lan_example(), "laptop", "9.9.9.9")) == []


def test_a_phone_serves_no_names() -> None:
    wire = main_example()
    phone = wire.nodes["phone"]
    address = phone.addresses[0].partition("/")[0]
    wire.nodes["laptop"].dns = address
    phone.facts = replace(phone.facts, platform=Platform.LINUX)
    assert told(wire) == []
    phone.facts = replace(phone.facts, platform=Platform.IOS)
    assert told(wire) == [
        f"laptop: the DNS server {address} is phone, and a node on ios serves no names"
    ]


def test_an_exit_user_asks_in_a_family_that_the_network_has() -> None:
    wire = exit_example()
    user = next(name for name, node in wire.nodes.items() if node.facts.exit)
    assert told(asking(wire, user, "1.1.1.1")) == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_who_gets_no_answer_is_who_gets_no_packet_there(seed: int, faults: int) -> None:
    """The oracle sends one packet from every node and follows it."""
    rng = random.Random(seed)
    wire = random_wire(rng)
    for _ in range(faults):
        spoil(wire, rng)
    for node in wire.nodes.values():
        node.dns = ""
    owner = rng.choice(sorted(wire.nodes))
    if not wire.nodes[owner].addresses:
        return
    server = Prefix.host(rng.choice(wire.nodes[owner].addresses).partition("/")[0])
    for node in wire.nodes.values():
        node.dns = server.address
    found = proof(wire)
    plane = found.planes.get(server.family)
    if plane is None or plane.fib.owner[plane.fib.atom(server.value)] < 0:
        return  # nobody has it any more, or two have
    if {"E403", "E415"} & {finding.code for finding in found.findings}:
        return  # of two nodes with one key or address the two ways may take either
    lost = []
    for name in found.names:
        model = found.network.model(name)
        own = model.address(server.family)
        if model.conf is None:
            continue
        if (
            own is None
            or not walk(
                found.network, name, Packet(server.family, own.value, server.value)
            ).delivered
        ):
            lost.append(name)
    messages = [f.message for f in found.findings if f.code == "W430"]
    many = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
    text = address_text(server.family, server.value)
    assert messages == (
        [f"{lost[0]}{many}: the DNS server {text} is out of its reach"] if lost else []
    )
