"""The inferred network as text: YAML that means the same, whatever the strings hold."""

from __future__ import annotations

from typing import Any

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.importer.inference import infer
from meshc.topology.importer.peer_comments import with_comments
from meshc.topology.importer.topology_text import document
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.wg.conf import parse
from tests.support.wire import private_key

HEAD = f"[Interface]\nPrivateKey = {private_key('hub').reveal()}\nAddress = 10.44.0.1/32\n"


def written(text: str, name: str = "demo") -> str:
    imported = infer([parse(HEAD + text, file="hub.conf")], Diagnostics())
    assert imported is not None
    return document(imported, name=name)


def read(text: str) -> Any:
    """As the language reads it."""
    source = parse_source(text, "f", Diagnostics())
    assert source is not None
    return source.data


def test_what_the_file_sets_is_kept() -> None:
    text = written("ListenPort = 1234\nMTU = 1300\nTable = off\nFwMark = 7\nDNS = 1.1.1.1\n")
    assert read(text)["network"]["mtu"] == 1300
    hub = read(text)["nodes"]["hub"]
    assert hub == {
        "address": ["10.44.0.1"],
        "listen_port": 1234,
        "table": "off",
        "fwmark": 7,
        "dns": ["1.1.1.1"],
    }


def test_what_comes_by_itself_is_not_written() -> None:
    text = written("MTU = 1420\nPostUp = iptables -w -N MESHC-FWD-wg0\n")
    assert read(text)["nodes"]["hub"] == {"address": ["10.44.0.1"]}
    assert "MESHC" not in text


@pytest.mark.parametrize("name", ["true", "1", 'a"b', "x: y", "- z", "null", "home"])
def test_a_name_is_read_back_as_the_same_text(name: str) -> None:
    assert read(written("", name))["network"]["name"] == name


def test_replaced_hooks_are_a_comment_that_can_be_made_a_part_of_the_file() -> None:
    text = written(
        "PostUp = sysctl -w net.ipv4.ip_forward=1; iptables -A FORWARD -i %i -j ACCEPT\n"
    )
    assert "post_up" not in read(text)["nodes"]["hub"]
    again = read(
        "\n".join(line.replace("# ", "", 1) for line in text.split("\n") if "by " not in line)
    )
    assert again["nodes"]["hub"]["post_up"] == [
        "sysctl -w net.ipv4.ip_forward=1",
        "iptables -A FORWARD -i %i -j ACCEPT",
    ]


def test_who_may_sleep_is_said_so_and_who_sleeps_nowhere_is_not() -> None:
    peer = "[Peer]\n{}PublicKey = {}\nAllowedIPs = 10.44.0.{}/32\n"
    text = (
        HEAD
        + peer.format("# AlwaysOn = false\n", private_key("phone").public_key(), 2)
        + peer.format("", private_key("nas").public_key(), 3)
    )
    imported = infer([with_comments(parse(text, file="hub.conf"), text)], Diagnostics())
    assert imported is not None
    nodes = read(document(imported, name="demo"))["nodes"]
    said = {node["address"][0]: node.get("always_on") for node in nodes.values()}
    assert said == {"10.44.0.1": None, "10.44.0.2": False, "10.44.0.3": None}
