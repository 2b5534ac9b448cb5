"""The second profile of a phone: the same key, another relay, proven before it is shown."""

from __future__ import annotations

import pytest

from meshc.agent.second_profile import second_profile
from meshc.build.pipeline import compile_file
from meshc.build.reader import BuildReader, open_build
from meshc.build.topology_file import read_spec
from meshc.diagnostics import Diagnostics
from meshc.errors import StateError
from meshc.topology.language.spec import Spec
from meshc.wg.conf import parse

MESH = """
meshc: 1
network: {name: heal, addresses: [10.44.0.0/24], agent: true, domain: vpn.example}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: symmetric, via: [r1], routes: [192.168.7.0/24]}
  phone: {nat: symmetric, via: [r1], platform: ios}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildReader, Spec]:
    file = tmp_path_factory.mktemp("profile") / "mesh.yaml"
    file.write_text(MESH)
    compile_file(file)
    return open_build(file.parent / "build", file=file), read_spec(file, Diagnostics())


def test_it_has_the_key_and_addresses_of_the_first_and_the_other_relay(
    built: tuple[BuildReader, Spec],
) -> None:
    reader, spec = built
    first = parse(reader.node("phone").text().reveal())
    second = parse(second_profile(reader, spec, "phone", "r2").reveal())
    assert second.private_key == first.private_key
    assert second.addresses == first.addresses
    (one,), (other,) = first.peers, second.peers
    relay = parse(reader.node("r2").text().reveal())
    (known,) = (peer for peer in relay.peers if peer.name == "phone.vpn.example")
    assert other.preshared_key == known.preshared_key != one.preshared_key
    assert (other.name, str(other.endpoint)) == ("r2.vpn.example", "203.0.113.2:51820")
    assert other.allowed_ips == one.allowed_ips
    assert known.allowed_ips == ()


def test_by_its_home_it_is_the_first(built: tuple[BuildReader, Spec]) -> None:
    reader, spec = built
    text = second_profile(reader, spec, "phone", "r1").reveal()
    assert text == reader.node("phone").text().reveal()


@pytest.mark.parametrize(("node", "relay"), [("a", "r2"), ("phone", "a"), ("r1", "r2")])
def test_who_moves_by_itself_or_not_at_all_has_none(
    built: tuple[BuildReader, Spec], node: str, relay: str
) -> None:
    reader, spec = built
    with pytest.raises(StateError, match="does not know"):
        second_profile(reader, spec, node, relay)
