"""The uci dialect as text; what it means is in test_dialects.py."""

from __future__ import annotations

from meshc.prefixes import Prefix
from meshc.render.firewall import uci
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.forwarding import firewall_of

POOL = Prefix.parse("10.44.0.0/24")
ROUTER = Forwarding((4,), (POOL,), lans=(Prefix.parse("192.168.1.0/24"),))


def settings(forwarding: Forwarding, interface: str = "wg0") -> list[str]:
    rules = firewall_of(forwarding, (), Platform.OPENWRT, (POOL,))
    return list(uci.settings(interface, 51820, rules))


def test_the_mesh_reaches_a_prefix_and_no_zone() -> None:
    lines = settings(ROUTER)
    assert "set firewall.meshc_wg0_rule1.dest='*'" in lines
    assert "set firewall.meshc_wg0_rule1.dest_ip='192.168.1.0/24'" in lines
    assert "set firewall.meshc_wg0_rule1.proto='all'" in lines
    assert not any(line.endswith("=forwarding") for line in lines)


def test_the_last_rule_drops_the_rest_of_the_tunnel() -> None:
    last = [line for line in settings(ROUTER) if ".meshc_wg0_rule3" in line]
    assert last == [
        "set firewall.meshc_wg0_rule3=rule",
        "set firewall.meshc_wg0_rule3.family='ipv4'",
        "set firewall.meshc_wg0_rule3.proto='all'",
        "set firewall.meshc_wg0_rule3.src='wg0'",
        "set firewall.meshc_wg0_rule3.dest='*'",
        "set firewall.meshc_wg0_rule3.target='DROP'",
    ]


def test_names_fit_into_uci() -> None:
    lines = settings(Forwarding(), "my-long.tunnel1")
    assert "set firewall.meshc_my_long_tunnel1_zone.name='my_long_tun'" in lines
    assert "set firewall.meshc_my_long_tunnel1_in.name='WireGuard my-long.tunnel1'" in lines
