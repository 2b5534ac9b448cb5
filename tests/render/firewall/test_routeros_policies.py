"""Policies as rules of RouterOS, as text; what they mean is in test_routeros_firewall.py."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.render.firewall.routeros_policies import RouterPolicies
from meshc.topology.language.spec import Service
from meshc.topology.planner.policy.flow_rules import AccessRow, AccessRules, Grant

ONE, TWO, LAN = map(Prefix.parse, ("10.44.0.1", "10.44.0.2", "192.168.7.0/24"))
BEGINS = 'in-interface="wg0" connection-state=!established,related'


def policies(access: AccessRules | None, family: int = 4) -> RouterPolicies:
    return RouterPolicies("wg0", family, access)


def test_without_policies_there_is_nothing() -> None:
    assert [*policies(None).entries(), *policies(None).rules()] == []


def test_several_addresses_are_one_list_by_what_it_holds() -> None:
    grants = (Grant((ONE, LAN), (Service("tcp", 22, 22), Service("icmp"))),)
    made = policies(AccessRules(inbound=(ONE, LAN), rows=(AccessRow((TWO,), grants),)))
    assert [*made.entries()] == [
        'list="meshc-wg0-1" address=10.44.0.1',
        'list="meshc-wg0-1" address=192.168.7.0/24',
    ]
    ends = 'src-address=10.44.0.2/32 dst-address-list="meshc-wg0-1"'
    look = 'action=jump jump-target="meshc-wg0-access"'
    assert [*made.rules()] == [
        f'chain="meshc-wg0-access" action=return {ends} protocol=tcp dst-port=22',
        f'chain="meshc-wg0-access" action=return {ends} protocol=icmp',
        'chain="meshc-wg0-access" action=drop',
        f'chain=input {BEGINS} action=drop dst-address-list=!"meshc-wg0-1"',
        f"chain=input {BEGINS} {look}",
        f"chain=forward {BEGINS} {look}",
    ]


def test_a_guard_looks_at_its_own_and_at_what_comes_from_beside() -> None:
    access = AccessRules((), (), lans=(LAN,), strangers=(ONE,), outbound=True)
    rules = [*policies(access).rules()]
    assert f"chain=input {BEGINS} action=drop" in rules
    assert sum('out-interface="wg0"' in rule for rule in rules) == 3
    assert rules[-1].startswith('chain=output out-interface="wg0"')


def test_icmp_is_of_the_family() -> None:
    host = Prefix.parse("fd44::1")
    access = AccessRules((), (AccessRow((host,), (Grant((host,), (Service("icmp"),)),)),))
    assert "protocol=icmpv6" in next(policies(access, 6).rules())
