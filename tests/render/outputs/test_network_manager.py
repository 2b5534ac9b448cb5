"""The keyfile for NetworkManager."""

from __future__ import annotations

from typing import Any

import pytest

from meshc.render.outputs.network_manager import network_manager
from meshc.render.outputs.tunnel import OutputRefusedError, Tunnel
from meshc.topology.proof.output_readers.keyfile import read_keyfile
from tests.support.tunnels import tunnel


def text(of: Tunnel) -> str:
    (file,) = network_manager(of)
    assert file.secret
    assert "install -m 0600" in file.purpose
    return file.text.reveal()


def test_the_user_of_an_exit() -> None:
    reading = read_keyfile({"wg0.nmconnection": text(tunnel("laptop"))})
    assert (reading.faults, reading.unknown) == ((), ())
    assert {table for table, _ in reading.routes} == {"own"}
    assert reading.conf.dns == ("10.44.0.1", "1.1.1.1")
    assert reading.exclusive


def test_two_builds_are_one_connection() -> None:
    """Its UUID follows from the names."""
    first, second = text(tunnel("laptop")), text(tunnel("laptop", fwmark=7))
    assert first.split("\n")[2] == second.split("\n")[2] != text(tunnel("desk")).split("\n")[2]


def test_a_table_of_its_own() -> None:
    written = text(tunnel("laptop", table="77"))
    assert written.count("route-table=77\n") == 2
    assert "auto-default-route=1" not in written
    assert "peer-routes=false" in text(tunnel("laptop", table="off"))


def test_a_key_that_is_made_elsewhere_is_asked_for() -> None:
    written = text(tunnel("desk"))
    assert "private-key=" in written
    assert "private-key-flags" not in written


@pytest.mark.parametrize(
    ("name", "keys", "why"),
    [
        ("hub", {}, "a relay needs rules"),
        ("laptop", {"kill_switch": True}, "a kill switch is made of rules"),
        ("desk", {"private_key_file": "/k"}, "`private_key_file` is read by one"),
        ("desk", {"private_key_command": "pass"}, "`private_key_command` is one"),
        ("desk", {"post_up": ("echo",)}, "its wg-quick file has some"),
    ],
)
def test_a_node_with_hooks_is_refused(name: str, keys: dict[str, Any], why: str) -> None:
    with pytest.raises(OutputRefusedError, match=why):
        text(tunnel(name, **keys))
