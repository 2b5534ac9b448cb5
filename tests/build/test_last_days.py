"""Who leaves soon: the last day is still the node's, and who is out already is told as well."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from meshc.build.last_days import Expiring, expiring
from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
groups: {guests: {members: [tablet], expires: 2027-02-03}}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}
  laptop: {expires: 2027-02-01}
  phone: {expires: 2027-02-28, enabled: false}
  old: {expires: 2027-01-31}
  tablet: {}
"""


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (0, {"old": -1, "laptop": 0}),
        (2, {"old": -1, "laptop": 0, "tablet": 2}),
        (26, {"old": -1, "laptop": 0, "tablet": 2}),
        (27, {"old": -1, "laptop": 0, "tablet": 2, "phone": 27}),
    ],
)
def test_who_is_out_and_who_will_be(days: int, found: dict[str, int]) -> None:
    today = date(2027, 2, 1)
    spec = load_spec(TEXT, file="mesh.yaml", diagnostics=Diagnostics(), today=today.isoformat())
    assert spec is not None
    near = expiring(spec, today, timedelta(days=days))
    assert {one.node: one.left for one in near} == found
    assert list(near) == sorted(near, key=lambda one: one.last_day)
    assert near[0] == Expiring("old", date(2027, 1, 31), -1)
