"""A kill switch measured: what leaves the leaf while its tunnel is gone, and what does not.

leaf 192.0.2.1 ---- 192.0.2.2 exit 203.0.113.9, which everything beyond the leaf's LAN goes to
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.keys import PrivateKey
from meshc.node.nodefile import read
from meshc.node.system.firewall import FirewallFacts, TableLoad
from meshc.prefixes import Prefix
from meshc.render.firewall.kill_switch import kill_chain, kill_switch_hooks
from tests.support import wgconf
from tests.support.frozen_agent import freeze_agent
from tests.support.hidden_tools import hide
from tests.support.leafhost import QUICK, leaving, put_up
from tests.support.machine_facts import machine
from tests.support.netns import Namespace, connect, namespaces, needs_root, require

LEAF, EXIT = PrivateKey.generate(), PrivateKey.generate()
POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
ACCIDENTS = {
    # of this namespace alone
    "engine killed": (
        "for p in $(pgrep -x wireguard-go --ns $$ --nslist net); do kill -9 $p; done; sleep 0.5"
    ),
    "interface deleted": "ip link del wg0",
    "rules of the routing flushed": (
        "ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default;"
        "ip -6 rule flush; ip -6 rule add pref 32766 lookup main"
    ),
    "firewall flushed": "nft flush ruleset; iptables -F; ip6tables -F",
}


def leaf_file(directory: Path, endpoint: str = "192.0.2.2:51820", *, nft: bool = False) -> Path:
    hooks = kill_switch_hooks(51820, POOLS, named=not endpoint[0].isdigit(), nft=nft)
    text = wgconf.interface(
        "Address = 10.44.0.2/32, fd44::2/128",
        "FwMark = 51820",
        *(f"PreUp = {line}" for line in hooks.pre_up),
        *(f"PostUp = {line}" for line in hooks.post_up),
        *(f"PostDown = {line}" for line in hooks.post_down),
        key=LEAF,
    )
    text += wgconf.peer(
        "AllowedIPs = 0.0.0.0/0, ::/0", f"Endpoint = {endpoint}", key=EXIT.public_key()
    )
    return wgconf.write(directory, "wg0", text)


@pytest.mark.parametrize("endpoint", ["192.0.2.2:51820", "vpn.example:51820"])
def test_meshc_up_knows_the_lines_and_runs_none_of_them(tmp_path: Path, endpoint: str) -> None:
    file = read(leaf_file(tmp_path, endpoint))
    assert file.hooks(file.conf.pre_up + file.conf.post_up + file.conf.post_down) == ()
    assert file.firewall.families == (), "it forwards nothing"
    loads = file.firewall.loads(machine())
    assert [(load.family, load.chains[0][1]) for load in loads] == [
        (4, "MESHC-KILL-wg0"),
        (6, "MESHC-KILL-wg0"),
    ]
    assert "-o wg0 -j RETURN" in loads[0].chains[0][3]
    no_ipv6 = machine(no_ipv6=True, firewall={4: FirewallFacts("iptables")})
    assert [load.family for load in file.firewall.loads(no_ipv6)] == [4]


@pytest.mark.parametrize("endpoint", ["192.0.2.2:51820", "vpn.example:51820"])
def test_with_nft_it_is_one_table_of_both_families(tmp_path: Path, endpoint: str) -> None:
    file = read(leaf_file(tmp_path, endpoint, nft=True))
    assert file.hooks(file.conf.pre_up + file.conf.post_up + file.conf.post_down) == ()
    (load,) = file.firewall.loads(machine(firewall={}))
    assert isinstance(load, TableLoad)
    assert load.name == "meshc-kill-wg0"
    assert "ip daddr 10.44.0.0/24 reject;\nip6 daddr fd44::/64 reject;\nip daddr { 10." in load.text
    with pytest.raises(NodeError, match="needs nft"):
        file.firewall.loads(machine(has_nft=False))


def test_a_line_that_was_changed_makes_hooks_of_them_all(tmp_path: Path) -> None:
    path = leaf_file(tmp_path)
    path.write_text(path.read_text().replace("-d 10.0.0.0/8 -j RETURN", "-d 0.0.0.0/0 -j RETURN"))
    file = read(path)
    assert file.firewall.kill_chains == {}
    assert file.hooks(file.conf.post_up) == file.conf.post_up


def test_a_start_lifts_what_is_left_only_to_look_up_a_name() -> None:
    route = "ip -4 route del"
    assert route not in "".join(kill_switch_hooks(7, POOLS, named=False).pre_up)
    assert route in "".join(kill_switch_hooks(7, POOLS, named=True).pre_up)


def test_addresses_of_the_network_are_no_neighbours() -> None:
    rules = kill_chain(4, 7, POOLS).rules
    assert rules.index("-d 10.44.0.0/24 -j REJECT") < rules.index("-d 10.0.0.0/8 -j RETURN")
    assert rules[-1] == "-j REJECT"


@pytest.fixture
def world() -> Iterator[tuple[Namespace, Namespace]]:
    require("wireguard-go", "wg-quick", "ping", "iptables", "nft", "tcpdump")
    with namespaces("leaf", "exit") as (leaf, exit_):
        connect(leaf, exit_, left_name="eth0", right_name="eth0")
        leaf.shell(
            "ip addr add 192.0.2.1/24 dev eth0; ip addr add 192.168.1.7/24 dev eth0;"
            "ip addr add 2001:db8::1/64 dev eth0; ip route add default via 192.0.2.2;"
            "ip -6 route add default via 2001:db8::2;"
            "mkdir -p /etc/wireguard; mount -t tmpfs tmpfs /etc/wireguard"
        )
        exit_.shell(
            "ip addr add 192.0.2.2/24 dev eth0; ip addr add 192.168.1.1/24 dev eth0;"
            "ip addr add 2001:db8::2/64 dev eth0; ip addr add 203.0.113.9/32 dev lo;"
            "ip addr add 2001:db8:9::9/128 dev lo"
        )
        text = wgconf.interface(
            "Address = 10.44.0.1/32, fd44::1/128", "ListenPort = 51820", key=EXIT
        )
        text += wgconf.peer("AllowedIPs = 10.44.0.2/32, fd44::2/128", key=LEAF.public_key())
        exit_.run("bash", "-c", "umask 077; mkdir /run/x; cat > /run/x/wg0.conf", input=text)
        exit_.meshc("up", "/run/x/wg0.conf", "--engine", "wireguard-go")
        yield leaf, exit_


def up(leaf: Namespace, runner: str, directory: Path, *, nft: bool = False) -> None:
    text = leaf_file(directory, nft=nft).read_text()
    put_up(leaf, runner, text)
    if runner == "meshc":
        freeze_agent(leaf)  # the guards alone are measured, and nobody who mends them


def in_clear_text(leaf: Namespace, accident: str) -> str:
    """What leaves eth0 for the internet after an accident, but WireGuard's own."""
    inner = "net 10.44.0.0/24 or net fd44::/64"

    def send() -> None:
        leaf.shell(accident)
        for target in ("203.0.113.9", "2001:db8:9::9", "10.44.0.1", "fd44::1"):
            leaf.run("ping", "-c", "2", "-i", "0.2", "-W", "0.3", target, check=False)
        leaf.run("bash", "-c", "echo x > /dev/udp/203.0.113.9/53", check=False)

    return leaving(leaf, f"net 203.0.113.0/24 or net 2001:db8:9::/48 or {inner}", send)


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("runner", ["wg-quick", "meshc"])
def test_no_accident_alone_lets_anything_out(
    world: tuple[Namespace, Namespace], tmp_path: Path, runner: str
) -> None:
    leaf, _ = world
    for name, accident in ACCIDENTS.items():
        up(leaf, runner, tmp_path)
        leaf.shell("ping -c 1 -W 10 203.0.113.9; ping -c 1 -W 10 2001:db8:9::9")
        assert in_clear_text(leaf, accident) == "", name
        # the place where it is stays in reach
        leaf.shell("ping -c 1 -W 5 192.168.1.1")
        if runner == "meshc":
            leaf.meshc("down", "wg0")
        else:
            leaf.shell(f"ip link show wg0 >/dev/null 2>&1 || {QUICK} up wg0; {QUICK} down wg0")
        left = leaf.shell("iptables-save; ip6tables-save; ip route show table all")
        assert "KILL" not in left
        assert "table 51820" not in left
    leaf.shell("ping -c 1 -W 5 203.0.113.9")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("runner", ["wg-quick", "meshc"])
@pytest.mark.parametrize("tool", ["nft", "iptables"])
def test_a_host_with_one_tool_alone_holds_back_as_well(
    world: tuple[Namespace, Namespace], tmp_path: Path, runner: str, tool: str
) -> None:
    leaf, _ = world
    hide(leaf, "iptables" if tool == "nft" else "nft")
    up(leaf, runner, tmp_path, nft=tool == "nft")
    leaf.shell("ping -c 1 -W 10 203.0.113.9; ping -c 1 -W 10 2001:db8:9::9")
    for name in ("rules of the routing flushed", "interface deleted"):
        assert in_clear_text(leaf, ACCIDENTS[name]) == "", name
    leaf.shell("ping -c 1 -W 5 192.168.1.1")
    if runner == "meshc":
        leaf.meshc("down", "wg0")
        leaf.meshc("up", "/etc/wireguard/wg0.conf", "--engine", "wireguard-go")
        freeze_agent(leaf)
        leaf.shell("nft flush ruleset" if tool == "nft" else "iptables -F MESHC-KILL-wg0")
        assert "kill" in leaf.meshc("status", "wg0", check=False).stdout.lower()
        leaf.meshc("reload", "/etc/wireguard/wg0.conf")
        assert "kill" not in leaf.meshc("status", "wg0", check=False).stdout.lower()
        leaf.meshc("down", "wg0")
    else:
        leaf.shell(f"{QUICK} up wg0; {QUICK} down wg0")
    rules = "nft list ruleset" if tool == "nft" else "iptables-save; ip6tables-save"
    assert "kill" not in leaf.shell(f"{rules}; ip route show table all").lower()
    leaf.shell("ping -c 1 -W 5 203.0.113.9")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_without_the_switch_it_leaks(world: tuple[Namespace, Namespace], tmp_path: Path) -> None:
    """So that the measurement above can fail."""
    leaf, _ = world
    text = leaf_file(tmp_path).read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("Pre", "Post")))
    leaf.run("bash", "-c", "umask 077; cat > /etc/wireguard/wg0.conf", input=text)
    leaf.shell(f"{QUICK} up wg0; ping -c 1 -W 10 203.0.113.9")
    seen = in_clear_text(leaf, "ip link del wg0")
    for address in ("203.0.113.9", "2001:db8:9::9"):
        assert address in seen
