"""One value says what is owed to whom, from the topology alone."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.obligations.obligations import Due, Obligations, obligations

TOPOLOGY = """
meshc: 1
network: {name: x, addresses: [10.1.0.0/24, "fd00::/64"]}
sites: {home: {lan: 10.1.0.128/25}}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev, address: 10.1.0.1}
  pc: {site: home, address: 10.1.0.2}
  nas: {address: 10.1.0.200}
  phone: {keepalive: off}
  guest: {}
  shop: {managed: false, public_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}
tests:
  - {from: guest, to: nas, expect: unreachable}
  - {from: guest, to: 10.1.0.2, expect: unreachable}
"""


@pytest.fixture(scope="module")
def made() -> Obligations:
    spec = load_spec(TOPOLOGY.replace("A=}", "E=}"), file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    return obligations(spec, {"phone": (Prefix.parse("10.1.0.7"),)})


@pytest.mark.parametrize(
    ("source", "target", "family", "due"),
    [
        ("hub", "nas", 4, Due.MUST_REACH),
        ("hub", "phone", 4, Due.MAY_SLEEP),
        ("phone", "hub", 4, Due.MUST_REACH),
        ("guest", "nas", 4, Due.APART),
        ("nas", "guest", 6, Due.APART),
        ("guest", "pc", 4, Due.APART),
        ("guest", "pc", 6, Due.MUST_REACH),
        ("pc", "nas", 4, Due.WAIVED),
        ("nas", "pc", 4, Due.MUST_REACH),
    ],
)
def test_what_each_pair_is_owed(
    made: Obligations, source: str, target: str, family: int, due: Due
) -> None:
    address = Prefix.parse("10.1.0.200" if target == "nas" else "10.1.0.2")
    assert made.due(source, target, family, address) is due


def test_every_managed_node_owes_a_file_with_its_addresses(made: Obligations) -> None:
    assert sorted(made.files) == ["guest", "hub", "nas", "pc", "phone"]
    assert made.files["phone"].addresses == (Prefix.parse("10.1.0.7"),)
    assert made.families == (4, 6)


def test_addresses_are_told_apart_where_tests_do(made: Obligations) -> None:
    assert list(made.cuts()) == []
