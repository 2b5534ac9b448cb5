"""Facts in, changes out: what `up` and `reload` decide, without a machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from meshc.node.change import Change, Replaced, Reversed
from meshc.node.changeset import changes
from meshc.node.desired import desire
from meshc.node.fact_set import FactSet
from meshc.node.nodefile import InterfaceFile
from meshc.node.system.firewall import FirewallFacts
from meshc.node.system_values import LinkFact, RouteFact
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.wg.conf import parse
from meshc.wg.device_values import DeviceState, PeerState
from meshc.wg.endpoint import Endpoint
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.machine_facts import machine

PEER = wgconf.PEER_KEY.public_key()


def node_file(interface: str, peer: str = "") -> InterfaceFile:
    text = wgconf.interface(*interface.split("; "))
    if peer:
        text += wgconf.peer(*peer.split("; "))
    return InterfaceFile(Path("/etc/wireguard/wg0.conf"), "wg0", parse(text))


def plan(
    file: InterfaceFile, facts: FactSet, recorded: Sequence[Change] = (), *, own: bool = False
) -> tuple[Change, ...]:
    applied = {str(p.public_key): str(p.endpoint) for p in file.conf.peers if p.endpoint}
    state = desire(file, facts, applied=applied if own else {}, own=own)
    key = file.conf.private_key
    return changes(state, facts, private_key=key, engine="auto", recorded=recorded)


def words(found: Sequence[Change]) -> list[str]:
    return [change.describe().split("\n")[0] for change in found]


FRESH = [
    pytest.param(
        "Address = 10.44.0.1/24",
        "AllowedIPs = 10.44.0.2/32; Endpoint = 192.0.2.7:51820",
        [
            "create wg0 (auto)",
            "set private key on wg0",
            f"add peer {PEER[:8]}…: endpoint 192.0.2.7:51820; allowed ips 10.44.0.2/32",
            "address 10.44.0.1/24 on wg0",
            "set wg0 up with MTU 1420",
        ],
        id="a-covered-prefix-needs-no-route",
    ),
    pytest.param(
        "Address = 10.44.0.1/32; ListenPort = 51820; MTU = 1300",
        "AllowedIPs = 10.44.0.0/24; PersistentKeepalive = 25",
        [
            "create wg0 (auto)",
            "set private key, listen port 51820 on wg0",
            f"add peer {PEER[:8]}…: keepalive 25; allowed ips 10.44.0.0/24",
            "address 10.44.0.1/32 on wg0",
            "set wg0 up with MTU 1300",
            "route 10.44.0.0/24 into wg0",
        ],
        id="a-host-address-covers-nothing",
    ),
    pytest.param(
        "Address = fd44::1/64; DNS = fd44::53, lan",
        "AllowedIPs = 0.0.0.0/0, ::/0; Endpoint = 192.0.2.7:51820",
        [
            "create wg0 (auto)",
            "set private key, fwmark 51820 on wg0",
            f"add peer {PEER[:8]}…: endpoint 192.0.2.7:51820; allowed ips 0.0.0.0/0, ::/0",
            "address fd44::1/64 on wg0",
            "set wg0 up with MTU 1420",
            "DNS fd44::53, search lan (by /etc/resolv.conf)",
            "nft: table ip meshc-wg0",
            "nft: table ip6 meshc-wg0",
            "route 0.0.0.0/0 into wg0 in table 51820",
            "route ::/0 into wg0 in table 51820",
            "IPv4 rule 32765: not fwmark 51820 table 51820",
            "IPv4 rule 32764: table main suppress_prefixlength 0",
            "IPv6 rule 32765: not fwmark 51820 table 51820",
            "IPv6 rule 32764: table main suppress_prefixlength 0",
            "sysctl net/ipv4/conf/all/src_valid_mark = 1 (was 0)",
        ],
        id="default-routes",
    ),
    pytest.param(
        "Address = 10.44.0.1/24; Table = off",
        "AllowedIPs = 0.0.0.0/0; Endpoint = vpn.example:51820",
        [
            "create wg0 (auto)",
            "set private key on wg0",
            f"add peer {PEER[:8]}…: endpoint 198.51.100.7:51820; allowed ips 0.0.0.0/0",
            "address 10.44.0.1/24 on wg0",
            "set wg0 up with MTU 1412",
        ],
        id="table-off-and-a-host-name",
    ),
]


@pytest.mark.parametrize(("interface", "peer", "expected"), FRESH)
def test_what_up_does(interface: str, peer: str, expected: list[str]) -> None:
    found = words(plan(node_file(interface, peer), machine()))
    assert found == [*expected, "look after wg0 in the background"]


def test_a_busy_table_is_left_alone() -> None:
    busy = (*machine().routes, RouteFact(Prefix.parse("10.9.0.0/16"), 51820, "eth0"))
    found = words(plan(node_file("", "AllowedIPs = 0.0.0.0/0"), machine(routes=busy)))
    assert "route 0.0.0.0/0 into wg0 in table 51821" in found
    assert "set private key, fwmark 51821 on wg0" in found


def test_without_nft_the_guard_is_iptables() -> None:
    found = plan(
        node_file("Address = 10.4.0.1/24", "AllowedIPs = 0.0.0.0/0"), machine(has_nft=False)
    )
    (load,) = [change for change in found if "iptables" in change.describe()]
    assert "MESHC-RAW-wg0: ! -i wg0 -d 10.4.0.1/32 -m addrtype" in load.describe()


def test_without_a_firewall_there_is_no_guard() -> None:
    bare = machine(has_nft=False, firewall={4: FirewallFacts()})
    found = words(plan(node_file("", "AllowedIPs = 0.0.0.0/0"), bare))
    assert not [line for line in found if "nft" in line or "tables:" in line]
    assert "route 0.0.0.0/0 into wg0 in table 51820" in found


def after(facts: FactSet, done: Sequence[Change], file: InterfaceFile) -> FactSet:
    """The machine once the changes were made, as far as these tests need it."""
    from meshc.node.system.address import AddressAdd
    from meshc.node.system.interface import LinkSet
    from meshc.node.system.route import RouteAdd
    from meshc.node.system.rule import RuleAdd
    from meshc.node.system.sysctl import SysctlSet
    from meshc.node.system.wireguard import DeviceSet, PeerSet

    state = desire(file, facts)
    mtu = next(change.mtu for change in done if isinstance(change, LinkSet))
    device = DeviceState(file.conf.private_key, 40000, state.fwmark)
    for change in done:
        if isinstance(change, DeviceSet) and change.listen_port is not None:
            device = dataclasses.replace(device, listen_port=change.listen_port)
    peers = tuple(
        PeerState(
            change.update.public_key,
            change.update.preshared_key,
            change.update.endpoint,
            change.update.allowed_ips,
            change.update.keepalive or 0,
        )
        for change in done
        if isinstance(change, PeerSet)
    )
    return dataclasses.replace(
        facts,
        link=LinkFact("wg0", 9, "tun", mtu, True),
        device=dataclasses.replace(device, peers=peers),
        addresses=tuple(
            InterfaceAddress.parse(c.address) for c in done if isinstance(c, AddressAdd)
        ),
        routes=(
            *facts.routes,
            *(
                RouteFact(Prefix.parse(c.prefix), c.table, "wg0")
                for c in done
                if isinstance(c, RouteAdd)
            ),
        ),
        rules=(*facts.rules, *(c.rule for c in done if isinstance(c, RuleAdd))),
        sysctls={
            **facts.sysctls,
            **{c.key: c.value for c in done if isinstance(c, SysctlSet)},
        },
        nft_tables=frozenset({"table ip meshc-wg0", "table ip6 meshc-wg0"}),
        agent=True,
        dns=dataclasses.replace(facts.dns, manager="resolvconf"),
    )


@pytest.mark.parametrize(("interface", "peer", "expected"), FRESH)
def test_done_once_nothing_is_left_to_do(interface: str, peer: str, expected: list[str]) -> None:
    file = node_file(interface, peer)
    before = dataclasses.replace(
        machine(), dns=dataclasses.replace(machine().dns, manager="resolvconf")
    )
    done = plan(file, before)
    assert len(done) == len(expected) + 1
    recorded = [change for change in done if change.recorded]
    assert plan(file, after(before, done, file), recorded, own=True) == ()


def reloaded(
    old: InterfaceFile, new: InterfaceFile, facts: FactSet | None = None
) -> tuple[Change, ...]:
    start = facts or machine()
    done = plan(old, start)
    recorded = [change for change in done if change.recorded]
    return plan(new, after(start, done, old), recorded, own=True)


PLAIN = node_file("Address = 10.44.0.1/32", "AllowedIPs = 10.44.0.2/32, 10.50.0.0/16")
RELOADS = [
    pytest.param(
        node_file("Address = 10.44.0.1/32", "AllowedIPs = 10.44.0.2/32"),
        [
            f"change peer {PEER[:8]}…: allowed ips 10.44.0.2/32",
            "take back: route 10.50.0.0/16 into wg0",
        ],
        id="a-prefix-goes",
    ),
    pytest.param(
        node_file("Address = 10.44.0.1/32", "AllowedIPs = 10.44.0.2/32, 10.50.0.0/16, fd00::/8"),
        [f"change peer {PEER[:8]}…: and also fd00::/8", "route fd00::/8 into wg0"],
        id="a-prefix-comes-without-replacing-the-list",
    ),
    pytest.param(
        node_file("Address = 10.44.0.9/32; MTU = 1280", "AllowedIPs = 10.44.0.2/32, 10.50.0.0/16"),
        [
            "address 10.44.0.9/32 on wg0",
            "set wg0 up with MTU 1280 (was 1420)",
            "take back: address 10.44.0.1/32 on wg0",
        ],
        id="another-address-and-mtu",
    ),
    pytest.param(
        node_file("Address = 10.44.0.1/32"),
        [
            "take back: route 10.44.0.2/32 into wg0",
            "take back: route 10.50.0.0/16 into wg0",
            f"remove peer {PEER[:8]}…",
        ],
        id="a-peer-goes-last",
    ),
    pytest.param(
        node_file(
            "Address = 10.44.0.1/32",
            "AllowedIPs = 10.44.0.2/32, 10.50.0.0/16; PersistentKeepalive = 25",
        ),
        [f"change peer {PEER[:8]}…: keepalive 25"],
        id="only-a-keepalive",
    ),
]


@pytest.mark.parametrize(("new", "expected"), RELOADS)
def test_what_reload_does(new: InterfaceFile, expected: list[str]) -> None:
    found = [line for line in words(reloaded(PLAIN, new))]
    assert sorted(found) == sorted(expected)
    assert found[-1] == expected[-1]


PLACES = (
    "Address = 10.44.0.1/24",
    "Address = 10.44.0.1/24; Table = off",
    "Address = 10.44.0.1/24; FwMark = 7",
)


@pytest.mark.parametrize("old", PLACES)
@pytest.mark.parametrize("new", PLACES[:2])
@pytest.mark.parametrize("allowed", ["10.50.0.0/16", "0.0.0.0/0, ::/0"])
def test_at_no_step_do_the_own_packets_of_wireguard_go_into_the_tunnel(
    old: str, new: str, allowed: str
) -> None:
    """They did for as long as a rule `not fwmark M` stood without the mark M: they were lost."""
    from meshc.node.system.rule import RuleAdd
    from meshc.node.system.wireguard import DeviceSet

    first = node_file(old, "AllowedIPs = 0.0.0.0/0, ::/0")
    start = machine()
    done = plan(first, start)
    between = after(start, done, first)
    recorded = [change for change in done if change.recorded]
    again = plan(node_file(new, f"AllowedIPs = {allowed}"), between, recorded, own=True)
    mark, rules = 0, set[int]()
    for change in (*done, *again):
        if isinstance(change, DeviceSet) and change.fwmark is not None:
            mark = change.fwmark
        if isinstance(change, RuleAdd) and change.inverted:
            rules.add(change.fwmark or 0)
        if isinstance(change, Reversed) and isinstance(change.change, RuleAdd):
            rules.discard(change.change.fwmark or 0)
        assert rules <= {mark} or old.endswith("7"), change.describe()
    if allowed == "10.50.0.0/16" and not old.endswith("7"):
        assert (mark, rules) == (0, set())


def test_a_learned_endpoint_is_not_overwritten() -> None:
    file = node_file("", "AllowedIPs = 10.44.0.2/32; Endpoint = 192.0.2.7:51820")
    done = plan(file, machine())
    facts = after(machine(), done, file)
    assert facts.device is not None
    (peer,) = facts.device.peers
    roamed = peer._replace(endpoint=Endpoint("203.0.113.9", 1))
    facts = dataclasses.replace(facts, device=dataclasses.replace(facts.device, peers=(roamed,)))
    recorded = [change for change in done if change.recorded]
    assert plan(file, facts, recorded, own=True) == ()
    # a file that names another endpoint than before means it
    moved = node_file("", "AllowedIPs = 10.44.0.2/32; Endpoint = 198.51.100.7:51820")
    facts = dataclasses.replace(facts, resolved={"198.51.100.7": "198.51.100.7"})
    state = desire(moved, facts, applied={str(PEER): "192.0.2.7:51820"}, own=True)
    (change, *_) = changes(
        state, facts, private_key=file.conf.private_key, engine="auto", recorded=recorded
    )
    assert "endpoint 198.51.100.7:51820" in change.describe()


RELAY = Forwarding(
    (4, 6),
    (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64")),
    relay=True,
    lans=(Prefix.parse("192.168.1.0/24"),),
    exit=True,
)


def forwarding_file(forwarding: Forwarding) -> InterfaceFile:
    text = wgconf.interface("Address = 10.44.0.1/32", *forwarding_lines(forwarding))
    return InterfaceFile(Path("/etc/wireguard/wg0.conf"), "wg0", parse(text))


def test_a_relay_that_becomes_a_leaf_gives_everything_back() -> None:
    relay = forwarding_file(RELAY)
    leaf = node_file("Address = 10.44.0.1/32")
    found = reloaded(relay, leaf)
    taken = [change.change for change in found if isinstance(change, Reversed)]
    recorded = [c for c in plan(relay, machine()) if c.recorded]
    assert set(taken) == {
        c for c in recorded if type(c).__name__ in ("FirewallLoad", "ForwardingOn")
    }


def test_changed_rules_replace_the_old_in_one_step() -> None:
    relay = forwarding_file(RELAY)
    less = dataclasses.replace(RELAY, exit=False)
    found = reloaded(relay, forwarding_file(less))
    replaced = [change for change in found if isinstance(change, Replaced)]
    assert [change.change.slot for change in replaced] == [change.old.slot for change in replaced]
    assert len(replaced) == 2
    # what the first load found is what the last one puts back
    assert [c.change.made for c in replaced] == [c.old.made for c in replaced]  # type: ignore[attr-defined]
