"""A private key that is made on its node stays there: only the public one comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshc.build.topology_file import read_spec
from meshc.deploy.connect.dial import Dial, Dialer
from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import TransportError
from meshc.deploy.plan.target import Target
from meshc.deploy.remote_keys import fetch_keys
from meshc.diagnostics import Diagnostics
from meshc.errors import NodeError, Refused, StateError
from meshc.keys import PrivateKey
from tests.support.fakenode import LOST, FakeNodes
from tests.support.workspaces import snapshot, write_topology

TEXT = """\
meshc: 1
network: {{name: testnet, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{endpoint: 198.51.100.7, private_key_file: {key}{way}}}
  leaf: {{}}
"""
HERE = Dialer(local=True)
HOST = ", deploy: {host: hub}"


async def nobody(target: Target, *, timeout: float = 15.0) -> NodeSession:
    raise AssertionError(f"connects to {target.name}")


def topology(directory: Path, *, way: str = HOST, key: str = "own-%i.key") -> Path:
    return write_topology(directory / "net", TEXT.format(key=directory / key, way=way))


def fetch(file: Path, *names: str, dial: Dial = HERE, local: bool = False) -> list[str]:
    return asyncio.run(fetch_keys(file, None, names, dial, local=local))


def test_the_node_makes_its_key_and_the_build_has_the_public_one(tmp_path: Path) -> None:
    file = topology(tmp_path)
    (said,) = fetch(file)
    key = PrivateKey.parse((tmp_path / "own-wg0.key").read_text())
    public = str(key.public_key())
    assert said.startswith("hub: made a private key in ")
    assert public in said
    assert public in file.with_suffix(".lock").read_text()
    assert public in (file.parent / "build/leaf/wg0.conf").read_text()
    here = snapshot(file.parent)
    assert not any(key.reveal().encode() in content for content in here.values())


def test_a_key_that_is_there_is_taken_as_it_is(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    (tmp_path / "own-wg0.key").write_text(key.reveal())
    (tmp_path / "own-wg0.key").chmod(0o600)
    (said,) = fetch(topology(tmp_path))
    assert said.startswith("hub: has a private key in ")
    assert str(key.public_key()) in said
    assert (tmp_path / "own-wg0.key").read_text() == key.reveal()


def test_nobody_is_asked_when_all_keys_are_known_or_others_are_meant(tmp_path: Path) -> None:
    file = topology(tmp_path)
    assert fetch(file, "leaf", dial=nobody) == []
    assert list(snapshot(file.parent)) == ["mesh.yaml"]
    fetch(file, "hub")
    before = snapshot(file.parent)
    assert fetch(file, dial=nobody) == []
    assert snapshot(file.parent) == before


def test_without_a_way_to_the_node_the_file_is_told_what_it_lacks(tmp_path: Path) -> None:
    file = topology(tmp_path, way="")
    with pytest.raises(StateError, match="does not say how it is reached") as told:
        fetch(file, dial=nobody)
    assert "public_key" in told.value.hint
    assert len(fetch(file, "hub", local=True)) == 1


def test_a_file_that_is_no_key_leaves_the_network_as_it_was(tmp_path: Path) -> None:
    file = topology(tmp_path)
    (tmp_path / "own-wg0.key").write_text("not a key")
    with pytest.raises(NodeError, match="is not a private key"):
        fetch(file)
    assert list(snapshot(file.parent)) == ["mesh.yaml"]
    assert read_spec(file, Diagnostics()).nodes["hub"].public_key is None


def test_a_node_that_cannot_be_asked_keeps_no_other_from_it(tmp_path: Path) -> None:
    """Where it may be skipped; the build then says whose key it lacks."""
    file = topology(tmp_path)
    with pytest.raises(TransportError):
        asyncio.run(fetch_keys(file, None, (), FakeNodes({("hub", "dial"): LOST})))
    with pytest.raises(Refused) as told:
        asyncio.run(
            fetch_keys(file, None, (), FakeNodes({("hub", "dial"): LOST}), skip_unreachable=True)
        )
    assert any("hub" in str(finding) for finding in told.value.diagnostics)
    assert asyncio.run(fetch_keys(file, None, (), nobody, left_out=("hub",))) == []
