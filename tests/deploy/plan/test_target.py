"""Which nodes of a build can be deployed to, and what is known about each without asking it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.plan.surroundings import keep, surroundings
from meshc.deploy.plan.target import Target, targets
from meshc.errors import StateError
from tests.support.deploys import mesh

MORE = """\
  phone: {platform: ios, deploy: {host: phone}}
  theirs: {managed: false, public_key: "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="}
  nowhere: {}
"""


def chosen(directory: Path, *names: str, local: bool = False) -> list[Target]:
    return targets(compare_file(directory / "mesh.yaml"), names, local=local)


def test_without_names_all_linux_nodes_that_say_how_they_are_reached(tmp_path: Path) -> None:
    mesh(tmp_path, more=MORE)
    assert [one.name for one in chosen(tmp_path)] == ["exit", "hub", "leaf", "router"]


def test_a_node_that_is_named_twice_is_deployed_once(tmp_path: Path) -> None:
    mesh(tmp_path)
    assert [one.name for one in chosen(tmp_path, "leaf", "hub", "leaf")] == ["leaf", "hub"]


@pytest.mark.parametrize(
    ("name", "local", "why"),
    [
        ("nobody", False, "has no node, group or site 'nobody'"),
        ("theirs", False, "is not managed"),
        ("phone", False, "is ios, which meshc does not log in to"),
        ("phone", True, "is ios, which meshc does not log in to"),
        ("nowhere", False, "does not say how it is reached"),
    ],
)
def test_a_node_that_cannot_be_deployed_is_refused(
    tmp_path: Path, name: str, local: bool, why: str
) -> None:
    mesh(tmp_path, more=MORE)
    with pytest.raises(StateError, match=why):
        chosen(tmp_path, "hub", name, local=local)


def test_this_machine_needs_no_host(tmp_path: Path) -> None:
    mesh(tmp_path, more=MORE)
    (one,) = chosen(tmp_path, "nowhere", local=True)
    assert (one.name, one.host) == ("nowhere", "")


def test_a_build_of_another_topology_is_refused(tmp_path: Path) -> None:
    mesh(tmp_path)
    file = tmp_path / "mesh.yaml"
    file.write_text(file.read_text() + "  later: {}\n")
    with pytest.raises(StateError, match="is not the build of") as told:
        chosen(tmp_path)
    assert "meshc build" in told.value.hint
    compile_file(file)
    assert len(chosen(tmp_path)) == 4


def test_a_target_holds_the_files_as_they_were_built_and_shows_no_key(tmp_path: Path) -> None:
    made = mesh(tmp_path, more=MORE)
    for name, one in made.items():
        conf = (tmp_path / "build" / name / "wg0.conf").read_bytes()
        assert one.conf.reveal().encode() == conf
        assert one.sha == hashlib.sha256(conf).hexdigest()
        assert one.node_json == (tmp_path / "build" / name / "node.json").read_text()
        key = next(line for line in conf.decode().splitlines() if line.startswith("PrivateKey"))
        assert key.partition("= ")[2] not in repr(one)


def test_peers_are_known_by_an_address_in_the_tunnel_and_phones_by_name(tmp_path: Path) -> None:
    hub = mesh(tmp_path, more=MORE)["hub"]
    peers = {str(peer.public_key): peer.name for peer in hub.plan.peers}
    assert {peers[key] for key in hub.inside} == set(peers.values())
    conf = hub.conf.reveal()
    assert all(f"{address}/32" in conf for address in hub.inside.values())
    assert hub.phones == {"phone"}


def test_a_node_that_moves_is_known_where_it_was_deployed_last(tmp_path: Path) -> None:
    mesh(tmp_path)
    result = compare_file(tmp_path / "mesh.yaml")
    keep(result, surroundings(result, whole=True), ["leaf", "router"], [])
    assert {one.name: one.old_way for one in chosen(tmp_path)} == dict.fromkeys(
        ("exit", "hub", "leaf", "router")
    )
    file = tmp_path / "mesh.yaml"
    text = file.read_text().replace("host: leaf", "host: moved")
    file.write_text(text)
    compile_file(file)
    ways = {one.name: one.old_way for one in chosen(tmp_path)}
    assert ways["leaf"] is not None
    assert ways["leaf"].host == "leaf"
    file.write_text(text.replace("host: router", "host: leaf"))  # another node is there now
    compile_file(file)
    ways = {one.name: one.old_way for one in chosen(tmp_path)}
    assert ways["leaf"] is None
    assert ways["router"] is not None
