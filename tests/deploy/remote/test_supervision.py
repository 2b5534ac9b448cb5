"""The interface as `wg` tells it, and how it is changed; that it starts and stops on real machines
is in tests/deploy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshc.deploy.protocol import Directories, RunningInterface, RunningPeer, Supervisor
from meshc.deploy.remote import units
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.supervision import is_up, running, sync

DUMP = (
    "private\tpublic\t51820\toff\n"
    "one\t(none)\t198.51.100.1:51820\tfd00::2/128,10.0.0.2/32\t1700000000\t1\t2\t25\n"
    "two\t(none)\t(none)\t(none)\t0\t0\t0\toff\n"
)


@pytest.fixture
def interface(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ManagedInterface:
    """One that is up on every machine, and programs that write down what they are told."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(units, "RUNS", "/nonexistent")
    (tmp_path / "dump").write_text(DUMP)
    says = {
        "wg": 'case "$1 $3" in "show dump") cat "$here/dump";; "show private-key") echo live;; '
        '"show fwmark") echo 0xca6c;; '
        '"syncconf "*) cat "$3" >> "$here/said";; esac',
        "wg-quick": 'printf "[Interface]\\nListenPort = 7\\n[Peer]\\n"',
        "ip": 'echo "ip $*" >> "$here/said"',
    }
    for name, script in says.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\nhere={tmp_path}\n{script}\n")
        program.chmod(0o755)
    return ManagedInterface("lo", Directories(str(tmp_path), str(tmp_path), str(tmp_path)))


def test_an_interface_that_is_not_there_is_down() -> None:
    there = ManagedInterface("wgx9", Directories())
    assert not is_up(there)
    assert running(there) == RunningInterface()


def test_what_runs_is_told_with_its_peers_and_without_its_key(interface: ManagedInterface) -> None:
    found = running(interface)
    assert found == RunningInterface(
        up=True,
        supervisor=Supervisor.WG_QUICK,
        public_key="public",
        port=51820,
        peers={
            "one": RunningPeer(("10.0.0.2/32", "fd00::2/128"), 1_700_000_000),
            "two": RunningPeer((), 0),
        },
    )
    assert "private" not in str(found)


def test_a_sync_keeps_the_key_and_the_mark_that_the_file_does_not_name(
    interface: ManagedInterface, tmp_path: Path
) -> None:
    """`wg syncconf` would take them away: without its mark, an interface with a default route is
    sent its own packets. Routes that go are deleted before others come."""
    sync(interface, ["10.0.0.3/32"], ["fd00::9/128"])
    assert (tmp_path / "said").read_text() == (
        "[Interface]\nFwMark = 0xca6c\nPrivateKey = live\nListenPort = 7\n[Peer]\n"
        "ip -6 route delete fd00::9/128 dev lo\n"
        "ip -4 route replace 10.0.0.3/32 dev lo\n"
    )
