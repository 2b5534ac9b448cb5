"""RouterOS's firewall, from the commands of a script."""

from __future__ import annotations

import pytest

from meshc.topology.proof.iptables_rule import OUTSIDE, TUNNEL, Flow
from meshc.topology.proof.netfilter import Firewall
from meshc.topology.proof.routeros_router import read

A, LAN = 0x0A2C0001, 0xC0A80105
FILTER = "/ip/firewall/filter"


def firewall(*lines: str) -> Firewall:
    text = "\n".join(['/interface/wireguard/set [find name="wg0"] mtu=1420', *lines])
    return read(text, "wg0.rsc").firewall


def passes(fire: Firewall, *, established: bool = False) -> bool:
    return fire.forwarding(Flow(4, A, LAN, TUNNEL, OUTSIDE, established))[0]


@pytest.mark.parametrize(
    ("conditions", "accepted"),
    [
        ("action=accept", True),
        ('action=accept in-interface="wg0"', True),
        ('action=accept in-interface=!"wg0"', False),
        ("action=accept out-interface-list=WAN", True),
        ('action=accept out-interface="wg0"', False),
        ("action=accept dst-address=192.168.1.0/24", True),
        ("action=accept dst-address=!192.168.1.0/24", False),
        ("action=accept src-address=nonsense", False),
        ("action=accept connection-state=established,related", False),
        ("action=accept connection-nat-state=dstnat", False),
        ("action=accept protocol=udp", False),
        ("action=accept disabled=yes", False),
        ("action=drop", False),
    ],
)
def test_what_a_rule_lets_through(conditions: str, accepted: bool) -> None:
    assert passes(firewall(f"{FILTER}/add chain=forward {conditions}")) is accepted


def test_each_family_has_a_menu_of_its_own() -> None:
    assert not passes(firewall("/ipv6/firewall/filter/add chain=forward action=accept"))


def test_a_chain_of_its_own_returns_to_the_rest() -> None:
    jump = f"{FILTER}/add chain=forward action=jump jump-target=own"
    after = f"{FILTER}/add chain=forward action=accept"
    assert passes(firewall(f"{FILTER}/add chain=own action=accept", jump))
    assert passes(firewall(f"{FILTER}/add chain=own action=return", jump, after))
    assert not passes(firewall(f"{FILTER}/add chain=own action=drop", jump, after))
    assert not passes(firewall(f"{FILTER}/add chain=own action=accept"))


def test_what_is_moved_to_the_top_comes_first_in_its_order() -> None:
    fire = firewall(
        f"{FILTER}/add chain=forward action=drop",
        f"{FILTER}/add chain=forward action=accept comment=mine dst-address=192.168.0.0/16",
        f"{FILTER}/add chain=forward action=drop comment=mine",
        f"{FILTER}/move [find comment=mine] destination=0",
    )
    assert passes(fire)
    assert not fire.forwarding(Flow(4, A, 1, TUNNEL, OUTSIDE))[0]


def test_answers_are_let_in_by_state() -> None:
    rule = f"{FILTER}/add chain=forward action=accept connection-state=established,related"
    assert passes(firewall(rule), established=True)


def test_masquerade_needs_its_way_out() -> None:
    fire = firewall(
        '/ip/firewall/nat/add chain=srcnat action=masquerade out-interface=!"wg0"',
    )
    assert fire.masquerades(Flow(4, A, LAN, "", OUTSIDE))
    assert not fire.masquerades(Flow(4, A, A + 1, "", TUNNEL))
