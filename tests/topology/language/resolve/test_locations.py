"""Places are the same in another process: what they refer to by identity travels with them."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.read.parsed_file import ParsedFile
from meshc.topology.language.read.yaml_reader import parse_source

MESH = """\
meshc: 1
network: {name: test, addresses: [10.44.0.0/24], mtu: 1400}
defaults: {keepalive: 20}
sites: {home: {nat: symmetric, lan: 192.168.1.0/24}}
groups:
  servers: {members: [hub, nas], dns: [1.1.1.1]}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  nas: {site: home, routes: [192.168.1.0/24, 192.168.2.0/24]}
  phone: {site: home, platform: ios}
"""
KEYS = ("", "site", "nat", "lan", "dns", "keepalive", "routes", "routes[1]", "endpoint", "mtu")


def test_every_place_of_a_topology_survives() -> None:
    spec = load_spec(MESH, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    same = pickle.loads(pickle.dumps(spec))
    assert same == spec
    for name, node in spec.nodes.items():
        assert [same.nodes[name].at(key) for key in KEYS] == [node.at(key) for key in KEYS]
        assert dict(same.nodes[name].locations) == dict(node.locations)
    assert dict(same.network.locations) == dict(spec.network.locations)
    at = spec.nodes["nas"].at("routes[1]")
    assert at is not None
    assert (at.line, at.column) == (9, 46)


scalars = st.integers(0, 9) | st.sampled_from(["a", "b", "yes", "10.0.0.0/8"])
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4)
    ),
    max_leaves=20,
)


def paths(value: object) -> list[tuple[str | int, ...]]:
    found: list[tuple[str | int, ...]] = [()]
    if isinstance(value, dict):
        found += [(key, *rest) for key, inner in value.items() for rest in paths(inner)]
    if isinstance(value, list):
        found += [(at, *rest) for at, inner in enumerate(value) for rest in paths(inner)]
    return found


def check(text: str) -> ParsedFile:
    source = parse_source(text, "x.yaml", Diagnostics())
    assert source is not None
    same = pickle.loads(pickle.dumps(source))
    for path in paths(source.data):
        for key in (True, False):
            assert same.locate(path, key=key) == source.locate(path, key=key)
    return source


@given(documents)
def test_every_place_of_a_document_survives(value: object) -> None:
    import json

    check(json.dumps(value, indent=1))


def test_what_an_alias_repeats_has_one_place() -> None:
    source = check("a: &x {b: [1, 2]}\nc: *x\nd: [*x, *x]\n")
    assert source.data["a"] is source.data["c"]
