"""A packet of each class speaks for all that nothing tells apart."""

from __future__ import annotations

import random

from meshc.prefixes import Prefix
from meshc.topology.language.spec import Service
from meshc.topology.proof.access_classes import AddressNames, service_classes
from meshc.topology.proof.iptables_rule import Rule


def test_every_combination_of_sets_has_an_address() -> None:
    rng = random.Random(3)
    for _ in range(200):
        sets = []
        for _n in range(rng.randint(0, 5)):
            length = rng.randint(26, 32)
            sets.append((Prefix(4, rng.randrange(64) >> (32 - length) << (32 - length), length),))

        def kind(address: int, sets: list[tuple[Prefix]] = sets) -> tuple[bool, ...]:
            return tuple(p.value <= address <= p.last for (p,) in sets)

        names = AddressNames.of(4, sets)
        found = names.one_of_each()
        kinds = [kind(address) for address in found]
        assert len(kinds) == len(set(kinds))
        assert set(kinds) == {kind(address) for address in range(70)}
        one, other = rng.randrange(70), rng.randrange(70)
        assert (names.at(one) == names.at(other)) is (kind(one) == kind(other))


def test_ports_are_cut_where_a_rule_begins_or_ends() -> None:
    rules = [Rule("ACCEPT", "", protocol="tcp", ports=(22, 22)), Rule("DROP", "", protocol="sctp")]
    found = service_classes([Service("tcp", 80, 90)], rules)
    assert [port for protocol, port in found if protocol == "tcp"] == [0, 22, 23, 80, 91]
    assert [port for protocol, port in found if protocol == "udp"] == [0]
    assert {("icmp", 0), ("sctp", 0), ("other", 0)} < set(found)
