"""Day two: changes of the topology file that lose nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from meshc.build import topology_edits
from meshc.build.pipeline import compile_file
from meshc.build.topology_edits import add, remove, rename, switch
from meshc.errors import Refused, StateError
from meshc.keystore.key_files import KeyFiles
from tests.support.cut_short import CutShort

TEXT = """\
meshc: 1
include: [parts/road.yaml]
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}
  nas: {}   # in the cellar
groups: {servers: [hub, nas]}
tests: [{from: phone, to: nas}, {from: [phone, hub], to: nas}]
"""
ROAD = "nodes:\n  phone: {via: [hub]}\n  laptop: {exit: none}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/road.yaml").write_text(ROAD)
    (tmp_path / "mesh.yaml").write_text(TEXT)
    return tmp_path / "mesh.yaml"


def confs(file: Path) -> dict[str, str]:
    """Every wg-quick file without comments, which hold names, and with the peers sorted by key."""
    compile_file(file)
    found = {}
    for path in file.parent.glob("build/*/wg0.conf"):
        lines = path.read_text().splitlines()
        text = "\n".join(line for line in lines if line and not line.startswith("#"))
        found[path.parent.name] = "\n".join(sorted(map(str.strip, text.split("[Peer]"))))
    return found


def test_a_renamed_node_keeps_key_address_and_pre_shared_keys(file: Path) -> None:
    """Nothing changes on the wire: every file says the same, but for names in comments."""
    before = confs(file)
    edit = rename(file, "phone", "anna-phone")
    assert set(edit.after) == {file, file.parent / "parts/road.yaml"}
    after = confs(file)
    assert after["anna-phone"] == before["phone"]
    assert {name: after[name] for name in ("hub", "nas", "laptop")} == {
        name: before[name] for name in ("hub", "nas", "laptop")
    }
    assert not (file.parent / "keys/phone.key").exists()


def test_a_rename_that_is_cut_short_anywhere_can_be_run_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every change of a file that it makes."""
    before = confs(file)
    cut = CutShort()
    for owner, name in (
        (topology_edits, "write_atomic"),
        (topology_edits, "write_lock"),
        (KeyFiles, "create"),
        (KeyFiles, "retire"),
    ):
        monkeypatch.setattr(owner, name, cut.before(getattr(owner, name)))
    names = ["phone", *(f"name{number}" for number in range(6))]
    for step, (old, new) in enumerate(pairwise(names)):
        cut.left = step
        try:
            rename(file, old, new)
        except KeyboardInterrupt:
            cut.left = 99
            rename(file, old, new)
        cut.left = 99
        assert confs(file)[new] == before["phone"], step
    assert sorted(p.name for p in (file.parent / "keys").glob("*.key")) == [
        "hub.key", "laptop.key", f"{names[-1]}.key", "nas.key",
    ]  # fmt: skip


def test_a_rename_never_takes_another_nodes_name_or_key(file: Path) -> None:
    confs(file)
    with pytest.raises(StateError, match="already"):
        rename(file, "phone", "nas")
    (file.parent / "keys/fresh.key").write_bytes((file.parent / "keys/nas.key").read_bytes())
    (file.parent / "keys/fresh.key").chmod(0o600)
    with pytest.raises(StateError, match="another key"):
        rename(file, "phone", "fresh")
    assert file.read_text() == TEXT


def test_removing_a_node_takes_what_is_said_about_it_alone(file: Path) -> None:
    remove(file, ["phone"])
    text = file.read_text()
    assert "tests: [{from: [hub], to: nas}]" in text
    assert "# in the cellar" in text
    assert (file.parent / "parts/road.yaml").read_text() == "nodes:\n  laptop: {exit: none}\n"


def test_what_others_need_is_not_removed(file: Path) -> None:
    (file.parent / "parts/road.yaml").write_text(
        "nodes:\n  gate: {exit_node: true, endpoint: g.demo-vpn.net}\n  phone: {exit: gate}\n"
    )
    with pytest.raises(StateError, match=r"nodes\.phone\.exit"):
        remove(file, ["gate"])
    with pytest.raises(Refused):
        switch(file, ["gate"], enabled=False)
    assert file.read_text() == TEXT


def test_nodes_come_go_and_come_back(file: Path) -> None:
    before = confs(file)
    switch(file, ["nas", "laptop"], enabled=False)
    assert set(confs(file)) == {"hub", "phone"}
    switch(file, ["nas", "laptop"], enabled=True)
    assert confs(file) == before


def test_what_would_not_be_a_topology_is_not_written(file: Path) -> None:
    for name, settings in (("a b", ""), ("new", "{rol: relay}"), ("new", "{a: ["), ("new", "{}}")):
        with pytest.raises((Refused, StateError, ValueError)):
            add(file, name, settings)
    assert file.read_text() == TEXT


def test_a_dry_run_writes_nothing_and_shows_the_patch(file: Path) -> None:
    edit = add(file, "printer", "{routes: [192.168.9.0/24]}", write=False)
    assert file.read_text() == TEXT
    assert "+  printer: {routes: [192.168.9.0/24]}\n" in edit.patch()


@pytest.mark.parametrize(
    "change",
    [
        lambda file: remove(file, ["fone"]),
        lambda file: rename(file, "fone", "x"),
        lambda file: switch(file, ["fone"], enabled=False),
    ],
)
def test_an_unknown_name_says_which_there_are(file: Path, change: Callable[[Path], object]) -> None:
    with pytest.raises(StateError, match="no node 'fone'") as refused:
        change(file)
    assert "phone" in refused.value.hint


def test_several_come_at_once_and_into_their_group(file: Path) -> None:
    edit = topology_edits.add_all(file, {"a": "{nat: symmetric}", "b": ""}, group="servers")
    assert edit.spec.groups["servers"] == ("a", "b", "hub", "nas")
    with pytest.raises(StateError, match="there is a node 'a' already"):
        topology_edits.add_all(file, {"c": "", "a": ""})
    assert "  c:" not in file.read_text()
