"""What of an exit user's traffic may leave beside the tunnel, and what must."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.obligations.exit_duty import WHOLE, exit_duties

TOPOLOGY = """
meshc: 1
network: {name: x, addresses: 10.1.0.0/24}
sites: {home: {lan: 192.168.1.0/24}}
nodes:
  hub: {role: relay, endpoint: [198.51.100.7, hub.mesh.dev], exit_node: true}
  nas: {site: home, lan_endpoint: 192.168.1.9}
  pc: {exit: hub, exit_except: [203.0.113.0/24]}
  tv: {exit: hub}
  nobody: {exit: none, exit_except: private}
"""


def test_only_those_who_leave_something_out_have_one() -> None:
    spec = load_spec(TOPOLOGY, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    found = exit_duties(spec)
    assert list(found) == ["pc"]
    doors = (Prefix.host("192.168.1.9"), Prefix.host("198.51.100.7"))
    assert found["pc"].parts(4) == ((Prefix.parse("203.0.113.0/24"),), doors)


def test_endpoints_may_not_leave_in_a_family_that_goes_as_a_whole() -> None:
    spec = load_spec(TOPOLOGY, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    assert exit_duties(spec)["pc"].parts(6) == WHOLE.parts(6) == ((), ())
