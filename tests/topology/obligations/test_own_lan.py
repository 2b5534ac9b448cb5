"""What a site's own LAN takes away is known, to the address."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.obligations.own_lan import OwnLan, own_lans, waived

TOPOLOGY = """
meshc: 1
network: {name: x, addresses: 10.1.0.0/24}
sites:
  home: {lan: 192.168.1.0/24}
  pool: {lan: 10.1.0.128/25}
nodes:
  hub: {role: relay, site: home, endpoint: hub.mesh.dev}
  dc: {routes: 192.168.0.0/16}
"""


def found() -> tuple[OwnLan, ...]:
    spec = load_spec(TOPOLOGY, file="mesh.yaml", diagnostics=Diagnostics())
    assert spec is not None
    return tuple(own_lans(spec))


def test_each_is_a_warning_about_the_part_that_is_lost() -> None:
    assert [(lan.code, lan.site, str(lan.lost), lan.relay) for lan in found()] == [
        ("W219", "home", "192.168.1.0/24", ""),
        ("W217", "home", "192.168.1.0/24", "hub"),
        ("W213", "pool", "10.1.0.128/25", ""),
    ]


def test_only_that_part_and_only_there_is_let_off() -> None:
    inside, beside = Prefix.parse("192.168.1.9"), Prefix.parse("192.168.2.9")
    assert waived(found(), "home", inside) is not None
    assert waived(found(), "home", beside) is None
    assert waived(found(), "pool", inside) is None
    assert waived(found(), None, inside) is None
