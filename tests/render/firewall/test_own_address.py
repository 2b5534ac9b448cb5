"""What is written about a sign reads as if it had been written about the address."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.render.firewall.iptables import family_chains
from meshc.render.firewall.loading import Load, loading_hooks
from meshc.render.firewall.nftables import table_text
from meshc.render.firewall.own_address import SharedRules
from meshc.topology.language.spec import FirewallTool, Service
from meshc.topology.planner.policy.flow_rules import AccessRow, AccessRules, FamilyRules, Grant


def prefixes(*texts: str) -> tuple[Prefix, ...]:
    return tuple(map(Prefix.parse, texts))


def leaf(family: int, own: str, *sources: str) -> FamilyRules:
    services = (Service("tcp", 22, 25), Service("udp", 53, 53), Service("icmp"))
    rows = (AccessRow(prefixes(*sources), (Grant(prefixes(own), services),)),)
    access = AccessRules(prefixes(own), rows, strangers=prefixes("10.44.0.0/16", "fd44::/64"))
    return FamilyRules(family, (), access=access, forwards=False)


FOUR = leaf(4, "10.44.0.5/32", "10.44.0.5/32", "10.44.0.50/31", "110.44.0.5/32")
SIX = leaf(6, "fd44::5/128", "fd44::5/128", "fd44::50/127", "fd44:0:0:1::5/128")


@pytest.mark.parametrize("firewall", [(FOUR,), (FOUR, SIX)])
@pytest.mark.parametrize("tool", FirewallTool)
def test_the_text_is_that_of_rules_about_the_address(
    firewall: tuple[FamilyRules, ...], tool: FirewallTool
) -> None:
    assert SharedRules.of(firewall).addresses
    load = Load(
        tool,
        {one.family: family_chains(one) for one in firewall}
        if tool is not FirewallTool.NFTABLES
        else {},
        table_text(firewall) if tool is not FirewallTool.IPTABLES else (),
    )
    assert loading_hooks(firewall, tool) == load.hooks(())


def test_neighbours_share_their_rules() -> None:
    other = leaf(4, "10.44.0.6/32", "10.44.0.5/32", "10.44.0.50/31", "110.44.0.5/32")
    assert SharedRules.of((FOUR,)).rules == SharedRules.of((other,)).rules
    assert SharedRules.of((FOUR,)).addresses != SharedRules.of((other,)).addresses


@pytest.mark.parametrize(
    "rules",
    [
        FOUR._replace(access=None),
        FOUR._replace(access=FOUR.access._replace(lans=prefixes("192.168.7.0/24"))),
        FOUR._replace(access=FOUR.access._replace(outbound=True)),
        FOUR._replace(access=FOUR.access._replace(inbound=prefixes("10.44.0.0/24"))),
        leaf(4, "10.44.0.5/32", "255.255.255.255/32"),
    ],
)  # fmt: skip
def test_what_is_about_more_is_written_as_it_is(rules: FamilyRules) -> None:
    assert SharedRules.of((rules,)) == ((rules,), ())
