"""Which file a name means, and what stands beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshc.errors import ConfError, NodeError
from meshc.keys import PublicKey
from meshc.node import nodefile
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from meshc.wg.conf import parse
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines

RELAY = Forwarding((4,), (Prefix.parse("10.44.0.0/24"),), relay=True)

FACTS = {
    "name": "laptop",
    "interface": "wg0",
    "domain": "example-vpn.dev",
}


def test_a_node_of_the_build_directory(tmp_path: Path) -> None:
    path = wgconf.write(tmp_path / "build" / "laptop", "wg0", wgconf.interface())
    assert nodefile.find("laptop", tmp_path / "build") == path
    assert nodefile.find(str(path), tmp_path / "elsewhere") == path


def test_a_name_in_etc_wireguard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nodefile, "ETC", tmp_path)
    path = wgconf.write(tmp_path, "wg7", wgconf.interface())
    assert nodefile.find("wg7", tmp_path / "build") == path


def test_nothing_found_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match=r"wg9/\*\.conf nor /etc/wireguard/wg9.conf"):
        nodefile.find("wg9", tmp_path)
    with pytest.raises(NodeError, match="there is no file"):
        nodefile.find(str(tmp_path / "x.conf"), tmp_path)


def test_two_interfaces_of_a_node_must_be_named(tmp_path: Path) -> None:
    for name in ("wg0", "wg1"):
        wgconf.write(tmp_path / "laptop", name, wgconf.interface())
    with pytest.raises(NodeError, match=r"wg0\.conf, wg1\.conf"):
        nodefile.find("laptop", tmp_path)


@pytest.mark.parametrize("name", ["a" * 16, "wg 0", "wg;reboot", "wg/0", "$(id)", "", "."])
def test_no_interface_can_have_such_a_name(name: str) -> None:
    assert not nodefile.is_interface_name(name)
    with pytest.raises(NodeError, match="does not name an interface"):
        nodefile.interface_of(Path(f"/x/{name.replace('/', ':')}.conf"))


def test_facts_beside_the_file(tmp_path: Path) -> None:
    hooks = (*forwarding_lines(RELAY), "PostUp = echo mine")
    peer = wgconf.peer("# Name = hub.example-vpn.dev")
    path = wgconf.write(tmp_path, "wg0", wgconf.interface(*hooks) + peer)
    (tmp_path / "node.json").write_text(json.dumps(FACTS))
    file = nodefile.read(path)
    assert file.node == "laptop"
    assert file.names == {wgconf.PEER_KEY.public_key(): "hub"}
    assert isinstance(next(iter(file.names)), PublicKey)
    assert file.firewall.families == (4,)
    assert file.hooks(file.conf.post_up) == ("echo mine",)


def test_facts_of_another_interface_are_not_ours(tmp_path: Path) -> None:
    path = wgconf.write(tmp_path, "wg1", wgconf.interface())
    (tmp_path / "node.json").write_text(json.dumps(FACTS))
    assert nodefile.read(path).node == ""


@pytest.mark.parametrize("text", ["{", "[]", '{"interface": "wg0"}', '"x"', "\x00"])
def test_damaged_facts_are_a_clear_error(tmp_path: Path, text: str) -> None:
    path = wgconf.write(tmp_path, "wg0", wgconf.interface())
    (tmp_path / "node.json").write_text(text)
    with pytest.raises(NodeError, match="not what `meshc build` writes"):
        nodefile.read(path)


def test_an_unreadable_file_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "wg0.conf").mkdir()
    with pytest.raises(NodeError, match="could not read"):
        nodefile.read(tmp_path / "wg0.conf")


def test_an_old_editor_s_comment_is_nothing_to_up_and_utf16_is_named(tmp_path: Path) -> None:
    path = wgconf.write(tmp_path, "wg0", wgconf.interface())
    plain = path.read_text()
    path.write_bytes("# Büro\n".encode("latin-1") + plain.encode())
    assert nodefile.read(path).conf.addresses == parse(plain).addresses
    path.write_bytes(plain.encode("utf-16"))
    with pytest.raises(ConfError, match="UTF-16"):
        nodefile.read(path)
