"""An own port that a foreign INPUT would drop is open, and closed again afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.keys import PrivateKey
from meshc.node.nodefile import read
from meshc.render.firewall.open_port import open_port_hooks
from tests.support import wgconf
from tests.support.hidden_tools import hide
from tests.support.machine_facts import machine
from tests.support.netns import Namespace, connect, namespaces, needs_root, require

HUB, LEAF = PrivateKey.generate(), PrivateKey.generate()


def hub_file(directory: Path, *, opened: bool = True, nft: bool = False) -> Path:
    hooks = open_port_hooks(51820, nft=nft)
    lines = [
        *(f"PreUp = {line}" for line in hooks.pre_up),
        *(f"PostUp = {line}" for line in hooks.post_up),
        *(f"PostDown = {line}" for line in hooks.post_down),
    ]
    head = wgconf.interface(
        "Address = 10.44.0.1/32", "ListenPort = 51820", *(lines if opened else ()), key=HUB
    )
    peer = wgconf.peer("AllowedIPs = 10.44.0.2/32", key=LEAF.public_key())
    return wgconf.write(directory, "wg0", head + peer)


def test_meshc_up_knows_the_lines(tmp_path: Path) -> None:
    file = read(hub_file(tmp_path))
    assert file.hooks(file.conf.pre_up + file.conf.post_up + file.conf.post_down) == ()
    loads = file.firewall.loads(machine())
    assert [load.chains[0][1:] for load in loads] == [
        ("MESHC-PORT-wg0", "INPUT", ("! -i wg0 -p udp -m udp --dport 51820 -j ACCEPT",))
    ] * 2
    assert file.firewall.switches(machine()) == (), "it forwards nothing"


def test_another_port_is_a_hook_of_somebody(tmp_path: Path) -> None:
    path = hub_file(tmp_path)
    path.write_text(path.read_text().replace("--dport 51820", "--dport 22"))
    file = read(path)
    assert not file.firewall.opens
    assert file.hooks(file.conf.post_up) == file.conf.post_up


@pytest.fixture
def world() -> Iterator[tuple[Namespace, Namespace]]:
    require("wireguard-go", "wg-quick", "iptables", "ping")
    with namespaces("hub", "leaf") as (hub, leaf):
        connect(hub, leaf, left_name="eth0", right_name="eth0")
        hub.shell(
            "ip addr add 192.0.2.1/24 dev eth0; iptables -P INPUT DROP; ip6tables -P INPUT DROP;"
            "iptables -A INPUT -i wg0 -j ACCEPT"
        )
        leaf.shell("ip addr add 192.0.2.2/24 dev eth0")
        yield hub, leaf


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("runner", ["meshc", "wg-quick"])
def test_a_leaf_gets_through(
    world: tuple[Namespace, Namespace], tmp_path: Path, runner: str
) -> None:
    hub, leaf = world
    text = wgconf.interface("Address = 10.44.0.2/32", key=LEAF) + wgconf.peer(
        "AllowedIPs = 10.44.0.1/32", "Endpoint = 192.0.2.1:51820", key=HUB.public_key()
    )
    leaf.meshc("up", str(wgconf.write(tmp_path / "l", "wg0", text)), "--engine", "wireguard-go")
    closed, opened = (hub_file(tmp_path / str(one), opened=one) for one in (False, True))
    hub.meshc("up", str(closed), "--engine", "wireguard-go")
    assert leaf.run("ping", "-c", "2", "-W", "1", "10.44.0.1", check=False).returncode
    hub.meshc("down", "wg0")
    before = hub.shell("iptables-save; ip6tables-save").count("-A ")
    if runner == "meshc":
        assert "dropped" not in hub.meshc("up", str(opened), "--engine", "wireguard-go").stderr
    else:
        hub.shell(f"WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up {opened}")
    leaf.shell("ping -c 1 -W 15 10.44.0.1 || ping -c 1 -W 15 10.44.0.1")
    if runner == "meshc":
        hub.meshc("down", "wg0")
    else:
        hub.shell(f"wg-quick down {opened}")
    assert hub.shell("iptables-save; ip6tables-save").count("-A ") == before


def rules(hub: Namespace, tool: str) -> list[str]:
    text = hub.shell("nft list ruleset" if tool == "nft" else "iptables-save")
    return [line for line in text.splitlines() if line[:1] not in ("#", ":", "*")]


FOREIGN = """
table inet filter {
  chain input { type filter hook input priority 0; policy drop; iifname "wg0" accept; }
  chain other { accept; }
}
table ip old { chain in { type filter hook input priority 1; policy drop; iifname "wg0" accept; }; }
table inet meshc-wg7 { chain input { type filter hook input priority 0; iifname "wg7" drop; }; }
table bridge b { chain input { type filter hook input priority 0; }; }
table ip nat { chain input { type nat hook input priority 100; }; }
"""


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("tool", ["nft", "iptables"])
def test_a_leaf_gets_through_where_there_is_one_tool_alone(tmp_path: Path, tool: str) -> None:
    require("wireguard-go", "wg-quick", "iptables", "nft", "ping", "awk")
    text = wgconf.interface("Address = 10.44.0.2/32", key=LEAF) + wgconf.peer(
        "AllowedIPs = 10.44.0.1/32", "Endpoint = 192.0.2.1:51820", key=HUB.public_key()
    )
    with namespaces("hub", "leaf") as (hub, leaf):
        connect(hub, leaf, left_name="eth0", right_name="eth0")
        hub.shell("ip addr add 192.0.2.1/24 dev eth0")
        leaf.shell("ip addr add 192.0.2.2/24 dev eth0")
        if tool == "nft":
            hub.run("nft", "-f", "-", input=FOREIGN)
        else:
            hub.shell("iptables -P INPUT DROP; iptables -A INPUT -i wg0 -j ACCEPT")
        hide(hub, "iptables" if tool == "nft" else "nft")
        before = rules(hub, tool)
        quick = "WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick"
        leaf.meshc("up", str(wgconf.write(tmp_path / "l", "wg0", text)), "--engine", "wireguard-go")
        closed, opened = (
            hub_file(tmp_path / str(one), opened=one, nft=tool == "nft") for one in (False, True)
        )
        hub.shell(f"{quick} up {closed}")
        assert leaf.run("ping", "-c", "2", "-W", "1", "10.44.0.1", check=False).returncode
        hub.shell(f"wg-quick down {closed}")
        for runner in ("wg-quick", "meshc"):
            if runner == "meshc":
                hub.meshc("up", str(opened), "--engine", "wireguard-go")
            else:
                hub.shell(f"{quick} up {opened}")
            if tool == "nft":
                shown = hub.shell("nft list ruleset")
                assert shown.count("udp dport 51820 accept") == 2, shown
            leaf.shell("for n in $(seq 90); do ! ping -c 1 -W 1 10.44.0.1 || exit 0; done; exit 1")
            hub.meshc("down", "wg0") if runner == "meshc" else hub.shell(f"wg-quick down {opened}")
            assert rules(hub, tool) == before
