"""Rules about nodes that are left out are left out with them."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1}
  gone: {enabled: false, address: 10.44.0.9, routes: 192.168.9.0/24}
  a: {}
groups: {both: [gone, a]}
policies:
  - {from: gone, to: hub}
  - {from: hub, to: ["gone:lan", 192.168.9.5, 10.44.0.9]}
  - {from: both, to: hub, except: gone, why: "still there"}
"""


def test_a_rule_that_is_about_nobody_but_them_says_nothing() -> None:
    found = Diagnostics()
    spec = load_spec(TEXT, file="f", diagnostics=found)
    assert spec is not None, [item.message for item in found]
    assert spec.policies is not None
    (rule,) = spec.policies
    assert (rule.sources.nodes, rule.index, rule.why) == (("a",), 2, "still there")
    assert not [item for item in found if item.code[1:3] == "17"]
