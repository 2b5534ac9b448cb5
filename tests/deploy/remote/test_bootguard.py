"""The unit that the next boot finds; that boots do what it says is in tests/deploy."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.deploy.protocol import Directories
from meshc.deploy.remote import bootguard, units
from meshc.deploy.remote.managed_interface import ManagedInterface

TOKEN = "0123456789abcdef"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where units are, on a machine that systemd runs."""
    monkeypatch.setattr(units, "DIRECTORY", str(tmp_path / "system"))
    monkeypatch.setattr(units, "RUNS", str(tmp_path))
    (tmp_path / "system").mkdir()
    return tmp_path / "system"


def test_it_stands_before_whatever_brings_the_interface_up(directory: Path) -> None:
    bootguard.place(ManagedInterface("wg0", Directories()), TOKEN)
    unit = directory / "meshc-restore-wg0.service"
    link = directory / "sysinit.target.wants" / unit.name
    assert link.resolve() == unit
    text = unit.read_text()
    assert "Before=network-pre.target wg-quick@wg0.service meshc@wg0.service" in text
    assert 'RequiresMountsFor="/etc/wireguard" "/var/lib/meshc/deploy"' in text
    assert text.rstrip().endswith(
        f'"boot" "wg0" "/etc/wireguard" "/var/lib/meshc/deploy" "/opt/meshc" "{TOKEN}"'
    )
    assert unit.stat().st_mode & 0o777 == 0o644
    assert link.parent.stat().st_mode & 0o777 == 0o755


def test_placed_twice_and_removed_twice(directory: Path) -> None:
    node = ManagedInterface("wg0", Directories())
    for _ in range(2):
        bootguard.place(node, TOKEN)
    for _ in range(2):
        bootguard.remove(node)
    assert [path.name for path in directory.rglob("*")] == ["sysinit.target.wants"]


def test_without_systemd_there_is_none(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "RUNS", "/nonexistent")
    node = ManagedInterface("wg0", Directories())
    bootguard.place(node, TOKEN)
    bootguard.remove(node)
    assert list(directory.iterdir()) == []
