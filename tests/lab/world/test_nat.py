from __future__ import annotations

import shutil
import subprocess

import pytest

from meshc.lab.world.nat import Forward, Inside, Pinhole, Router, loss_rules, rebound, router_rules
from meshc.topology.language.spec import Nat

HOST = "192.168.1.2"


def a_router(nat: Nat, **more: object) -> Router:
    return Router("wan", "lan", (Inside(HOST, nat),), **more)  # type: ignore[arg-type]


def test_port_restricted_is_plain_masquerading() -> None:
    rules = router_rules(a_router(Nat.PORT_RESTRICTED))
    assert f'oifname "wan" ip saddr {HOST} masquerade\n' in rules
    assert "map @" not in rules


def test_symmetric_takes_random_ports() -> None:
    rules = router_rules(a_router(Nat.SYMMETRIC))
    assert f"ip saddr {HOST} masquerade fully-random" in rules


def test_full_cone_lets_anybody_in_at_the_mapped_port() -> None:
    rules = router_rules(a_router(Nat.FULL_CONE))
    assert 'iifname "wan" dnat ip to udp dport map @full_cone' in rules
    assert "@seen" not in rules


def test_restricted_lets_in_whom_the_host_has_written_to() -> None:
    rules = router_rules(a_router(Nat.RESTRICTED))
    assert "udp dport . ip saddr @seen dnat ip to udp dport map @restricted" in rules
    assert "update @seen { udp sport . ip daddr }" in rules


def test_a_forwarded_port_works_both_ways_and_from_inside() -> None:
    forward = Forward("198.51.100.7", 443, HOST, 51820)
    rules = router_rules(a_router(Nat.FULL_CONE, forwards=(forward,)))
    assert f"ip daddr 198.51.100.7 udp dport 443 dnat to {HOST}:51820" in rules
    assert f"ip saddr {HOST} udp sport 51820 snat to 198.51.100.7:443" in rules
    assert 'oifname "lan" ct status dnat masquerade' in rules


def test_a_fixed_mapping_without_forwarding_lets_nobody_in() -> None:
    forward = Forward("198.51.100.7", 51820, HOST, 51820, opened=False)
    rules = router_rules(a_router(Nat.PORT_RESTRICTED, forwards=(forward,)))
    assert "dnat to" not in rules
    assert "snat to 198.51.100.7:51820" in rules


def test_ipv6_is_a_firewall_with_pinholes() -> None:
    holes = (Pinhole("2001:db8::7", 51820), Pinhole("2001:db8::8", 0))
    rules = router_rules(a_router(Nat.NONE, pinholes=holes))
    assert "ip6 daddr 2001:db8::7 udp dport 51820 accept" in rules
    assert "ip6 daddr 2001:db8::8 accept" in rules
    assert rules.rstrip().endswith("drop\n  }\n}")


def test_rebinding_moves_hosts_but_not_fixed_mappings() -> None:
    forward = Forward("198.51.100.7", 51820, HOST, 51820)
    rules = router_rules(a_router(Nat.FULL_CONE, forwards=(forward,)))
    moved = rebound(rules, "wan", 40000, 60000)
    line = f'oifname "wan" ip saddr != {{ {HOST} }} ip protocol udp masquerade to :40000-60000'
    assert line in moved
    assert moved.index(line) < moved.index("snat to")
    assert "ip saddr !=" not in rebound(router_rules(a_router(Nat.SYMMETRIC)), "wan", 1, 2)


@pytest.mark.root
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.parametrize("nat", list(Nat))
def test_nft_accepts_the_rules(nat: Nat) -> None:
    """In a network namespace of its own, with everything that a router can have."""
    router = a_router(
        nat,
        forwards=(Forward("198.51.100.7", 443, HOST, 51820),),
        pinholes=(Pinhole("2001:db8::7", 51820),),
        open_hosts=("198.51.100.9",),
    )
    for text in (
        router_rules(router),
        rebound(router_rules(router), "wan", 40000, 60000),
        loss_rules([("u1", 2.5)]),
    ):
        done = subprocess.run(
            ["unshare", "--net", "nft", "-f", "-"], input=text, text=True, capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_router_may_let_strangers_in_to_itself() -> None:
    """What it lets in it remembers, and then takes another port for its own host."""
    rules = router_rules(a_router(Nat.PORT_RESTRICTED, accepts=True))
    held = rules.partition("chain input")[2].partition("}")[0]
    assert "accept" in held
    assert "drop" not in held
