"""Addresses of LANs that are told apart get a host each, so that a lab can ask them."""

from __future__ import annotations

from pathlib import Path

from meshc.lab.lab_source import prepare
from meshc.lab.world.layout import lay_out
from meshc.lab.world.named_hosts import MOST, named_hosts
from meshc.prefixes import Prefix
from tests.support.policy_networks import policy_network
from tests.support.workspaces import write_topology

TEXT = """
meshc: 1
network: {name: n, addresses: 10.44.0.0/24}
sites: {home: {lan: 192.168.7.0/24}}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev}
  gw: {site: home, routes: [192.168.7.0/24, 192.168.8.0/24]}
  a: {}
policies:
  - {from: a, to: 192.168.7.9, allow: tcp/22}
  - {from: a, to: 192.168.8.64/26, except: 192.168.8.70, allow: tcp/80}
  - {from: "gw:lan", to: a, allow: icmp}
tests:
  - {from: a, to: 192.168.7.200, port: tcp/22, expect: unreachable}
"""


def names(spec_text: str, lan: str) -> list[str]:
    return [p.address for p in named_hosts(policy_network(spec_text).spec, Prefix.parse(lan))]


def test_what_rules_and_tests_name_in_a_lan() -> None:
    assert names(TEXT, "192.168.7.0/24") == ["192.168.7.9", "192.168.7.200"]
    assert names(TEXT, "192.168.8.0/24") == ["192.168.8.65", "192.168.8.70"]
    assert names(TEXT, "192.168.9.0/24") == []


def test_without_policies_any_host_stands_for_its_lan() -> None:
    free = TEXT[: TEXT.index("policies:")] + "tests: [{from: a, to: 192.168.7.9}]\n"
    assert names(free, "192.168.7.0/24") == []


def test_a_rule_about_very_many_addresses_does_not_fill_the_lab() -> None:
    many = ", ".join(f"192.168.7.{n}" for n in range(1, 100))
    assert len(names(TEXT.replace("to: 192.168.7.9", f"to: [{many}]"), "192.168.7.0/24")) == MOST


def test_the_lab_has_them_on_the_lan_of_a_site_and_on_one_of_its_own(tmp_path: Path) -> None:
    """Beside the host that stands for the rest of the LAN, which has none of these addresses."""
    source = prepare(write_topology(tmp_path, TEXT), None, lambda _: None)
    world = lay_out(source.spec, dict.fromkeys(source.confs, 51820))
    found = {host.address: host for host in world.lan_hosts}
    wanted = {"192.168.7.9", "192.168.7.200", "192.168.8.65", "192.168.8.70"}
    assert wanted < found.keys()
    assert len(found) == len(world.lan_hosts) == len(wanted) + 2
    assert len({host.place for host in world.lan_hosts}) == len(world.lan_hosts)
    for address, host in found.items():
        assert host.router == "gw"
        assert host.prefix.contains(Prefix.host(address))
        assert address in {one.address for _, one in world.places[host.place].addresses}
