"""One value says what is owed to whom, from the topology alone."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.prefixes import Prefix
from meshc.topology.language.load import load_spec
from meshc.topology.obligations.due import Due, Owed, Party
from meshc.topology.obligations.obligations import Obligations, obligations

TOPOLOGY = """
meshc: 1
network: {name: x, addresses: [10.1.0.0/24, "fd00::/64"], dns: [nas, 9.9.9.9]}
sites:
  home: {lan: 10.1.0.128/25}
  flat: {lan: 192.168.7.0/24}
  shop: {lan: 192.168.7.0/24}
nodes:
  hub: {role: relay, endpoint: hub.mesh.dev, address: 10.1.0.1, exit_node: true}
  pc: {site: home, address: 10.1.0.2}
  nas: {address: 10.1.0.200}
  phone: {keepalive: off, exit: hub}
  guest: {}
  router: {site: flat, routes: [192.168.7.0/24, 172.20.0.0/16]}
  tv: {site: flat}
  radio: {site: flat}
  till: {site: shop}
  sleepy: {keepalive: off, routes: 172.20.9.0/24}
  stranger: {managed: false, public_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=}
  other: {managed: false, public_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAI=}
tests:
  - {from: guest, to: nas, expect: unreachable}
  - {from: guest, to: 10.1.0.2, expect: unreachable}
  - {from: guest, to: 172.20.1.0/24, expect: unreachable}
  - {from: tv, to: router, expect: unreachable}
  - {from: phone, to: 8.8.8.8, expect: unreachable}
  - {from: 192.168.7.4, to: pc}
  - {from: 192.168.7.5, to: pc, expect: unreachable}
  - {from: 192.168.7.4, to: 172.20.9.1}
  - {from: guest, to: 172.20.9.9}
"""
UNASKED = Owed(Due.UNASKED)
MUST = Owed(Due.MUST_REACH)
APART = Owed(Due.APART)
ASLEEP = Owed(Due.MAY_SLEEP, "W408")


@pytest.fixture(scope="module")
def made() -> Obligations:
    found = Diagnostics()
    spec = load_spec(TOPOLOGY, file="mesh.yaml", diagnostics=found)
    assert spec is not None, found
    return obligations(spec, {"phone": (Prefix.parse("10.1.0.7"),)})


def host(text: str, router: str = "") -> Party:
    return Party(router, Prefix.parse(text))


def party(text: str) -> Party:
    """`nas` is a node, `router/192.168.7.4` a host behind one, `/1.1.1.1` one in the internet."""
    name, _, address = text.partition("/")
    return host(address, name) if address else Party(name)


@pytest.mark.parametrize(
    ("source", "target", "family", "owed"),
    [
        ("hub", "nas", 4, MUST),
        ("hub", "phone", 4, ASLEEP),
        ("phone", "hub", 4, MUST),
        ("guest", "nas", 4, APART),
        ("nas", "guest", 6, APART),
        ("guest", "pc", 4, APART),
        ("guest", "pc", 6, MUST),
        ("pc", "pc", 4, UNASKED),
        ("stranger", "pc", 4, MUST),
        ("stranger", "other", 4, UNASKED),
        # the LAN of pc's site holds the address of nas, in its questions as in its answers
        ("pc", "nas", 4, Owed(Due.WAIVED, "W213")),
        ("nas", "pc", 4, Owed(Due.WAIVED, "W213")),
        ("pc", "nas", 6, MUST),
    ],
)
def test_what_a_pair_of_nodes_is_owed(
    made: Obligations, source: str, target: str, family: int, owed: Owed
) -> None:
    assert made.owed(Party(source), Party(target), family) == owed


@pytest.mark.parametrize(
    ("source", "target", "owed"),
    [
        ("hub", "router/192.168.7.9", MUST),
        ("router", "router/192.168.7.9", UNASKED),
        ("hub", "sleepy/172.20.9.9", ASLEEP),
        ("router", "sleepy/172.20.9.9", Owed(Due.WAIVED, "W211")),
        # on the LAN itself, and in another one with the same numbers
        ("radio", "router/192.168.7.9", UNASKED),
        ("till", "router/192.168.7.9", Owed(Due.WAIVED, "W219")),
        # the address by itself, and with the router in front of it
        ("guest", "router/172.20.1.9", APART),
        ("guest", "router/172.20.2.9", MUST),
        ("tv", "router/172.20.2.9", APART),
        # a test asks for it, whoever is asleep
        ("guest", "sleepy/172.20.9.9", MUST),
        ("guest", "router/fd00:7::1", UNASKED),
    ],
)
def test_what_a_host_on_a_lan_is_owed_to_be_reached(
    made: Obligations, source: str, target: str, owed: Owed
) -> None:
    assert made.owed(Party(source), party(target), 4) == owed


@pytest.mark.parametrize(
    ("source", "target", "owed"),
    [
        ("router/192.168.7.4", "pc", MUST),
        ("router/192.168.7.5", "pc", APART),
        ("router/192.168.7.6", "pc", UNASKED),
        ("router/192.168.7.4", "sleepy/172.20.9.1", MUST),
        ("router/192.168.7.4", "sleepy/172.20.9.2", UNASKED),
    ],
)
def test_a_host_on_a_lan_speaks_first_where_a_test_says_so(
    made: Obligations, source: str, target: str, owed: Owed
) -> None:
    assert made.owed(party(source), party(target), 4) == owed


@pytest.mark.parametrize(
    ("source", "target", "family", "owed"),
    [
        ("phone", "/1.1.1.1", 4, MUST),
        ("phone", "/2606:4700:4700::1111", 6, MUST),
        ("phone", "/8.8.8.8", 4, APART),
        ("phone", "/10.9.9.9", 4, UNASKED),
        ("phone", "/10.1.0.99", 4, UNASKED),
        ("guest", "/1.1.1.1", 4, UNASKED),
    ],
)
def test_the_internet_is_owed_to_each_user_of_an_exit_in_each_family(
    made: Obligations, source: str, target: str, family: int, owed: Owed
) -> None:
    assert made.owed(Party(source), party(target), family) == owed


def test_nobody_in_the_internet_speaks_first(made: Obligations) -> None:
    assert made.owed(host("1.1.1.1"), Party("phone"), 4) == UNASKED


def test_an_address_is_somebody_s_or_behind_the_nearest_router_or_in_the_internet(
    made: Obligations,
) -> None:
    assert made.party(Prefix.parse("10.1.0.7")) == Party("phone")
    assert made.party(Prefix.parse("172.20.9.1")) == host("172.20.9.1", "sleepy")
    assert made.party(Prefix.parse("172.20.8.1")) == host("172.20.8.1", "router")
    assert made.party(Prefix.parse("1.1.1.1")) == host("1.1.1.1")


def test_every_managed_node_owes_a_file_with_its_addresses(made: Obligations) -> None:
    assert sorted(made.files) == [
        *("guest", "hub", "nas", "pc", "phone", "radio", "router", "sleepy", "till", "tv"),
    ]
    assert made.files["phone"].addresses == (Prefix.parse("10.1.0.7"),)
    assert made.families == (4, 6)


def test_every_file_owes_the_name_servers_at_their_addresses(made: Obligations) -> None:
    nas, far = Prefix.parse("10.1.0.200"), Prefix.parse("9.9.9.9")
    assert made.files["phone"].servers == (nas, far)
    assert made.files["hub"].servers == (), "a relay keeps the resolver of its place"


def test_addresses_are_told_apart_where_tests_do(made: Obligations) -> None:
    assert Prefix.parse("172.20.1.0/24") in set(made.cuts())
