"""What an exit user in a network without IPv6 lets out of it: nothing, whoever runs its file.

leaf 192.0.2.1, 2001:db8::1 ---- 192.0.2.2, 2001:db8::2 exit 203.0.113.9, 2001:db8:9::9
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.node.nodefile import read
from meshc.render.firewall.ipv6_hold import ipv6_hold_hooks
from tests.support.frozen_agent import freeze_agent
from tests.support.leafhost import QUICK, leaving, put_up
from tests.support.netns import (
    Namespace,
    connect,
    namespaces,
    needs_root,
    require,
    wait_until,
)
from tests.support.snapshot import changed, snapshot

MESH = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24], mtu: 1400}
nodes:
  exit: {role: relay, endpoint: "ENDPOINT", exit_node: true}
  leaf: {exit: exit}
"""
OFF = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
# firewalld's, IPv6_rpfilter=strict
STRICT = """\
table inet firewalld {
  chain pre {
    type filter hook prerouting priority -140;
    icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
    meta nfproto ipv6 fib saddr . mark . iif oif missing drop
  }
}
"""


def leaf_file(directory: Path, endpoint: str = "192.0.2.2") -> Path:
    mesh = directory / "mesh.yaml"
    mesh.write_text(MESH.replace("ENDPOINT", endpoint))
    compile_file(mesh)
    return directory / "build" / "leaf" / "wg0.conf"


def test_the_file_has_no_route_that_a_host_without_ipv6_fails_at(tmp_path: Path) -> None:
    text = leaf_file(tmp_path).read_text()
    assert "AllowedIPs = 0.0.0.0/0\n" in text
    assert "::/0" not in text


def test_meshc_up_knows_the_lines_and_runs_none_of_them(tmp_path: Path) -> None:
    path = leaf_file(tmp_path)
    file = read(path)
    assert file.firewall.holds_ipv6
    assert file.hooks(file.conf.pre_up + file.conf.post_up + file.conf.post_down) == ()
    path.write_text(path.read_text().replace("ip -6 rule add", "ip -4 rule add", 1))
    changed_file = read(path)
    assert not changed_file.firewall.holds_ipv6
    assert changed_file.hooks(changed_file.conf.post_up) == changed_file.conf.post_up


def test_every_line_that_takes_away_may_find_nothing() -> None:
    hooks = ipv6_hold_hooks(7)
    assert all(line.endswith("|| true") for line in hooks.pre_up + hooks.post_down)


@pytest.fixture
def world() -> Iterator[tuple[Namespace, Namespace]]:
    require("wireguard-go", "wg-quick", "ping", "iptables", "nft", "tcpdump")
    with namespaces("leaf", "exit") as (leaf, exit_):
        connect(leaf, exit_, left_name="eth0", right_name="eth0")
        leaf.shell(
            "ip addr add 192.0.2.1/24 dev eth0; ip addr add 2001:db8::1/64 dev eth0 nodad;"
            "ip route add default via 192.0.2.2; ip -6 route add default via 2001:db8::2;"
            "mkdir -p /etc/wireguard; mount -t tmpfs tmpfs /etc/wireguard"
        )
        exit_.shell(
            "ip addr add 192.0.2.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad;"
            "ip addr add 203.0.113.9/32 dev lo; ip addr add 2001:db8:9::9/128 dev lo nodad"
        )
        yield leaf, exit_


def up(world: tuple[Namespace, Namespace], runner: str, conf: Path) -> None:
    leaf, exit_ = world
    exit_.meshc("up", str(conf.parents[1] / "exit" / "wg0.conf"), "--engine", "wireguard-go")
    put_up(leaf, runner, conf.read_text())


def down(world: tuple[Namespace, Namespace], runner: str) -> None:
    leaf, exit_ = world
    leaf.shell(f"{QUICK} down wg0") if runner == "wg-quick" else leaf.meshc("down", "wg0")
    exit_.meshc("down", "wg0")


def in_clear_text(leaf: Namespace) -> str:
    """What leaves eth0 for the internet, but WireGuard's own."""

    def send() -> None:
        for target in ("203.0.113.9", "2001:db8:9::9"):
            leaf.run("ping", "-c", "2", "-i", "0.2", "-W", "0.3", target, check=False)
        leaf.run("ping", "-c", "1", "-W", "0.3", "-I", "2001:db8::1", "2001:db8:9::9", check=False)
        leaf.run("bash", "-c", "echo x > /dev/udp/2001:db8:9::9/53", check=False)
        leaf.run("bash", "-c", "echo x > /dev/tcp/2001:db8:9::9/443", check=False)

    return leaving(leaf, "net 203.0.113.0/24 or net 2001:db8:9::/48", send)


@pytest.mark.parametrize("runner", ["wg-quick", "meshc"])
@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_nothing_of_ipv6_leaves_and_its_endpoint_may_be_there(
    world: tuple[Namespace, Namespace], tmp_path: Path, runner: str
) -> None:
    """Behind a filter that asks for the way back to every sender."""
    leaf, _ = world
    leaf.run("nft", "-f", "-", input=STRICT)
    before = snapshot(leaf)
    leaf.shell("ping -c 1 -W 5 2001:db8:9::9")
    up(world, runner, leaf_file(tmp_path, "[2001:db8::2]"))
    leaf.shell("ping -c 1 -W 10 203.0.113.9")
    assert in_clear_text(leaf) == ""
    # a network that it is in stays
    leaf.shell("ping -c 1 -W 5 2001:db8::2")
    assert "differ" not in leaf.meshc("status", "wg0", check=False).stdout
    leaf.shell("ip -6 rule del not fwmark 51820 table 51820")
    if runner == "meshc":
        wait_until(lambda: "lookup 51820" in leaf.shell("ip -6 rule"), what="the rule")
        freeze_agent(leaf)
        leaf.shell("ip -6 rule del not fwmark 51820 table 51820")
    assert "2001:db8:9::9" in in_clear_text(leaf), "the measurement must be able to fail"
    assert "rule" in leaf.meshc("status", "wg0", check=False).stdout
    down(world, runner)
    assert changed(before, snapshot(leaf)).keys() <= {"run", "sysctl"}
    assert "51820" not in leaf.shell("ip -6 rule; ip -6 route show table all")


@pytest.mark.parametrize("runner", ["wg-quick", "meshc"])
@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_where_ipv6_is_off_it_comes_up_and_holds_when_it_is_switched_on(
    world: tuple[Namespace, Namespace], tmp_path: Path, runner: str
) -> None:
    leaf, _ = world
    leaf.shell(OFF)
    up(world, runner, leaf_file(tmp_path))
    leaf.shell("ping -c 1 -W 10 203.0.113.9")
    leaf.shell(
        f"{OFF[:-1]}0; ip addr add 2001:db8::1/64 dev eth0 nodad;"
        "ip -6 route add default via 2001:db8::2"
    )
    assert in_clear_text(leaf) == ""
    down(world, runner)
    leaf.shell("ping -c 1 -W 5 2001:db8:9::9")
