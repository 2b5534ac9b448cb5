"""What `meshc up` does by itself is what the generated hooks do under a stock wg-quick.

Two equal namespaces, one file of a real build: the rules in the firewall must be the same.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from tests.support.netns import ROOT, Namespace, namespaces, needs_root, require, wait_until
from tests.support.snapshot import changed, snapshot

pytestmark = needs_root

WORLD = """
ip link add host0 type veth peer name host1
ip addr add 192.0.2.1/24 dev host0; ip addr add 2001:db8::1/64 dev host0 nodad
ip link set host0 up; ip link set host1 up
ip route add default via 192.0.2.254; ip -6 route add default via 2001:db8::ff
iptables -P FORWARD DROP; ip6tables -P FORWARD DROP
# iptables makes these on its first rule there and never takes them away
for chain in INPUT OUTPUT; do iptables -P $chain ACCEPT; ip6tables -P $chain ACCEPT; done
"""
LANS = {("every-key", "nas"): "192.168.1.10/24"}


@pytest.fixture
def twins() -> Iterator[tuple[Namespace, Namespace]]:
    require("wg-quick", "wireguard-go", "iptables", "ip6tables")
    with namespaces("stock", "ours") as (stock, ours):
        for one in (stock, ours):
            one.shell(WORLD)
        for one in (stock, ours):
            wait_until(lambda one=one: "tentative" not in one.shell("ip -6 addr"))
        yield stock, ours


@pytest.mark.parametrize(
    ("example", "node"), [("every-key", "hub"), ("every-key", "nas"), ("two-relays", "relay-eu")]
)
def test_the_same_rules_as_the_hooks(
    twins: tuple[Namespace, Namespace], tmp_path: Path, example: str, node: str
) -> None:
    stock, ours = twins
    place = tmp_path / "network"
    shutil.copytree(ROOT / "examples" / "topologies" / example, place)
    ours.meshc("build", str(place / "mesh.yaml"))
    build = place / "build"
    (conf,) = (build / node).glob("*.conf")
    # there is no name service in here; wg-quick would wait for one, and give up without resolvconf
    literal = re.sub(r"Endpoint = [a-z][^:]*:", "Endpoint = 192.0.2.7:", conf.read_text())
    conf.write_text(re.sub(r"(?m)^DNS = .*\n", "", literal))
    if (example, node) in LANS:
        for one in twins:
            one.shell(f"ip addr add {LANS[example, node]} dev host1")
    before, at_first = snapshot(ours), snapshot(stock)
    assert "MESHC-FWD" in conf.read_text()
    stock.run("wg-quick", "up", str(conf))
    said = ours.meshc("up", node, "--build", str(build), "--engine", "wireguard-go").stdout
    assert "PostUp: iptables" not in said
    for program in ("iptables-save", "ip6tables-save"):
        assert rules(ours, program) == rules(stock, program)
    for what in (
        "ip -4 route show table all",
        "ip -6 rule",
        "ip link show | grep -o 'mtu .*qdisc'",
    ):
        assert ours.shell(what) == stock.shell(what)
    names = ours.meshc("status", "--json", check=False).stdout
    assert f'"node": "{node}"' in names
    ours.meshc("down", node, "--build", str(build))
    stock.run("wg-quick", "down", str(conf))
    assert changed(before, snapshot(ours)) == {}
    # a directory of ours, and tables of iptables, stay with nothing in them
    empty = {"run", "iptables", "ip6tables", "nftables"}
    assert changed(at_first, snapshot(stock)).keys() <= empty
    assert "MESHC" not in stock.shell("iptables-save; ip6tables-save; nft list ruleset")
    assert stock.shell("ls /run/meshc") == ""


def rules(one: Namespace, program: str) -> list[str]:
    """Those in our chains and the jumps to them, in order."""
    lines = one.run(program).stdout.splitlines()
    return [line for line in lines if "MESHC" in line and not line.startswith(":")]


NO_IPV6 = """\
meshc: 1
network: {name: no6, addresses: [10.8.0.0/24]}
nodes:
  vps: {endpoint: 192.0.2.7, exit_node: true}
  box: {exit: vps, underlay: [ipv4]EXCEPT}
"""


def test_an_exit_user_where_ipv6_is_off(tmp_path: Path) -> None:
    """wg-quick gives up at `::/0`, so that the file of a network without IPv6 has none; what
    `exit_except: ["::/0"]` has besides is that nothing holds it back."""
    require("wg-quick", "wireguard-go")
    mesh = tmp_path / "mesh.yaml"
    conf = tmp_path / "build" / "box" / "wg0.conf"
    quick = "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick"
    with namespaces("box") as (box,):
        box.shell(
            "ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up;"
            "ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.7;"
            "sysctl -qw net.ipv6.conf.all.disable_ipv6=1"
        )
        for text in ("", ', exit_except: ["::/0"]'):
            mesh.write_text(NO_IPV6.replace("EXCEPT", text))
            compile_file(mesh)
            box.shell(f"{quick} up {conf}")
            assert "dev wg0" in box.shell("ip route get 1.1.1.1")
            assert box.run("ip", "-6", "route", "get", "2606:4700::1", check=False).returncode
            box.shell(f"wg-quick down {conf}")
            said = box.meshc("up", str(conf), "--engine", "wireguard-go").stderr
            assert "left out" not in said
            assert "dev wg0" in box.shell("ip route get 1.1.1.1")
            box.meshc("down", str(conf))
        theirs = conf.read_text().replace("0.0.0.0/0", "0.0.0.0/0, ::/0")
        conf.write_text(theirs)
        assert box.run("bash", "-c", f"{quick} up {conf}", check=False).returncode
        said = box.meshc("up", str(conf), "--engine", "wireguard-go").stderr
        assert "left out: the route ::/0" in said
        box.meshc("down", str(conf))


READ_ONLY = """\
meshc: 1
network: {name: ct, addresses: [10.8.0.0/24, "fd08::/64"]}
nodes:
  hub: {role: relay, endpoint: 192.0.2.7, underlay: [ipv4, ipv6], exit_node: true}
  box: {exit: hub}
  leaf: {}
"""


@pytest.mark.parametrize("runner", ["wg-quick", "meshc"])
def test_a_container_whose_settings_are_read_only_and_right(tmp_path: Path, runner: str) -> None:
    """Neither our lines nor `up` write what is there already. wg-quick itself does, for a default
    route: an exit user comes up under `meshc up` only."""
    require("wg-quick", "wireguard-go", "iptables")
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(READ_ONLY)
    compile_file(mesh)
    quick = "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick"
    with namespaces("container") as (container,):
        container.shell(
            "ip link add eth0 type veth peer name far0; ip link set eth0 up; ip link set far0 up;"
            "ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.254;"
            "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
            " net.ipv4.conf.all.src_valid_mark=1;"
            "mount --bind /proc/sys /proc/sys; mount -o remount,ro,bind /proc/sys"
        )
        assert container.run("sysctl", "-w", "net.ipv4.ip_forward=0", check=False).returncode
        for name in ("hub", "leaf", *(("box",) if runner == "meshc" else ())):
            conf = tmp_path / "build" / name / "wg0.conf"
            if runner == "meshc":
                container.meshc("up", str(conf), "--engine", "wireguard-go")
            else:
                container.shell(f"{quick} up {conf}")
            assert "10.8.0." in container.shell("ip -4 addr show dev wg0")
            if runner == "meshc":
                container.meshc("down", str(conf))
            else:
                container.shell(f"wg-quick down {conf}")
            assert container.shell("cat /proc/sys/net/ipv4/ip_forward").strip() == "1"
            assert "MESHC" not in container.shell("iptables-save; ip6tables-save")
        if runner == "wg-quick":
            box = tmp_path / "build" / "box" / "wg0.conf"
            done = container.run("bash", "-c", f"{quick} up {box}", check=False)
            assert done.returncode
            assert 'denied on key "net.ipv4.conf.all.src_valid_mark"' in done.stderr
