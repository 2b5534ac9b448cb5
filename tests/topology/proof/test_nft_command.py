"""The one nft command that the proof reads, and the two lines that it may pass over."""

from __future__ import annotations

import pytest

from meshc.prefixes import Prefix
from meshc.render.firewall.kill_switch import kill_switch_hooks
from meshc.render.firewall.open_port import open_port_hooks
from meshc.topology.proof.clear_text import Leaving, passes
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.nft_command import opens_own_port, own_table

POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))


def lines() -> tuple[str, ...]:
    return kill_switch_hooks(51820, POOLS, named=False, nft=True).post_up


def outer(target: str, device: str = "") -> Leaving:
    prefix = Prefix.host(target)
    return Leaving(prefix.family, prefix.value, device)


@pytest.mark.parametrize(
    ("old", "new", "packet"),
    [
        ("ip daddr 10.44.0.0/24 reject; ", "", outer("10.44.0.9")),
        ("169.254.0.0/16", "1.0.0.0/8", outer("1.1.1.1")),
        ("mark 51820", "mark 0", outer("1.1.1.1")),
        ("; reject; }", "; return; }", outer("2606:4700::1")),
        ('oifname "lo"', 'oifname "eth0"', outer("1.1.1.1")),
        ("; reject; }", "; jump other; }", outer("1.1.1.1")),
        ("hook output", "hook forward", outer("1.1.1.1")),
        ("hook output", "hook output priority 5", outer("1.1.1.1")),
    ],
)
def test_a_fault_in_the_table_lets_something_out(old: str, new: str, packet: Leaving) -> None:
    *routes, table = lines()
    assert not passes(Firewall.read((*routes, table), "wg0"), packet)
    wrong = table.replace(old, new)
    assert wrong != table
    assert passes(Firewall.read((*routes, wrong), "wg0"), packet)


def test_a_port_that_is_opened_is_no_matter_of_the_proof_and_all_else_is() -> None:
    hooks = open_port_hooks(51820, nft=True)
    assert all(map(opens_own_port, hooks.lines))
    (put_in,) = hooks.post_up
    for wrong in (
        put_in.replace("udp dport 51820 accept", "accept"),
        put_in.replace("iifname != ", ""),
        put_in + "; nft flush ruleset",
        put_in.replace("hook input", "hook forward"),
    ):
        assert wrong != put_in
        assert not opens_own_port(wrong)


@pytest.mark.parametrize(
    "words",
    [
        ("nft",),
        ("nft", "table inet meshc-kill-%i { }"),
        ("nft", "table inet other { chain output { type filter hook output priority 0; }; }"),
        ("nft", "table inet meshc-kill-%i { chain output { type filter hook output priority 0;"
         " policy accept; ip daddr fd44::/64 reject; }; }"),
        ("nft", "table inet meshc-kill-%i { chain output { type filter hook output priority 0;"
         " policy accept; ip daddr nonsense reject; }; }"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_no_table_of_ours(words: tuple[str, ...]) -> None:
    assert own_table(words) is None
