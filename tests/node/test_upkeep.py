"""What others break is put back: by the loop that `up` starts, with nobody acting.

leaf 192.0.2.1 ---- 192.0.2.2 exit 203.0.113.1 ---- 203.0.113.9 web
                              exit 198.51.100.1 ---- 198.51.100.9 web (a second uplink)
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.agent.watch import INTERVAL
from meshc.keys import PrivateKey
from meshc.node.change import Change, Replaced
from meshc.node.fact_set import FactSet
from meshc.node.nodefile import InterfaceFile, read
from meshc.node.system import processes
from meshc.node.system.firewall import Chain, FirewallFacts, FirewallLoad
from meshc.node.system.route import RouteAdd, RouteAside
from meshc.node.system.rule import RuleAdd
from meshc.node.system_values import MAIN_TABLE, LinkFact, PolicyRule, RouteFact
from meshc.node.upkeep import flushed, moved_uplink, own_lans
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.netns import Namespace, connect, namespaces, needs_root, require, wait_until

LEAF, EXIT = PrivateKey.generate(), PrivateKey.generate()
POOLS = (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64"))
FORWARDING = Forwarding((4,), POOLS[:1], relay=True, exit=True, users=POOLS[:1])
LINK = LinkFact("wg0", 7, "tun", 1420, True)


def test_what_was_flushed_is_what_was_recorded_and_is_gone() -> None:
    """Under another priority a rule is the same rule; what was never ours is not missed."""
    rule = RuleAdd(4, 32765, 51820, fwmark=51820, inverted=True)
    route = RouteAdd("wg0", "0.0.0.0/0", 51820)
    kept = FactSet(
        "wg0",
        LINK,
        routes=(RouteFact(Prefix(4, 0, 0), 51820, "wg0"),),
        rules=(PolicyRule(4, 100, 51820, fwmark=51820, inverted=True),),
    )
    assert flushed((rule, route), kept) == ()
    assert flushed((rule, route), FactSet("wg0", LINK)) == (rule, route)
    assert flushed((), FactSet("wg0", LINK)) == ()


def relay_file(directory: Path, *lines: str) -> InterfaceFile:
    text = wgconf.interface("Address = 10.44.0.1/32", *(lines or forwarding_lines(FORWARDING)))
    return read(wgconf.write(directory, "wg0", text))


def facts_with(device: str | None, file: InterfaceFile) -> FactSet:
    routes = (RouteFact(Prefix(4, 0, 0), MAIN_TABLE, device),) if device else ()
    return FactSet("wg0", LINK, routes=routes, firewall={4: FirewallFacts("iptables")})


def test_rules_follow_the_uplink(tmp_path: Path) -> None:
    file = relay_file(tmp_path)
    (old,) = file.firewall.loads(facts_with("eth1", file))
    assert list(moved_uplink((old,), file, facts_with("eth1", file))) == []
    (moved,) = moved_uplink((old,), file, facts_with("ppp0", file))
    rules = str(moved.change)
    assert "-o ppp0" in rules
    assert "eth1" not in rules
    # a default route that is gone comes back, or another does: until then nothing changes
    assert list(moved_uplink((old,), file, facts_with(None, file))) == []


def test_a_file_that_changed_is_for_reload_to_apply(tmp_path: Path) -> None:
    """The loop puts back what ran; it puts no new rule to work."""
    file = relay_file(tmp_path)
    (load,) = file.firewall.loads(facts_with("eth1", file))
    first = Chain(*load.chains[0])
    fewer = first._replace(rules=first.rules[1:])
    old = FirewallLoad(4, "iptables", (fewer, *load.chains[1:]))
    assert list(moved_uplink((old,), file, facts_with("ppp0", file))) == []


@pytest.fixture
def world() -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    require("wireguard-go", "ping", "iptables", "nft", "tcpdump")
    with namespaces("leaf", "exit", "web") as (leaf, exit_, web):
        connect(leaf, exit_, left_name="eth0", right_name="eth0")
        connect(exit_, web, left_name="eth1", right_name="eth0")
        connect(exit_, web, left_name="eth2", right_name="eth1")
        leaf.shell("ip addr add 192.0.2.1/24 dev eth0; ip route add default via 192.0.2.2")
        exit_.shell(
            "ip addr add 192.0.2.2/24 dev eth0; ip addr add 203.0.113.1/24 dev eth1;"
            "ip addr add 198.51.100.1/24 dev eth2; ip route add default via 203.0.113.9;"
            "iptables -P FORWARD DROP"
        )
        web.shell(
            "ip addr add 203.0.113.9/24 dev eth0; ip addr add 198.51.100.9/24 dev eth1;"
            "ip addr add 198.18.0.1/32 dev lo"
        )
        yield leaf, exit_, web


def bring_up(leaf: Namespace, exit_: Namespace, directory: Path, engine: str) -> None:
    path = wgconf.write(
        directory / "exit",
        "wg0",
        wgconf.interface(
            "Address = 10.44.0.1/32",
            "ListenPort = 51820",
            *forwarding_lines(FORWARDING),
            key=EXIT,
        )
        + wgconf.peer("AllowedIPs = 10.44.0.2/32", key=LEAF.public_key()),
    )
    exit_.meshc("up", str(path), "--engine", engine)
    path = wgconf.write(
        directory / "leaf",
        "wg0",
        wgconf.interface("Address = 10.44.0.2/32", key=LEAF)
        + wgconf.peer(
            "AllowedIPs = 0.0.0.0/0",
            "Endpoint = 192.0.2.2:51820",
            "PersistentKeepalive = 1",
            key=EXIT.public_key(),
        ),
    )
    leaf.meshc("up", str(path), "--engine", engine)
    leaf.shell("ping -c 1 -W 10 198.18.0.1")


def arrives(leaf: Namespace) -> bool:
    return leaf.run("ping", "-c", "1", "-W", "1", "198.18.0.1", check=False).returncode == 0


def engine_of(box: Namespace) -> int:
    token = json.loads(box.shell("cat /run/meshc/wg0.json"))["token"]
    (pid,) = processes.find(token)
    return pid


def seconds_until(condition: object, patience: float) -> float:
    begun = time.monotonic()
    wait_until(condition, patience=patience)  # type: ignore[arg-type]
    return time.monotonic() - begun


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize("engine", ["bundled", "wireguard-go"])
def test_an_engine_that_was_killed_is_back_within_ten_seconds(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path, engine: str
) -> None:
    """And all that went with its interface: addresses, routes, peers."""
    leaf, exit_, _ = world
    bring_up(leaf, exit_, tmp_path, engine)
    for box in (leaf, exit_):
        os.kill(engine_of(box), signal.SIGKILL)
    assert seconds_until(lambda: arrives(leaf), 30) < 10
    for box in (leaf, exit_):
        status = json.loads(box.meshc("status", "--json", check=False).stdout)["interfaces"][0]
        assert (status["up"], status["drift"], status["problems"]) == (True, [], [])
        box.meshc("down", "wg0")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
@pytest.mark.parametrize(
    "flush",
    [
        # what systemd-networkd does to rules that it does not know, when it restarts
        "ip rule flush; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default",
        "nft flush ruleset",
        "ip route flush table 51820",
    ],
)
def test_what_others_flush_is_put_back(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path, flush: str
) -> None:
    leaf, exit_, _ = world
    bring_up(leaf, exit_, tmp_path, "wireguard-go")
    before = leaf.shell("ip rule; ip route show table 51820; nft list ruleset")
    leaf.shell(flush)
    assert leaf.shell("ip rule; ip route show table 51820; nft list ruleset") != before
    wait_until(
        lambda: leaf.shell("ip rule; ip route show table 51820; nft list ruleset") == before,
        patience=10,
    )
    leaf.meshc("down", "wg0")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_an_exit_follows_its_uplink_and_what_flushed_its_rules(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path
) -> None:
    leaf, exit_, _ = world
    bring_up(leaf, exit_, tmp_path, "wireguard-go")
    exit_.shell("ip route replace default via 198.51.100.9 dev eth2")
    assert seconds_until(lambda: arrives(leaf), 40) < 30
    assert "-o eth2 -j MASQUERADE" in exit_.shell("iptables -t nat -S")
    exit_.shell("iptables-save -t nat | grep -v MESHC | iptables-restore; iptables -F FORWARD")
    assert not arrives(leaf) or "MESHC" in exit_.shell("iptables -S FORWARD")
    assert seconds_until(lambda: arrives(leaf), 40) < 30
    exit_.meshc("down", "wg0")
    assert "MESHC" not in exit_.shell("iptables-save")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_an_interface_that_was_moved_away_is_let_go(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path
) -> None:
    """Its engine runs: somebody wanted it elsewhere, and a second one would fight the first."""
    leaf, exit_, web = world
    bring_up(leaf, exit_, tmp_path, "bundled")
    before = engine_of(leaf)
    leaf.shell(f"ip link set wg0 netns {web.pid}")
    time.sleep(5)
    assert engine_of(leaf) == before
    assert "wg0" not in leaf.shell("ip link")
    leaf.meshc("down", "wg0", check=False)


HOME = RouteFact(Prefix.parse("192.168.1.0/24"), MAIN_TABLE, "wlan0", 600, connected=True)
INTO = RouteAdd("wg0", "192.168.1.0/24", MAIN_TABLE)
ASIDE = RouteAside("wg0", "192.168.1.0/24", MAIN_TABLE, "wlan0")


@pytest.mark.parametrize(
    ("recorded", "routes", "expected"),
    [
        (INTO, (HOME,), [Replaced(ASIDE, INTO)]),
        (ASIDE, (), [Replaced(INTO, ASIDE)]),
        (INTO, (), []),
        (ASIDE, (HOME,), []),
        # somebody's own route to that network is a wish of theirs, and no place where we are
        (INTO, (HOME._replace(connected=False),), []),
    ],
)
def test_a_route_goes_while_the_machine_is_in_that_network(
    recorded: Change, routes: tuple[RouteFact, ...], expected: list[Replaced]
) -> None:
    facts = FactSet("wg0", LINK, routes=routes)
    assert list(own_lans((recorded,), facts)) == expected
    assert HOME not in routes or flushed((recorded,), facts) == ()


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_laptop_comes_into_a_lan_like_one_of_the_mesh_and_leaves_it(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path
) -> None:
    """Its gateway and printers stay where they are; the mesh's LAN is back when it goes."""
    leaf, _, _ = world
    text = wgconf.interface("Address = 10.44.0.2/32", key=LEAF) + wgconf.peer(
        "AllowedIPs = 10.44.0.1/32, 192.168.1.0/24",
        "Endpoint = 192.0.2.2:51820",
        key=EXIT.public_key(),
    )
    path = wgconf.write(tmp_path / "leaf", "wg0", text)
    leaf.shell("ip addr add 192.168.1.7/24 dev eth0")
    assert (
        "no route 192.168.1.0/24 into wg0: eth0 is in that network"
        in leaf.meshc("up", str(path), "--engine", "wireguard-go").stdout
    )
    assert "wg0" not in leaf.shell("ip route get 192.168.1.1")
    assert leaf.meshc("status").returncode == 0
    leaf.shell("ip addr del 192.168.1.7/24 dev eth0")
    wait_until(lambda: "dev wg0" in leaf.shell("ip route get 192.168.1.1"), patience=10)
    leaf.shell("ip addr add 192.168.1.7/24 dev eth0 metric 600")
    wait_until(lambda: "dev eth0" in leaf.shell("ip route get 192.168.1.1"), patience=10)
    assert leaf.meshc("status").returncode == 0
    leaf.meshc("down", "wg0")
    assert "192.168.1.0/24 dev eth0" in leaf.shell("ip route")


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_relay_whose_engine_was_killed_begins_with_its_idle_leaves(
    world: tuple[Namespace, Namespace, Namespace], tmp_path: Path
) -> None:
    """They send keepalives only, which make no session; it remembers where they were. (Without
    that they are back after two minutes.)"""
    leaf, exit_, _ = world
    bring_up(leaf, exit_, tmp_path, "wireguard-go")
    shown = "wg show wg0 latest-handshakes"
    wait_until(lambda: "\t0\n" not in exit_.shell(shown))
    leaf.shell(f"wg set wg0 peer {EXIT.public_key()} persistent-keepalive off")
    time.sleep(INTERVAL + 3)
    os.kill(engine_of(exit_), signal.SIGKILL)
    wait_until(lambda: "wg0" not in exit_.shell("ip -br link"), patience=5)
    wait_until(lambda: "\t0\n" not in exit_.shell(f"{shown} || printf '\\t0\\n'"), patience=45)
