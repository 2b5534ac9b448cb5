"""The relation of `policies:`, against the words of the file read one by one."""

from __future__ import annotations

import random

import pytest

from meshc.prefixes import Prefix, parse_address
from meshc.topology.language.spec import Service
from meshc.topology.obligations.access import Access, Stretches, covers, united
from tests.support.policy_networks import policy_network
from tests.support.policy_oracle import random_policies


def access_of(seed: int) -> tuple[Access, object, list[str]]:
    network = policy_network(random_policies(seed))
    access = Access.of(network.spec, network.analysis.allocation.addresses)
    assert access is not None
    own = [str(a) for some in network.oracle.addresses.values() for a in some]
    lans = [str(lan[n]) for some in network.oracle.lans.values() for lan in some for n in (5, 70)]
    return access, network.oracle, [*own, *lans, "10.44.0.99", "1.1.1.1", "172.16.0.9"]


@pytest.mark.parametrize("seed", range(40))
def test_it_says_what_the_file_says(seed: int) -> None:
    access, oracle, addresses = access_of(seed)
    rng = random.Random(seed)
    for _ in range(300):
        source, target = rng.choice(addresses), rng.choice(addresses)
        one, other = parse_address(source), parse_address(target)
        if one.version != other.version:
            continue
        protocol = rng.choice(["tcp", "udp", "icmp", "sctp"])
        port = rng.choice([1, 22, 53, 79, 80, 88, 90, 91, 120, 121, 65535])
        service = Service(protocol, port, port) if protocol in ("tcp", "udp") else Service(protocol)
        if protocol == "icmp":
            port = 0
        there = access.rule_for(one.version, int(one), int(other), service)
        allowed = oracle.allows(source, target, protocol, port)  # type: ignore[attr-defined]
        assert (there is not None) == allowed, (source, target, str(service))


def test_services_are_united() -> None:
    assert united([Service("tcp", 80, 90), Service("tcp", 91, 99), Service("udp", 5, 5)]) == (
        Service("tcp", 80, 99),
        Service("udp", 5, 5),
    )
    assert united([Service("tcp", 80, 80), Service()]) == (Service(),)


def test_a_service_is_covered_by_a_wider_one_of_its_protocol() -> None:
    assert covers(Service("tcp"), Service("tcp", 80, 80))
    assert covers(Service(), Service("icmp"))
    assert not covers(Service("tcp", 80, 90), Service("tcp", 80, 91))
    assert not covers(Service("udp"), Service("tcp", 80, 80))


def test_stretches_against_each_address_by_itself() -> None:
    rng = random.Random(7)
    for _ in range(100):
        sets = []
        for n in range(rng.randint(0, 5)):
            length = rng.randint(26, 32)
            value = rng.randrange(64) >> (32 - length) << (32 - length)
            sets.append((n % 3, (Prefix(4, value, length),)))
        made = Stretches.cut(4, sets)
        for address in range(70):
            holding = {n for n, some in sets if some[0].value <= address <= some[0].last}
            assert made.at(address) == holding
        part = Prefix(4, 16, 29)
        inside = {a for first, last, _ in made.within((part,)) for a in range(first, last + 1)}
        assert inside == {a for a in range(16, 24) if made.at(a)}


def test_without_policies_there_is_no_relation() -> None:
    tree = random_policies(1)
    del tree["policies"]
    assert Access.of(policy_network(tree).spec, {}) is None
