"""nft's language, as far as the emitted tables use it; the rest is not modelled."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.nft_text import read_table


def rules(line: str, family: int = 4) -> list[Rule]:
    hook = "type filter hook forward priority 0; policy accept;"
    lines = ["table inet t {", "chain f {", hook, line, "}", "}"]
    return read_table(lines)[family, "filter", "FORWARD"]


def test_a_base_chain_that_is_closed_drops_the_rest() -> None:
    lines = ["chain f {", "type filter hook forward priority 0; policy drop;", "}"]
    assert [r.target for r in read_table(lines)[4, "filter", "FORWARD"]] == ["DROP"]


def test_an_element_is_a_rule() -> None:
    found = rules("ip daddr { 10.0.0.1, 10.0.0.4-10.0.0.7 } return")
    assert [(str(r.destination), r.target) for r in found] == [
        ("10.0.0.1/32", "RETURN"),
        ("10.0.0.4/30", "RETURN"),
    ]
    assert rules("ip daddr 10.0.0.1 return", family=6) == []


def test_a_map_goes_on_in_a_chain() -> None:
    (one, other) = rules("ip6 saddr vmap { fd00::1 : goto x, fd00::/120 : goto y }", family=6)
    assert (one.sources, one.target, one.goto) == ((Prefix.parse("fd00::1"),), "x", True)
    assert (other.sources, other.target) == ((Prefix.parse("fd00::/120"),), "y")
    line = "ip daddr 10.0.0.9 ip saddr vmap { 10.0.0.1 : goto x, 10.0.0.4/30 : goto x }"
    (rule,) = rules(line)
    assert [*map(str, rule.sources)] == ["10.0.0.1/32", "10.0.0.4/30"]
    assert str(rule.destination) == "10.0.0.9/32"


@pytest.mark.parametrize(
    "line",
    [
        "ip saddr vmap { 10.0.0.1 : goto x, 10.0.0.2 : drop }",
        "ip daddr vmap { 10.0.0.1 : goto x }",
        "ip saddr 10.0.0.1 ip saddr vmap { 10.0.0.1 : goto x }",
        "ip saddr vmap { 10.0.0.1 : goto x, fd00::1 : goto x }",
        "ip saddr . meta l4proto . th dport { 10.0.0.1 . tcp . 80 } return",
        "ip daddr . meta l4proto . th dport { 10.0.0.1 . tcp . 80, 10.0.0.2 . tcp . http } return",
        "ip daddr { 10.0.0.1-fd00::1 } return",
    ],
)
def test_a_map_that_is_not_understood_is_so_as_a_whole(line: str) -> None:
    (rule,) = rules(line)
    assert (rule.modelled, rule.target) == (False, "?")


def test_target_protocol_and_port_stand_together() -> None:
    line = "ip daddr . meta l4proto . th dport { 10.0.0.1 . tcp . 80-90, 10.0.0.0/8 . udp . 53 }"
    found = rules(f"{line} return")
    assert [(str(r.destination), r.protocol, r.ports) for r in found] == [
        ("10.0.0.1/32", "tcp", (80, 90)),
        ("10.0.0.0/8", "udp", (53, 53)),
    ]


def test_interfaces_and_states() -> None:
    line = 'iifname != "%i" oifname "%i" ct state != { established, related } jump access'
    (rule,) = rules(line)
    assert (rule.way_in, rule.way_out, rule.target, rule.goto) == ("%i", "%i", "access", False)
    assert rule.negated == {"-i", "--ctstate"}
    assert rule.begins
    assert rules(line, family=6) == [rule]
    (wan,) = rules('oifname "$(ip route | sed "s/x/y/")" accept')
    assert wan.modelled
    assert wan.way_out.startswith("$(")


@pytest.mark.parametrize(
    "line",
    [
        "ip daddr @named return",
        "meta mark 7 accept",
        "ip saddr 10.0.0.1 limit rate 1/second accept",
        "tcp dport 22 accept",
        "ip daddr { 10.0.0.1 } counter return",
    ],
)
def test_what_is_not_understood_is_not_modelled(line: str) -> None:
    assert [rule for rule in rules(line) if not rule.modelled]


def test_a_table_of_its_own_for_nat() -> None:
    hide = 'meta nfproto ipv4 ip saddr 10.0.0.0/8 oifname != "%i" masquerade'
    hook = "type nat hook postrouting priority 100; policy accept;"
    lines = ["table inet t {", "chain p {", hook, hide, "}", "}"]
    (rule,) = read_table(lines)[4, "nat", "POSTROUTING"]
    assert (rule.target, str(rule.source)) == ("MASQUERADE", "10.0.0.0/8")
    assert read_table(lines)[6, "nat", "POSTROUTING"] == []
