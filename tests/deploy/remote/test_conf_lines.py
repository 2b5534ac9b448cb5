"""Lines of a file, and what takes ours back where wg-quick gave up before it came to them."""

from __future__ import annotations

import sys

import pytest

from meshc.deploy.remote.conf_lines import settings, taken_back
from meshc.prefixes import Prefix
from meshc.render.firewall.ipv6_hold import ipv6_hold_hooks
from meshc.render.firewall.kill_switch import kill_switch_hooks
from meshc.render.firewall.open_port import open_port_hooks
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.netns import namespaces, needs_root, require
from tests.support.snapshot import changed, snapshot

POOL = Prefix.parse("10.44.0.0/24")
EXIT = Forwarding((4, 6), (POOL,), relay=True, exit=True, users=(POOL,))
CONF = """[Interface]
dns=10.44.0.1 # inside
PostUp = one
PreUp = two # really
"""
STOP = """
from meshc.deploy.protocol import Directories
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.supervision import stop
stop(ManagedInterface("wg0", Directories()))
"""


def test_settings_are_read_as_wg_quick_reads_them() -> None:
    assert settings(CONF, "PreUp", "PostUp") == ["two", "one"]
    assert settings(CONF, "DNS") == ["10.44.0.1"]
    assert settings(CONF, "PreDown") == []


def test_every_line_of_ours_that_takes_something_away_is_known() -> None:
    some = [
        ipv6_hold_hooks(7),
        *(kill_switch_hooks(7, (POOL,), named=True, nft=nft) for nft in (False, True)),
        *(open_port_hooks(51820, nft=nft) for nft in (False, True)),
    ]
    lines = [line for hooks in some for line in hooks.post_down]
    theirs = "PostDown = ip rule del table 7\nPostDown = nft delete table inet meshc-other\n"
    text = "".join(f"PostDown = {line}\n" for line in lines)
    assert taken_back(text + theirs) == lines


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("failing", ["PostUp = false", "PreDown = false", "PostDown = false"])
def test_a_hook_that_fails_leaves_nothing_of_ours(failing: str) -> None:
    """No chain, no count in /run/meshc, no value of forwarding, no route of a kill switch."""
    require("wireguard-go", "wg-quick", "iptables")
    own = [*forwarding_lines(EXIT)]
    for hooks in (kill_switch_hooks(51820, (POOL,), named=False), ipv6_hold_hooks(51820)):
        own += [f"PostUp = {line}" for line in hooks.post_up]
        own += [f"PostDown = {line}" for line in hooks.post_down]
    # ours come first on the way up and down, as they are emitted; a failing one of theirs after
    lines = [*own, failing] if failing != "PostDown = false" else [failing, *own]
    text = wgconf.interface("Address = 10.44.0.1/32", "FwMark = 51820", *lines)
    text += wgconf.peer("AllowedIPs = 10.44.0.0/24")
    with namespaces("host") as (host,):
        host.shell(
            "ip link add eth0 type veth peer name eth1; ip link set eth0 up;"
            # an empty table comes and goes with its first rule
            "for x in iptables ip6tables; do $x -A INPUT -i lo -j ACCEPT;"
            " $x -t nat -A POSTROUTING -o lo -j RETURN; done;"
            "mkdir -p /etc/wireguard; mount -t tmpfs tmpfs /etc/wireguard"
        )
        host.run("bash", "-c", "umask 077; cat > /etc/wireguard/wg0.conf", input=text)
        before = snapshot(host)
        up = "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up wg0"
        done = host.run("bash", "-c", up, check=False)
        assert (done.returncode != 0) == failing.startswith("PostUp")
        assert "MESHC-FWD-wg0" in host.shell("iptables-save"), "or there is nothing to leave"
        host.run(sys.executable, "-c", STOP)
        assert "wg0" not in host.shell("ip -br link")
        found = changed(before, snapshot(host))
        assert {k: v for k, v in found.items() if k not in ("run", "nftables")} == {}
        assert "meshc" not in host.shell("nft list tables")
        assert host.shell("ls /run/meshc 2>/dev/null || true").strip() == ""
