"""Forwarding hooks as text; what they do is in test_wgquick_root.py."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from meshc.prefixes import Prefix
from meshc.render.firewall.hook_lines import Hooks
from meshc.render.firewall.iptables import forwarding_hooks
from meshc.topology.language.spec import Platform
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.topology.planner.policy.forwarding import firewall_of
from tests.support.keyed_plans import POOLS, small_plan

LAN = (Prefix.parse("192.168.1.0/24"),)


def hooks(forwarding: Forwarding) -> Hooks:
    return forwarding_hooks(small_plan(forwarding=forwarding).nodes["hub"].firewall)


def test_a_node_that_forwards_nothing_has_none() -> None:
    assert hooks(Forwarding(families=(4, 6), pools=POOLS)) == Hooks()


def test_no_foreign_chain_is_changed_beyond_the_jump() -> None:
    lines = hooks(Forwarding((4, 6), POOLS, relay=True, lans=LAN, exit=True)).lines
    for line in lines:
        for chain in re.findall(r"-[AINFXD] (\S+)", line):
            assert chain in ("MESHC-FWD-%i", "MESHC-NAT-%i", "FORWARD", "POSTROUTING")
        for jump in re.findall(r"-[ID] (?:FORWARD|POSTROUTING) (.*?)(?: 2>|;|$)", line):
            assert jump in ("-j MESHC-FWD-%i", "-j MESHC-NAT-%i")
        assert not re.search(r"tables -w [^|;]*-[AFX] (FORWARD|POSTROUTING)", line)


def test_only_the_families_in_use() -> None:
    only = "\n".join(hooks(Forwarding((4,), POOLS[:1], relay=True)).lines)
    assert "ip6tables" not in only
    assert "ipv6" not in only


def test_masquerade_is_for_the_mesh_only() -> None:
    up = hooks(Forwarding((4,), POOLS[:1], lans=LAN)).post_up
    assert [line for line in up if "MASQUERADE" in line] == [
        "iptables -w -t nat -A MESHC-NAT-%i -s 10.44.0.0/16 -d 192.168.1.0/24 ! -o %i -j MASQUERADE"
    ]
    visible = hooks(Forwarding((4,), POOLS[:1], lans=LAN, masquerade=False)).post_up
    assert [line for line in visible if "nat" in line] == []


def test_a_router_among_many_lans_has_few_commands() -> None:
    """One for each pair of LANs takes minutes to run; a line of iptables-restore has an end."""
    others = [Prefix(4, (172 << 24) + (16 << 16) + (i << 9), 24) for i in range(1500)]
    own = tuple(Prefix(4, (192 << 24) + (168 << 16) + (i << 9), 24) for i in range(20))
    plan = small_plan(forwarding=Forwarding((4,), POOLS[:1], lans=own)).nodes["hub"]
    far = [one._replace(allowed_ips=(*one.allowed_ips, *others)) for one in plan.peers]
    rules = firewall_of(plan.forwarding, far, Platform.LINUX, POOLS[:1])
    hidden = [line for line in forwarding_hooks(rules).post_up if "MASQUERADE" in line]
    assert 1500 / 64 < len(hidden) < 1500 / 64 + 2
    assert max(map(len, hidden)) < 5000


@pytest.mark.skipif(not shutil.which("bash"), reason="wg-quick needs bash as well")
def test_every_line_is_valid_shell_and_has_no_comment() -> None:
    lines = hooks(Forwarding((4, 6), POOLS, True, LAN, exit=True, clamp_mss=True)).lines
    for line in lines:
        assert "#" not in line
        subprocess.run(["bash", "-nc", line], check=True)
