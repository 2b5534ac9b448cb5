"""Kernel settings: put back unless somebody else wants them otherwise by now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshc.errors import NodeError
from meshc.node.system import sysctl
from meshc.node.system.sysctl import AcceptRa, SysctlKept, SysctlSet, read_all

MACHINE: Any = None


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stands for /proc/sys."""
    for key in ("net/a/forwarding", "net/eth0.100/forwarding", "net/other"):
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_text("0\n")
    monkeypatch.setattr(sysctl, "ROOT", tmp_path)
    return tmp_path


def test_set_and_put_back(tree: Path) -> None:
    change = SysctlSet("net/eth0.100/forwarding", "1", "0", (("net/a/forwarding", "0"),))
    change.apply(MACHINE)
    assert (tree / "net/eth0.100/forwarding").read_text() == "1"
    (tree / "net/a/forwarding").write_text("1")
    change.reverse(MACHINE)
    assert (tree / "net/eth0.100/forwarding").read_text() == "0"
    assert (tree / "net/a/forwarding").read_text() == "0"


def test_what_somebody_else_changed_stays(tree: Path) -> None:
    change = SysctlSet("net/other", "1", "0")
    change.apply(MACHINE)
    (tree / "net/other").write_text("2")
    change.reverse(MACHINE)
    assert (tree / "net/other").read_text() == "2"


def test_settings_of_an_interface_that_has_gone(tree: Path) -> None:
    change = SysctlSet("net/a/forwarding", "1", "0", (("net/eth9/forwarding", "1"),))
    (tree / "net/a/forwarding").unlink()
    change.reverse(MACHINE)
    assert not (tree / "net/eth9").exists()
    with pytest.raises(NodeError, match="could not set net/eth9/x to 1"):
        SysctlSet("net/eth9/x", "1", "0").apply(MACHINE)


def test_reading_by_pattern(tree: Path) -> None:
    assert read_all(("net/*/forwarding", "net/absent")) == {
        "net/a/forwarding": "0",
        "net/eth0.100/forwarding": "0",
    }


def test_what_the_kernel_changes_by_itself_is_put_back(tree: Path) -> None:
    kept = SysctlKept("net/other", "0", "1")
    (tree / "net/other").write_text("1")
    kept.apply(MACHINE)
    assert (tree / "net/other").read_text() == "1"
    (tree / "net/other").write_text("0")
    kept.reverse(MACHINE)
    assert (tree / "net/other").read_text() == "1"


def test_router_advertisements_stay_believed_and_then_are_as_before(tree: Path) -> None:
    keys = ("net/ipv6/conf/eth0/accept_ra", "net/ipv6/conf/eth1/accept_ra")
    for key in keys:
        (tree / key).parent.mkdir(parents=True)
        (tree / key).write_text("1")
    change = AcceptRa(keys)
    change.apply(MACHINE)
    assert [(tree / key).read_text() for key in keys] == ["2", "2"]
    (tree / keys[1]).write_text("0")
    change.reverse(MACHINE)
    assert [(tree / key).read_text() for key in keys] == ["1", "0"]


def test_the_second_interface_puts_back_what_the_first_one_found() -> None:
    first, second = AcceptRa(("net/ipv6/conf/eth0/accept_ra",)), AcceptRa(())
    assert first.heir(second) == first
