"""Name servers by each of the three ways, and the way back."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meshc.node import dns
from meshc.node.dns import FILE, RESOLVCONF, RESOLVED, DnsSet, read_facts
from tests.support import wgconf
from tests.support.netns import Namespace, namespaces, needs_root, require

OLD = b"nameserver 192.0.2.53\noptions edns0\n"


class NoLink:
    netlink = SimpleNamespace(link=lambda name: None)

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def resolv_conf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "resolv.conf"
    path.write_bytes(OLD)
    path.chmod(0o640)
    monkeypatch.setattr(dns, "RESOLV_CONF", path)
    monkeypatch.setenv("PATH", "/nonexistent")
    return path


def change() -> DnsSet:
    found = read_facts()
    return DnsSet(
        "wg0", ("10.0.0.53",), ("lan",), found.manager, found.content, found.link, found.mode
    )


def test_the_file_is_written_and_put_back(resolv_conf: Path) -> None:
    machine: Any = NoLink()
    one = change()
    assert one.manager == FILE
    one.apply(machine)
    lines = resolv_conf.read_text().splitlines()
    assert lines[1:] == ["nameserver 10.0.0.53", "search lan", "options edns0"]
    one.reverse(machine)
    assert resolv_conf.read_bytes() == OLD
    assert resolv_conf.stat().st_mode & 0o777 == 0o640
    one.reverse(machine)
    assert resolv_conf.read_bytes() == OLD
    assert list(resolv_conf.parent.iterdir()) == [resolv_conf]


def test_a_symbolic_link_is_put_back_and_its_target_untouched(resolv_conf: Path) -> None:
    machine: Any = NoLink()
    target = resolv_conf.with_name("stub.conf")
    resolv_conf.rename(target)
    resolv_conf.symlink_to("stub.conf")
    one = change()
    one.apply(machine)
    assert not resolv_conf.is_symlink()
    assert target.read_bytes() == OLD
    one.reverse(machine)
    assert resolv_conf.readlink() == Path("stub.conf")
    assert target.read_bytes() == OLD


def test_a_missing_file_is_missing_again(resolv_conf: Path) -> None:
    machine: Any = NoLink()
    resolv_conf.unlink()
    one = change()
    one.apply(machine)
    assert b"10.0.0.53" in resolv_conf.read_bytes()
    one.reverse(machine)
    assert not resolv_conf.exists()


def test_what_somebody_else_wrote_meanwhile_stays(resolv_conf: Path) -> None:
    machine: Any = NoLink()
    one = change()
    one.apply(machine)
    resolv_conf.write_bytes(b"nameserver 203.0.113.1\n")
    one.reverse(machine)
    assert resolv_conf.read_bytes() == b"nameserver 203.0.113.1\n"
    assert "somebody else" in machine.notes[0]


def test_reversing_what_never_happened_changes_nothing(resolv_conf: Path) -> None:
    machine: Any = NoLink()
    change().reverse(machine)
    assert resolv_conf.read_bytes() == OLD
    assert machine.notes == []


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand-ins for resolvectl and resolvconf that write down how they were called."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in ("resolvectl", "resolvconf"):
        path = directory / name
        log = f"{tmp_path}/log"
        call = f'echo "{name} $*" >> {log}'
        path.write_text(f"#!/bin/sh\n{call}\n[ $1 != -a ] || cat >> {log}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    monkeypatch.setattr(dns, "_RESOLVED_RUNS", tmp_path / "absent")
    monkeypatch.setattr(dns, "_ORDER", tmp_path / "order")
    return tmp_path / "log"


def test_resolvconf_is_asked_as_wg_quick_asks(programs: Path, tmp_path: Path) -> None:
    machine: Any = NoLink()
    assert read_facts().manager == RESOLVCONF
    one = change()
    one.apply(machine)
    (tmp_path / "order").write_text("lo\ntun*\neth*\n")
    one.reverse(machine)
    assert programs.read_text().splitlines() == [
        "resolvconf -a wg0 -m 0 -x",
        "nameserver 10.0.0.53",
        "search lan",
        "resolvconf -d tun.wg0 -f",
    ]


def test_resolved_is_told_and_reverted(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "absent").mkdir()
    assert read_facts().manager == RESOLVED
    machine: Any = NoLink()
    one = change()
    one.apply(machine)
    one.reverse(machine)
    machine.netlink = SimpleNamespace(link=lambda name: object())
    one.reverse(machine)
    assert programs.read_text().splitlines() == [
        "resolvectl dns -- wg0 10.0.0.53",
        "resolvectl domain -- wg0 ~. lan",
        "resolvectl default-route wg0 yes",
        "resolvectl revert wg0",
    ]


def test_search_domains_of_a_hostile_file_stay_arguments(programs: Path) -> None:
    machine: Any = NoLink()
    evil = "x; touch /tmp/evil $(id)"
    DnsSet("wg0", ("10.0.0.53",), (evil, "--help"), RESOLVED).apply(machine)
    assert f"resolvectl domain -- wg0 ~. {evil} --help" in programs.read_text()


def test_the_original_is_kept_whatever_its_bytes() -> None:
    raw = bytes(range(256))
    one = DnsSet("wg0", ("10.0.0.53",), (), FILE, base64.b64encode(raw).decode())
    assert b"nameserver 10.0.0.53" in one.text()


@pytest.fixture
def box() -> Iterator[Namespace]:
    require("wireguard-go")
    with namespaces("box") as (one,):
        yield one


@pytest.mark.root
@needs_root[1]
@needs_root[2]
def test_a_mounted_file_is_written_in_place(box: Namespace, tmp_path: Path) -> None:
    """In a container /etc/resolv.conf is a mount; so it is in these namespaces."""
    path = wgconf.write(tmp_path / "c", "wg0", wgconf.interface("DNS = 10.44.0.53"))
    before = box.shell("cat /etc/resolv.conf; grep -c resolv.conf /proc/mounts")
    box.meshc("up", str(path), "--engine", "wireguard-go")
    assert "nameserver 10.44.0.53" in box.shell("cat /etc/resolv.conf")
    box.meshc("down", "wg0")
    assert box.shell("cat /etc/resolv.conf; grep -c resolv.conf /proc/mounts") == before
    assert ".meshc" not in box.shell("ls -A /etc")
