"""The section `lab`: the nearest value wins, and names are those of the file."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import LabPlace

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
sites: {home: {}}
nodes: {a: {site: home}, b: {endpoint: b.demo-vpn.net}}
lab:
  latency: 20ms
  sites: {home: {loss: 1%, bandwidth: 100mbit}}
  nodes: {b: {latency: 1ms}}
"""


def test_a_place_has_its_own_values_and_the_rest_from_the_section() -> None:
    spec = load_spec(TEXT, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    lab = spec.lab
    assert lab.place(node="a", site="home") == LabPlace(20, 0, 1, 100_000)
    assert lab.place(node="b", site=None) == LabPlace(latency_ms=1)
    assert lab.place(node="c", site=None) == lab.default == LabPlace(latency_ms=20)


def test_a_place_of_nobody_is_an_unknown_reference() -> None:
    diagnostics = Diagnostics()
    load_spec(TEXT.replace("nodes: {b", "nodes: {x"), file="mesh.yaml", diagnostics=diagnostics)
    assert [found.code for found in diagnostics] == ["E130"]
