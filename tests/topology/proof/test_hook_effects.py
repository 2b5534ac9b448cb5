"""Every command of a hook is modelled, harmless, bound to fail, or named."""

from __future__ import annotations

import pytest

from meshc.topology.proof.hook_effects import HookEffects, read_hook_effects
from meshc.topology.proof.policy_routing import read_policy_routing
from meshc.wg.conf import Conf
from tests.support.wire import private_key

KEY = private_key("a").public_key()


def effects(*post_up: str, pre_up: tuple[str, ...] = ()) -> HookEffects:
    conf = Conf(pre_up=pre_up, post_up=post_up)
    return read_hook_effects(conf, read_policy_routing(conf, "wg0"))


@pytest.mark.parametrize(
    "line",
    [
        "false",
        "echo up; false",
        "exit 1",
        "ip link set %i down",
        "ip link set dev wg0 down",
    ],
)
def test_what_fails_wherever_it_runs(line: str) -> None:
    assert len(effects(line).failing) == 1


@pytest.mark.parametrize(
    "line",
    [
        "false || true",
        "if false; then echo no; fi",
        "! false",
        "exit 0",
        "ip link set eth0 down || true",
        "ip route add 10.9.0.0/24 dev %i",
    ],
)
def test_what_need_not_fail(line: str) -> None:
    assert effects(line).failing == ()


def test_a_rule_before_its_chain_fails() -> None:
    assert effects("iptables -A FORWARD -j FOO", "iptables -N FOO").failing == (
        "iptables -A FORWARD -j FOO",
    )
    assert effects("iptables -A FOO -j ACCEPT", "iptables -N FOO").failing
    assert not effects("iptables -N FOO", "iptables -A FORWARD -j FOO").failing
    # a line before has removed it: it is not there, whoever else might have made it
    gone = "iptables -X FOO 2>/dev/null || true"
    assert effects("iptables -A FOO -j ACCEPT", pre_up=(gone,)).failing
    assert not effects("iptables -N FOO", "iptables -A FOO -j ACCEPT", pre_up=(gone,)).failing
    # the machine may have it
    assert not effects("iptables -I DOCKER-USER -i %i -j ACCEPT").failing


def test_before_the_interface_there_is_no_route_through_it() -> None:
    assert effects(pre_up=("ip route add 10.9.0.0/24 dev %i",)).failing
    assert not effects(pre_up=("ip route add 10.9.0.0/24 via 192.168.1.1",)).failing


@pytest.mark.parametrize(
    "line",
    [
        "nft add table inet mine",
        "nft -f /etc/mine.nft",
        f"wg set %i peer {KEY} remove",
        f"wg set %i peer {KEY} allowed-ips 10.9.0.0/24",
        "wg syncconf %i /etc/other.conf",
        "/usr/local/bin/up.sh",
        "$UP",
        "iptables-restore /etc/rules",
        "iptables -R FORWARD 1 -j DROP",
        "iptables -I DOCKER-USER -j DROP",
        "ip addr add 10.9.0.1/24 dev %i",
        "ip rule flush",
        "ip rule add from all prohibit",
        "ip rule add from all lookup 300",
        "ip route flush table main",
        "ip link set eth0 master br0",
        "tc qdisc add dev %i root netem loss 50%",
        "ufw deny in on wg0",
        "systemctl restart nftables",
        "sysctl -w net.ipv4.conf.all.rp_filter=1",
        "sysctl -w net.ipv6.conf.all.disable_ipv6=1",
    ],
)
def test_what_could_do_anything_is_named(line: str) -> None:
    found = effects(line)
    assert found.failing == ()
    assert len(found.unjudged) == 1


@pytest.mark.parametrize(
    "line",
    [
        "echo %i is up; logger up",
        "wg set %i private-key /etc/key",
        "pass show vpn/key | wg set %i private-key /dev/stdin",
        f"wg set %i peer {KEY} preshared-key /etc/psk persistent-keepalive 25",
        "nft flush ruleset",
        "nft list ruleset",
        "iptables -C FORWARD -i %i -j ACCEPT || iptables -A FORWARD -i %i -j ACCEPT",
        "ip rule add to 10.8.0.0/24 lookup main",
        "ip route add 10.9.0.0/24 via 192.168.1.1",
        "ip link set %i mtu 1400",
        "sysctl -w net.ipv4.ip_forward=1",
        "sysctl -q net.ipv4.tcp_mtu_probing=1",
        "WAN=eth0; resolvectl dns %i 10.8.0.1",
        "systemctl restart dnsmasq",
    ],
)
def test_what_is_modelled_or_leaves_packets_alone(line: str) -> None:
    assert effects(line) == HookEffects()
