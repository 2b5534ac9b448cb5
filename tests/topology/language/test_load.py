"""The example of the design page, from text to Spec."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics, Location
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import DirectMode, Nat, Role, Spec
from meshc.wg.endpoint import Endpoint

DESIGN = """\
meshc: 1
network:
  name: example-vpn
  addresses: [10.44.0.0/24, "fd44::/64"]
  domain: example-vpn.dev
  interface: wg0
  listen_port: 51820
  keepalive: 25
  mtu: auto
  dns: [1.1.1.1]
  preshared_keys: true
sites:
  home: {nat: port_restricted, lan: [192.168.1.0/24]}
  cell: {nat: symmetric}
nodes:
  public-server1: {role: relay, endpoint: s1.example-vpn.dev, address: 10.44.0.1, exit_node: true}
  public-server2: {endpoint: ["198.51.100.7:51820", "[2001:db8::7]:51820"]}
  home-server:    {site: home, lan_endpoint: 192.168.1.10, routes: [192.168.1.0/24]}
  laptop:         {site: home}
  phone:          {site: cell, platform: ios, exit: public-server1, direct: relays}
  partner:
    public_key: hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=
    endpoint: vpn.partner.example:51820
    managed: false
groups: {servers: [public-server1, public-server2]}
links:
  - {endpoints: [public-server2, laptop], direct: false}
tests:
  - {from: phone, to: home-server, expect: reachable, via: public-server1}
  - {from: servers, to: laptop, expect: reachable}
"""


@pytest.fixture(scope="module")
def spec() -> Spec:
    diagnostics = Diagnostics()
    loaded = load_spec(DESIGN, file="mesh.yaml", diagnostics=diagnostics)
    assert loaded is not None, list(diagnostics)
    return loaded


def test_network(spec: Spec) -> None:
    assert (Prefix.parse("10.44.0.0/24"), Prefix.parse("fd44::/64")) == spec.network.pools
    assert (spec.network.name, spec.network.mtu, spec.network.listen_port) == (
        "example-vpn",
        None,
        51820,
    )


def test_nodes_are_sorted_and_resolved(spec: Spec) -> None:
    assert sorted(spec.nodes) == list(spec.nodes)
    relay = spec.nodes["public-server1"]
    assert (Role.RELAY, (Prefix.host("10.44.0.1"),)) == (relay.role, relay.addresses)
    assert (Endpoint("s1.example-vpn.dev", 51820),) == relay.endpoints
    assert relay.listen_port == 51820
    assert Nat.PORT_RESTRICTED is spec.nodes["laptop"].nat
    assert DirectMode.RELAYS is spec.nodes["phone"].direct
    assert Endpoint("192.168.1.10", 0) == spec.nodes["home-server"].lan_endpoint


def test_links_and_tests(spec: Spec) -> None:
    assert [(x.a, x.b, x.direct) for x in spec.links] == [("laptop", "public-server2", False)]
    assert spec.tests[0].via == ("public-server1",)
    assert spec.tests[1].sources == ("public-server1", "public-server2")


def test_places(spec: Spec) -> None:
    phone = spec.nodes["phone"]
    assert Location("mesh.yaml", 20, 3) == phone.at()
    assert Location("mesh.yaml", 20, 53) == phone.at("exit")
    assert Location("mesh.yaml", 14, 15) == phone.at("nat")
    assert Location("mesh.yaml", 17, 53) == spec.nodes["public-server2"].at("endpoint[1]")
