"""Networks of users who keep some of their nodes apart: each can be written as policies, and holds.

The tests are theirs; the policies say no more than the tests allow.
"""

from __future__ import annotations

import pytest
import yaml

from meshc.build.check import check_text

PER_CLIENT = """
meshc: 1
network: {name: acl, addresses: 10.6.0.0/24}
sites:
  home: {nat: full_cone, lan: 192.168.31.0/24}
nodes:
  pi: {role: relay, site: home, endpoint: pi.home-vpn.dev, routes: 192.168.31.0/24,
       lan_endpoint: 192.168.31.2, exit_node: true}
  me: {}
  tablet: {exit: pi, direct: relays}
  printer: {}
groups:
  strangers: [tablet, printer]
tests:
  - {from: me, to: 192.168.31.5}
  - {from: printer, to: 192.168.31.5}
  - {from: printer, to: 192.168.31.9, expect: unreachable}
  - {from: tablet, to: 192.168.31.5, expect: unreachable}
  - {from: tablet, to: 1.1.1.1}
  - {from: strangers, to: me, expect: unreachable}
policies:
  - {from: me, to: ["pi:lan", pi]}
  - {from: printer, to: 192.168.31.5}
  - {from: tablet, to: internet}
"""
LAN_NOT_FOR_ALL = """
meshc: 1
network: {name: acl, addresses: 10.6.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.home-vpn.dev}
  a: {}
  b: {routes: 192.168.7.0/24}
tests:
  - {from: [a, b], to: [a, b], expect: unreachable}
  - {from: a, to: 192.168.7.0/24, expect: unreachable}
  - {from: hub, to: 192.168.7.5}
policies:
  - {from: hub, to: "b:lan"}
  - {from: [a, b], to: hub}
"""
BISECT = """
meshc: 1
network: {name: acl, addresses: 10.6.0.0/24}
nodes:
  pi: {role: relay, endpoint: pi.home-vpn.dev, address: 10.6.0.1}
  me: {address: 10.6.0.4}
  tablet: {address: 10.6.0.2}
  printer: {address: 10.6.0.3}
tests:
  - {from: [tablet, printer], to: me, expect: unreachable}
  - {from: tablet, to: printer, expect: unreachable}
  - {from: printer, to: tablet, expect: unreachable}
  - {from: me, to: [tablet, printer], expect: unreachable}
policies:
  - {from: all, to: pi}
"""
EXIT_ALONE = """
meshc: 1
network: {name: acl, addresses: 10.6.0.0/24}
nodes:
  hub: {endpoint: hub.home-vpn.dev, exit_node: true}
  a: {}
  b: {exit: hub}
  c: {}
tests:
  - {from: [a, b, c], to: [a, b, c], expect: unreachable}
  - {from: b, to: internet}
policies:
  - {from: [a, c], to: hub}
  - {from: b, to: internet}
"""
TWO_TARGETS = """
meshc: 1
network: {name: x, addresses: 10.0.0.0/24}
nodes:
  erp: {endpoint: erp.corp-vpn.dev}
  con1: {direct: [erp]}
  r: {role: relay, endpoint: r.corp-vpn.dev}
  s: {}
tests:
  - {from: con1, to: [r, s], expect: unreachable}
  - {from: [r, s], to: con1, expect: unreachable}
  - {from: con1, to: erp}
policies:
  - {from: con1, to: erp}
  - {from: [erp, r, s], to: [erp, r, s]}
"""
CASES = {
    "a printer and a tablet": PER_CLIENT,
    "a LAN for one": LAN_NOT_FOR_ALL,
    "a relay for all": BISECT,
    "an exit for one": EXIT_ALONE,
    "one server": TWO_TARGETS,
}


def errors(tree: dict[str, object]) -> list[str]:
    text = yaml.safe_dump(tree).encode()
    found = check_text(text, file="mesh.yaml", proof=True).findings
    return [f"{one.code} {one.message}" for one in found if one.code.startswith("E")]


@pytest.mark.parametrize("case", CASES)
def test_it_holds_with_policies(case: str) -> None:
    assert errors(yaml.safe_load(CASES[case])) == []


@pytest.mark.parametrize("case", CASES)
def test_it_does_not_when_everybody_may_do_everything(case: str) -> None:
    """The same as without: so the tests above are no empty promise."""
    tree = yaml.safe_load(CASES[case])
    tree["policies"] = [{"from": "all", "to": ["all", "all:lan", "internet"]}]
    assert errors(tree) != []
