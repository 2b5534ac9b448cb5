"""The state file: what is written down, and what is not believed."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from meshc.errors import NodeError, StateError
from meshc.node.change import Replaced, Reversed, from_record, kinds, to_record
from meshc.node.state_file import StateFile, new_record
from meshc.node.system.address import AddressAdd
from meshc.node.system.dns import DnsSet
from meshc.node.system.firewall import Chain, FirewallLoad, TableLoad
from meshc.node.system.interface import LinkAdd, LinkSet
from meshc.node.system.route import RouteAdd
from meshc.node.system.rule import RuleAdd
from meshc.node.system.sysctl import SysctlKept, SysctlSet

CHANGES = [
    LinkAdd("wg0", "auto"),
    AddressAdd("wg0", "10.44.0.1/24"),
    RouteAdd("wg0", "0.0.0.0/0", 51820),
    RuleAdd(4, 32765, 51820, fwmark=51820, inverted=True),
    SysctlSet("net/ipv4/ip_forward", "1", "0", (("net/ipv4/conf/all/forwarding", "0"),)),
    SysctlKept("net/ipv4/conf/all/send_redirects", "0", "1"),
    FirewallLoad(4, "iptables", (Chain("nat", "MESHC-NAT-wg0", "INPUT", ("-j X",)),), ("nat",)),
    TableLoad(6, "meshc-wg0", "  chain x {\n}\n"),
    DnsSet("wg0", ("10.0.0.1",), ("lan",), "file", "eA==", None, 0o600),
]


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = StateFile(tmp_path, "wg0")
    record = new_record("wg0", Path("/etc/wireguard/wg0.conf"), "laptop")
    record.intend(CHANGES)
    record.endpoints["key"] = "host:1"
    store.save(record)
    assert store.load() == record
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_only_what_needs_taking_back_is_recorded() -> None:
    record = new_record("wg0", Path("x"), "")
    record.intend([*CHANGES, LinkSet("wg0", 1420), *CHANGES])
    assert record.changes == CHANGES


def test_a_replaced_change_makes_room_for_the_new() -> None:
    record = new_record("wg0", Path("x"), "")
    old, new = SysctlSet("a", "1", "0"), SysctlSet("a", "2", "0")
    record.intend([old])
    plan = [Replaced(new, old)]
    record.intend(plan)
    assert record.changes == [old, new]
    record.settle(plan)
    assert record.changes == [new]
    record.settle([Reversed(new)])
    assert record.changes == []


def test_another_boot_or_namespace_is_not_ours(tmp_path: Path) -> None:
    store = StateFile(tmp_path, "wg0")
    record = new_record("wg0", Path("x"), "")
    record.boot = "before"
    store.save(record)
    assert store.load() is None
    record = new_record("wg0", Path("x"), "")
    record.namespace = "4:1"
    store.save(record)
    with pytest.raises(NodeError, match="another network namespace"):
        store.load()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 99}', '{"version": 1}'])
def test_a_damaged_file_is_an_error_not_a_crash(tmp_path: Path, text: str) -> None:
    store = StateFile(tmp_path, "wg0")
    store.path.write_text(text)
    with pytest.raises(StateError):
        store.load()


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "Nonsense"},
        {"kind": "LinkSet", "interface": "wg0", "mtu": 1},
        {"kind": "RouteAdd", "interface": "wg0"},
        {"kind": "RouteAdd", "interface": "wg0", "prefix": "x", "table": 1, "more": 2},
        {},
    ],
)
def test_an_unknown_change_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        from_record(record)


def test_every_recorded_kind_is_covered_here() -> None:
    from meshc.node.system.agent_process import AgentStart

    recorded = {name for name, kind in kinds().items() if kind.recorded}
    assert {type(c).__name__ for c in [*CHANGES, AgentStart("wg0")]} == recorded - {"Change"}
    for change in CHANGES:
        assert from_record(to_record(change)) == change


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with StateFile(tmp_path, "wg0").locked():
        with StateFile(tmp_path, "wg1").locked():
            assert (tmp_path / "wg1.lock").exists()
        with pytest.raises(NodeError, match="another meshc"), StateFile(tmp_path, "wg0").locked():
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_shared_setting_is_handed_over(tmp_path: Path) -> None:
    """The first interface found 0 and set 1, the second found 1: 0 must come back at the end."""
    key = "net/ipv6/conf/all/forwarding"
    first, second = (new_record(name, Path("x"), "") for name in ("wg0", "wg1"))
    first.intend([SysctlSet(key, "1", "0")])
    second.intend([SysctlSet(key, "1", "1")])
    stores = StateFile(tmp_path, "wg0"), StateFile(tmp_path, "wg1")
    for store, record in zip(stores, (first, second), strict=True):
        store.save(record)
    assert stores[0].hand_over(first.changes[0])
    stores[0].remove()
    heir = stores[1].load()
    assert heir is not None
    assert heir.changes == [SysctlSet(key, "1", "0")]
    assert not stores[1].hand_over(heir.changes[0])


def test_stacked_resolv_conf_is_handed_over(tmp_path: Path) -> None:
    first = DnsSet("wg0", ("10.0.0.1",), (), "file", "b3JpZ2luYWw=")
    second = DnsSet("wg1", ("10.0.0.2",), (), "file", first.encoded())
    assert first.heir(second) == DnsSet("wg1", ("10.0.0.2",), (), "file", "b3JpZ2luYWw=")
    assert second.heir(first) is None
