"""The section `accept`: a warning with its reason, about a node that there is."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import Acceptance

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes: {hub: {role: relay, endpoint: hub.demo-vpn.net}, a: {}}
accept:
  - {code: W220, node: hub, why: a second relay comes in May}
  - {code: W418, why: known}
"""


def test_what_is_accepted_stands_with_its_reason() -> None:
    spec = load_spec(TEXT, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    assert spec.accept == (
        Acceptance("W220", "hub", "a second relay comes in May"),
        Acceptance("W418", None, "known"),
    )


def test_a_node_that_nobody_has_is_an_unknown_reference() -> None:
    found = Diagnostics()
    load_spec(TEXT.replace("node: hub", "node: hob"), file="mesh.yaml", diagnostics=found)
    assert [one.code for one in found if one.code.startswith("E")] == ["E130"]
