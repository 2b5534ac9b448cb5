"""The state file: what is written down, and what is not believed."""

from __future__ import annotations

import stat
import threading
import time
from pathlib import Path

import pytest

from meshc.errors import NodeError, StateError
from meshc.node.change import Replaced, Reversed
from meshc.node.state_file import StateFile, new_record
from meshc.node.system.dns import DnsSet
from meshc.node.system.interface import LinkSet
from meshc.node.system.sysctl import SysctlSet
from tests.support.recorded_changes import CHANGES


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
    assert record.changes == [*CHANGES]


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


def test_one_command_at_a_time(tmp_path: Path) -> None:
    with StateFile(tmp_path, "wg0").locked():
        with StateFile(tmp_path, "wg1").locked():
            assert (tmp_path / "wg1.lock").exists()
        again = StateFile(tmp_path, "wg0").locked(patience=0.2)
        with pytest.raises(NodeError, match="another meshc"), again:
            pass
    assert list(tmp_path.iterdir()) == []


def test_who_comes_second_waits(tmp_path: Path) -> None:
    ours = threading.Event()
    order = []

    def first() -> None:
        with StateFile(tmp_path, "wg0").locked():
            ours.set()
            time.sleep(0.5)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    assert ours.wait(10)
    with StateFile(tmp_path, "wg0").locked():
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
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
