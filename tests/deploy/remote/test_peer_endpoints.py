"""Where peers were is kept over a restart, and sessions are begun from here."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from meshc.deploy.protocol import Directories
from meshc.deploy.remote import peer_endpoints
from meshc.deploy.remote.managed_interface import ManagedInterface
from meshc.deploy.remote.peer_endpoints import LastSeen, save, saved, set_again

HEAD = "private\tpublic\t51820\toff\n"
NOW = 1_700_000_000


class FakeWg:
    """`wg`, which shows what `peers` was given and writes down what it is told."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.interface = ManagedInterface("wg9", Directories(str(home), str(home / "s"), str(home)))
        program = home / "wg"
        program.write_text(
            f"#!/bin/sh\ncase $1 in show) cat {home}/dump;; showconf) cat {home}/conf;;\n"
            f'addconf) cat "$3" >> {home}/said;; *) echo "$*" >> {home}/said;; esac\n'
        )
        program.chmod(0o755)

    def peers(self, *lines: str) -> None:
        """KEY ENDPOINT HANDSHAKE KEEPALIVE of each."""
        found, conf = [], "[Interface]\nPrivateKey = x\n"
        for line in lines:
            key, endpoint, handshake, keepalive = line.split()
            conf += f"\n[Peer]\nPublicKey = {key}\nPresharedKey = psk\nAllowedIPs = 10.0.0.2/32\n"
            conf += "" if keepalive == "off" else f"PersistentKeepalive = {keepalive}\n"
            found.append(f"{key}\tpsk\t{endpoint}\t10.0.0.2/32\t{handshake}\t1\t2\t{keepalive}\n")
        (self.home / "dump").write_text(HEAD + "".join(found))
        (self.home / "conf").write_text(conf)

    def said(self) -> list[str]:
        path = self.home / "said"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def wg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWg:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(peer_endpoints, "time", SimpleNamespace(time=lambda: NOW + 1.0))
    return FakeWg(tmp_path)


def test_a_peer_without_an_address_gets_the_one_it_had_and_a_session(wg: FakeWg) -> None:
    """It is made anew: what was sent to it without an address keeps sessions from being begun."""
    wg.peers(f"one 192.0.2.1:4000 {NOW} off", f"two [2001:db8::2]:5000 {NOW} 25")
    save(wg.interface)
    wg.peers("one (none) 0 off", "two (none) 0 25")
    set_again(wg.interface)
    assert wg.said() == [
        "set wg9 peer one remove peer two remove",
        *("[Peer]", "PublicKey = one", "PresharedKey = psk", "AllowedIPs = 10.0.0.2/32"),
        "Endpoint = 192.0.2.1:4000",
        *("[Peer]", "PublicKey = two", "PresharedKey = psk", "AllowedIPs = 10.0.0.2/32"),
        "Endpoint = [2001:db8::2]:5000",
        "set wg9 peer one endpoint 192.0.2.1:4000 persistent-keepalive off"
        " peer two endpoint [2001:db8::2]:5000 persistent-keepalive off",
        "set wg9 peer one persistent-keepalive 25 peer two persistent-keepalive 25",
        "set wg9 peer one persistent-keepalive off",
    ]


def test_the_address_that_a_file_names_stays(wg: FakeWg) -> None:
    """Also where the peer had roamed; the session is begun all the same."""
    wg.peers(f"one 192.0.2.1:4000 {NOW} 25")
    save(wg.interface)
    wg.peers("one 192.0.2.9:51820 0 25")
    set_again(wg.interface)
    assert not any("endpoint" in line for line in wg.said())
    assert wg.said()[-1] == "set wg9 peer one persistent-keepalive 25"


def test_a_session_that_was_over_is_not_begun(wg: FakeWg) -> None:
    wg.peers(f"one 192.0.2.1:4000 {NOW - 1000} off")
    save(wg.interface)
    wg.peers("one (none) 0 off")
    set_again(wg.interface)
    assert wg.said() == ["set wg9 peer one endpoint 192.0.2.1:4000"]


def test_a_peer_that_is_back_by_itself_is_left_alone(wg: FakeWg) -> None:
    wg.peers(f"one 192.0.2.1:4000 {NOW} off")
    save(wg.interface)
    wg.peers(f"one 192.0.2.1:4001 {NOW} off")
    set_again(wg.interface)
    assert wg.said() == []


def test_two_restarts_in_a_row_lose_nothing_and_a_removed_peer_is_forgotten(wg: FakeWg) -> None:
    wg.peers("one 192.0.2.1:4000 7 off", "two 192.0.2.2:4000 8 off", "gone 192.0.2.3:4 9 off")
    save(wg.interface)
    wg.peers("one (none) 0 off", "two 192.0.2.2:5000 10 off")
    save(wg.interface)
    kept = {"one": LastSeen("192.0.2.1:4000", 7), "two": LastSeen("192.0.2.2:5000", 10)}
    assert saved(wg.interface) == kept
    (wg.home / "dump").write_text("")  # an engine that has ended
    save(wg.interface)
    assert saved(wg.interface) == kept


def test_a_damaged_file_says_nothing(wg: FakeWg) -> None:
    wg.interface.make_home()
    (wg.home / "s" / "wg9" / "endpoints").write_bytes(b"\xff\x00\none\t1\none\tx\ty\n")
    assert saved(wg.interface) == {}
    set_again(wg.interface)


def test_thousands_of_peers_fit_on_command_lines(
    wg: FakeWg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_endpoints, "_PART", 2)
    lines = [f"k{number} 192.0.2.1:{4000 + number} {NOW - 1000} off" for number in range(5)]
    wg.peers(*lines)
    save(wg.interface)
    wg.peers(*(f"k{number} (none) 0 off" for number in range(5)))
    set_again(wg.interface)
    assert [line.count("peer") for line in wg.said()] == [2, 2, 1]
    assert all(line.startswith("set wg9 peer k") for line in wg.said())
