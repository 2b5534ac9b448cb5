"""The words at both ends of a rule, and what they mean."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.spec import PolicyEnd, Spec

HEAD = """
meshc: 1
network: {name: n, addresses: [10.44.0.0/24, "fd44::/64"]}
sites: {home: {}}
nodes:
  hub: {role: relay, endpoint: 198.51.100.1, address: 10.44.0.1}
  big: {routes: 192.168.0.0/16}
  nas: {routes: 192.168.7.0/24, site: home}
  tv: {site: home}
groups: {few: [hub, tv]}
"""


def load(rest: str) -> tuple[Spec | None, Diagnostics]:
    found = Diagnostics()
    return load_spec(HEAD + rest, file="f", diagnostics=found), found


def target(words: str) -> PolicyEnd:
    spec, found = load(f"policies: [{{from: all, to: {words}}}]")
    assert spec is not None, [item.message for item in found]
    assert spec.policies is not None
    return spec.policies[0].targets


def test_nodes_groups_and_sites_are_nodes() -> None:
    assert target("[few, home]").nodes == ("hub", "nas", "tv")
    assert target("all").nodes == ("big", "hub", "nas", "tv")


def test_a_lan_is_what_lies_behind_a_node_and_behind_no_other() -> None:
    assert [str(p) for p in target('"home:lan"').prefixes] == ["192.168.7.0/24"]
    big = target('"big:lan"').prefixes
    assert not any(p.contains(target("192.168.7.5").prefixes[0]) for p in big)
    assert any(p.contains(target("192.168.8.5").prefixes[0]) for p in big)
    assert sum(1 << (32 - p.length) for p in target('"all:lan"').prefixes) == 1 << 16


def test_the_internet_and_addresses() -> None:
    assert target("[internet, 10.44.0.1]") == PolicyEnd((), target("10.44.0.1").prefixes, True)


def test_tests_may_name_lans_and_the_internet() -> None:
    spec, _ = load('tests: [{from: "nas:lan", to: [internet, hub], port: udp/53}]')
    assert spec is not None
    (test,) = spec.tests
    assert test.sources == ("192.168.7.0/24",)
    assert test.targets == ("1.1.1.1/32", "2606:4700:4700::1111/128", "hub")
    assert str(test.service) == "udp/53"


def test_an_unknown_end_of_a_test_is_told_at_its_place() -> None:
    _, found = load("tests: [{from: hub, to: [tv, nobody]}]")
    assert [(item.code, item.path) for item in found if item.code[0] == "E"] == [
        ("E130", "tests[0].to[1]")
    ]


def test_an_empty_section_allows_nothing_and_none_allows_all() -> None:
    empty, _ = load("policies: []")
    absent, _ = load("")
    assert empty is not None
    assert absent is not None
    assert (empty.policies, absent.policies) == ((), None)
