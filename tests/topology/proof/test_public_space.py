"""What is a part of the internet, atom by atom."""

from __future__ import annotations

from meshc.prefixes import parse_address
from meshc.topology.proof.public_space import public_atoms
from tests.support.planted import proof
from tests.support.wire import main_example


def test_private_and_special_addresses_are_no_part_of_the_internet() -> None:
    wire = main_example()
    relay = wire.nodes["phone"].peers["public-server1"]
    relay.allowed += ["192.168.0.0/16", "8.8.8.0/24", "172.0.0.0/10", "240.0.0.0/5"]
    fib = proof(wire).planes[4].fib
    public = public_atoms(fib)
    for text, expected in (
        ("192.168.7.7", False),
        ("10.44.0.200", False),
        ("8.8.8.8", True),
        ("241.0.0.1", False),
        ("172.1.0.1", True),  # an atom that lies only partly in private space
    ):
        assert bool(public[fib.atom(int(parse_address(text)))]) is expected, text
