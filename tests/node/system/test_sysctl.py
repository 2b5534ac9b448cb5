"""Kernel settings: put back unless somebody else wants them otherwise by now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meshc.errors import NodeError
from meshc.node.system import sysctl
from meshc.node.system.sysctl import SysctlKept, SysctlSet, read_all

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
    change = SysctlSet("net/eth0.100/forwarding", "1", "0")
    change.apply(MACHINE)
    assert (tree / "net/eth0.100/forwarding").read_text() == "1"
    change.reverse(MACHINE)
    assert (tree / "net/eth0.100/forwarding").read_text() == "0"


def test_what_somebody_else_changed_stays(tree: Path) -> None:
    change = SysctlSet("net/other", "1", "0")
    change.apply(MACHINE)
    (tree / "net/other").write_text("2")
    change.reverse(MACHINE)
    assert (tree / "net/other").read_text() == "2"


def test_settings_of_an_interface_that_has_gone(tree: Path) -> None:
    (tree / "net/a/forwarding").unlink()
    SysctlSet("net/a/forwarding", "1", "0").reverse(MACHINE)
    assert not (tree / "net/a/forwarding").exists()
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


def test_a_value_that_is_there_is_not_written(tree: Path) -> None:
    """In a container /proc/sys may be read-only, with all values right."""
    key = tree / "net/other"
    key.write_text("1")
    key.unlink()
    key.symlink_to("/proc/sys/kernel/ostype")  # nobody can write there
    SysctlSet("net/other", "Linux", "Linux").apply(MACHINE)
    with pytest.raises(NodeError, match="could not set net/other to 2"):
        SysctlSet("net/other", "2", "Linux").apply(MACHINE)


@pytest.mark.parametrize("order", ["first goes first", "second goes first"])
def test_what_was_there_before_both_is_put_back_in_any_order(tree: Path, order: str) -> None:
    """`second` found the setting as it wants it, because of `first`."""
    first, second = SysctlSet("net/other", "1", "0"), SysctlSet("net/other", "1", "1")
    goes, stays = (first, second) if order == "first goes first" else (second, first)
    first.apply(MACHINE)
    heir = goes.heir(stays)
    assert heir == SysctlSet("net/other", "1", "0")
    heir.reverse(MACHINE)
    assert (tree / "net/other").read_text().strip() == "0"
