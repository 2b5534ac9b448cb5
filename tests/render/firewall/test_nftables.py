"""The nft dialect. That it means the same as iptables: `test_loading`."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.render.firewall.nftables import table_text
from meshc.topology.language.spec import Service
from meshc.topology.planner.policy.flow_rules import AccessRow, AccessRules, FamilyRules, Grant

A, B, NET = (Prefix.parse(text) for text in ("10.0.0.1", "10.0.0.2", "10.0.0.0/24"))


def text(*rows: AccessRow) -> str:
    access = AccessRules((B,), rows, (), (NET,))
    return "\n".join(table_text([FamilyRules(4, (), access=access, forwards=False)]))


def test_the_table_is_replaced_in_one_transaction() -> None:
    lines = text().split("\n")
    assert lines[:3] == [
        "add table inet meshc-%i",
        "delete table inet meshc-%i",
        "table inet meshc-%i {",
    ]


def test_the_cost_of_a_packet_does_not_grow_with_the_rules() -> None:
    """Senders are one map, and what one may reach is three sets at most, however many there are."""
    services = (Service("icmp"), Service("tcp", 80, 90), Service("udp", 53, 53))
    few = text(AccessRow((A,), (Grant((B,), services),)))
    targets = tuple(Prefix(4, m, 32) for m in range(50))
    many = tuple(AccessRow((Prefix(4, n, 32),), (Grant(targets, services),)) for n in range(40))
    assert text(*many).count(" vmap ") == few.count(" vmap ") == 1
    one = text(*many).split("chain from4_7 {\n")[1].split("\n}")[0]
    assert len(one.replace(",\n", ", ").split("\n")) == 3
    assert max(map(len, one.split("\n"))) <= 300  # a long list goes on in the next line
    assert "10.0.0.2 . tcp . 80-90, 10.0.0.2 . udp . 53" in few
    assert "ip daddr { 10.0.0.2 } meta l4proto icmp return" in few


def test_a_sender_without_a_row_reaches_nothing() -> None:
    assert "chain access {\ndrop\n}" in text()
