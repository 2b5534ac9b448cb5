"""The RouterOS dialect as text; what it means is in test_dialects.py."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.render.firewall import routeros
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.forwarding import firewall_of

POOL = Prefix.parse("10.44.0.0/24")


def commands(forwarding: Forwarding) -> list[str]:
    rules = firewall_of(forwarding, (), Platform.ROUTEROS, (POOL,))
    return list(routeros.commands("wg0", 51820, rules))


def test_an_exit_goes_out_through_the_wan_list_alone() -> None:
    lines = commands(Forwarding((4,), (POOL,), exit=True))
    assert lines[0].startswith(":if ([:len [/interface/list/find name=WAN]] = 0)")
    assert any('in-interface="wg0" out-interface-list=WAN' in line for line in lines)
    accepted = [line for line in lines if "action=accept" in line]
    assert not any('out-interface=!"wg0"' in line for line in accepted)


def test_the_chain_ends_in_a_drop_and_is_jumped_to_when_it_is_whole() -> None:
    lines = [line for line in commands(Forwarding((4,), (POOL,), relay=True)) if "/ip/" in line]
    at = next(n for n, line in enumerate(lines) if "action=drop" in line)
    assert 'chain="meshc-wg0" action=drop in-interface="wg0"' in lines[at]
    assert "chain=forward action=jump" in lines[at + 1]
    assert "/move [find" in lines[at + 2]


def test_no_list_is_made_that_no_rule_needs() -> None:
    assert not any("WAN" in line for line in commands(Forwarding((4,), (POOL,), relay=True)))
