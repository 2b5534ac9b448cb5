"""Routes that begin at the address of a node."""

from __future__ import annotations

from tests.support.planted import findings
from tests.support.wire import Wire, forward

POOL = "fd44::/64"


def two_relays() -> Wire:
    """Two leaves behind `east` and one behind `west`, which lists those of `east` as a subnet."""
    wire = Wire(POOL)
    for name, address in (("east", "fd44::1"), ("west", "fd44::2")):
        wire.add(name, f"{address}/128", endpoint=f"{name}.example:51820", relay=True)
        wire.nodes[name].post_up += forward(6)
    wire.peer("east", "west", ["fd44::2/128", "fd44::20/128"])
    wire.peer("west", "east", ["fd44::1/128", "fd44::10/124"])
    for name, home, address in (
        ("first", "east", "fd44::10"),
        ("other", "east", "fd44::15"),
        ("third", "west", "fd44::20"),
    ):
        wire.add(name, f"{address}/128")
        wire.peer(name, home, POOL, keepalive=25)
        wire.peer(home, name, f"{address}/128")
    return wire


def test_an_address_at_which_a_route_begins() -> None:
    assert findings(two_relays()) == [
        (
            "W428",
            "west: the route fd44::10/124 begins at the address of first, which Linux therefore "
            "takes for an anycast address: it sends no ICMPv6 error there",
        )
    ]


def test_an_entry_of_its_own_mends_it() -> None:
    wire = two_relays()
    wire.nodes["west"].peers["east"].allowed.append("fd44::10/128")
    assert findings(wire) == []


def test_a_longer_route_that_begins_there_does_not() -> None:
    wire = two_relays()
    wire.nodes["west"].peers["east"].allowed.append("fd44::10/126")
    assert [text[:32] for code, text in findings(wire) if code == "W428"] == [
        "west: the route fd44::10/126 beg"
    ]


def test_a_point_to_point_prefix_has_no_anycast_address() -> None:
    wire = two_relays()
    wire.nodes["west"].peers["east"].allowed.append("fd44::10/127")
    assert findings(wire) == []


def test_a_route_that_begins_elsewhere_is_no_matter() -> None:
    wire = two_relays()
    wire.nodes["west"].peers["east"].allowed[1] = "fd44::14/126"
    wire.nodes["west"].peers["east"].allowed.append("fd44::10/128")
    assert findings(wire) == []


def test_the_own_address_is_routed_to_nobody() -> None:
    wire = two_relays()
    wire.nodes["west"].peers["east"].allowed[1] = "fd44::10/128"
    wire.nodes["west"].peers["east"].allowed.append("fd44::15/128")
    wire.nodes["first"].peers["east"].allowed.append("fd44::10/124")
    assert findings(wire) == []


def test_entries_that_become_no_routes_are_no_matter() -> None:
    wire = two_relays()
    wire.nodes["west"].table = "off"
    wire.nodes["west"].post_up.append("ip -6 route add fd44::/64 dev %i")
    assert "W428" not in dict(findings(wire))


def test_the_findings_of_many_nodes_are_one() -> None:
    wire = two_relays()
    wire.nodes["third"].peers["west"].allowed.append("fd44::10/124")
    assert [text[:16] for code, text in findings(wire) if code == "W428"] == ["third and 1 more"]
