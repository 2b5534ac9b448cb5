"""The files for systemd-networkd."""

from __future__ import annotations

import pytest

from meshc.render.outputs.networkd import networkd
from meshc.render.outputs.tunnel import OutputRefusedError, Tunnel
from meshc.topology.proof.output_readers.networkd_files import read_networkd
from tests.support.tunnels import tunnel


def texts(of: Tunnel) -> dict[str, str]:
    return {file.name: file.text.reveal() for file in networkd(of)}


def test_keys_stand_in_the_netdev_alone() -> None:
    files = list(networkd(tunnel("hub")))
    assert [(file.name, file.secret) for file in files] == [
        ("wg0.netdev", True),
        ("wg0.network", False),
        ("wg0-hooks.sh", False),
        ("wg0-hooks.service", False),
    ]
    assert "0640 -g systemd-network" in files[0].purpose
    assert all("Key=" not in file.text.reveal() for file in files[1:])


def test_a_link_without_hooks_comes_up_by_itself() -> None:
    files = texts(tunnel("desk"))
    assert list(files) == ["wg0.netdev", "wg0.network"]
    assert "ActivationPolicy" not in files["wg0.network"]
    assert "FirewallMark" not in files["wg0.netdev"]


def test_routes_follow_the_table() -> None:
    """networkd makes none from AllowedIPs by itself."""
    reading = read_networkd(texts(tunnel("laptop")))
    assert {(table, str(prefix)) for table, prefix in reading.routes} == {
        ("own", "0.0.0.0/0"),
        ("own", "::/0"),
    }
    reading = read_networkd(texts(tunnel("laptop", table="77")))
    assert {table for table, _ in reading.routes} == {"77"}
    assert read_networkd(texts(tunnel("laptop", table="off"))).routes == frozenset()


def test_a_key_that_stays_on_the_node_is_read_from_its_file() -> None:
    files = texts(tunnel("desk", private_key_file="/etc/keys/own.key"))
    assert "PrivateKeyFile=/etc/keys/own.key\n" in files["wg0.netdev"]
    assert "PrivateKey=" not in files["wg0.netdev"]
    assert list(files) == ["wg0.netdev", "wg0.network"], "no hook fetches it"


def test_a_key_that_a_command_prints_is_refused() -> None:
    with pytest.raises(OutputRefusedError, match="from a file only") as refused:
        texts(tunnel("desk", private_key_command="pass wg"))
    assert "private_key_file" in refused.value.hint


def test_a_dash_is_escaped_in_the_name_of_a_device_unit() -> None:
    unit = texts(tunnel("hub", interface="wg-0"))["wg-0-hooks.service"]
    assert "BindsTo=sys-subsystem-net-devices-wg\\x2d0.device\n" in unit
    assert "ExecStart=/bin/bash /etc/systemd/network/wg-0-hooks.sh up\n" in unit
