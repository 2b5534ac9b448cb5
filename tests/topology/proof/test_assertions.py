"""Assertions (`tests:` entries), checked on the files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.diagnostics import Location
from meshc.topology.language.spec import Expect, TestSpec
from meshc.topology.proof import prove
from tests.support.planted import finding, findings
from tests.support.wire import main_example
from tests.support.wire_examples import exit_example, lan_example

RELAY = "public-server1"
PLACE = Location("mesh.yaml", 40, 5)


def assertion(
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    expect: Expect = Expect.REACHABLE,
    via: tuple[str, ...] | None = None,
) -> TestSpec:
    return TestSpec(sources, targets, expect, via, PLACE)


TRUE = {
    "reachable": assertion(("phone",), ("home-server",)),
    "via": assertion(("phone",), ("home-server",), via=(RELAY,)),
    "direct": assertion(("phone",), (RELAY,), via=()),
    "group": assertion(("phone", "laptop"), ("phone", "laptop", "home-server")),
    "lan": assertion(("phone",), ("192.168.1.0/24",)),
    "part of the lan": assertion(("phone",), ("192.168.1.128/25",)),
    "lan via": assertion(("phone",), ("192.168.1.0/24",), via=(RELAY,)),
    "elsewhere": assertion(("phone",), ("192.168.2.0/24",), Expect.UNREACHABLE),
    "a host of a lan": assertion(("192.168.1.20/32",), ("phone",), via=(RELAY,)),
    "all nodes by their prefix": assertion(("phone",), ("10.44.0.0/24",)),
    "own lan": assertion(("home-server",), ("192.168.1.0/24",)),
}
FALSE = {
    "reachable": (
        assertion(("phone",), ("home-server",), Expect.UNREACHABLE),
        "phone → home-server is reachable",
    ),
    "via": (
        assertion(("phone",), ("home-server",), via=()),
        "phone → home-server goes phone → public-server1 → home-server",
    ),
    "lan": (
        assertion(("phone",), ("192.168.2.0/24",)),
        "phone → 192.168.2.0/24 is not reachable over IPv4",
    ),
    "other family": (
        assertion(("phone",), ("fd00::/64",)),
        "it says nothing about anybody",
    ),
    "the router as a relay of its own lan": (
        assertion(("phone",), ("192.168.1.0/24",), via=(RELAY, "home-server")),
        "phone → 192.168.1.0/24 goes phone → public-server1 → home-server",
    ),
    "a part is reachable": (
        assertion(("phone",), ("192.168.0.0/16",), Expect.UNREACHABLE),
        "phone → 192.168.0.0/16 is reachable",
    ),
    "a node in a prefix is reachable": (
        assertion(("phone",), ("10.44.0.0/24",), Expect.UNREACHABLE),
        "phone → public-server1 is reachable; phone → public-server2 is reachable; "
        "phone → home-server is reachable (and 1 more)",
    ),
    "an address that nobody has": (
        assertion(("phone",), ("10.44.0.200/32",), Expect.UNREACHABLE),
        "nobody has 10.44.0.200/32",
    ),
    "a sender that nobody is": (
        assertion(("192.0.2.7/32",), ("phone",), Expect.UNREACHABLE),
        "nobody has 192.0.2.7/32",
    ),
    "a sender by address": (
        assertion(("10.44.0.5/32",), ("home-server",), Expect.UNREACHABLE),
        "phone → home-server is reachable",
    ),
    "a host of a lan is a sender": (
        assertion(("192.168.1.20/32",), ("phone",), Expect.UNREACHABLE),
        "192.168.1.20/32 → phone is reachable",
    ),
    "no sender": (
        assertion((), ("phone",), Expect.UNREACHABLE),
        "it says nothing about anybody",
    ),
    "only itself": (
        assertion(("phone",), ("phone",), Expect.UNREACHABLE),
        "it says nothing about anybody",
    ),
    "more than the lan": (
        assertion(("phone",), ("192.168.0.0/23",)),
        "phone → 192.168.0.0/23 is not reachable over IPv4",
    ),
}


@pytest.mark.parametrize("test", TRUE.values(), ids=TRUE)
def test_an_assertion_that_holds(test: TestSpec) -> None:
    wire = lan_example()
    wire.tests = (test,)
    assert findings(wire) == []


@pytest.mark.parametrize(("test", "text"), FALSE.values(), ids=FALSE)
def test_an_assertion_that_does_not_hold(test: TestSpec, text: str) -> None:
    wire = lan_example()
    wire.tests = (test,)
    found = finding(wire, "E419")
    assert found.message == f"this test does not hold: {text}"
    assert found.location == PLACE
    # where there is a packet there is its story
    assert found.trace or text.startswith(("nobody", "it says"))


def test_the_internet_through_an_exit() -> None:
    wire = exit_example()
    wire.tests = (assertion(("phone",), ("1.1.1.1/32",)), assertion(("laptop",), ("1.1.1.1/32",)))
    assert finding(wire, "E419").message == (
        "this test does not hold: laptop → 1.1.1.1/32 is not reachable over IPv4"
    )


@pytest.mark.parametrize("via", [(), (RELAY,)])
def test_an_exit_may_be_named_on_the_way_to_the_internet(via: tuple[str, ...]) -> None:
    wire = exit_example()
    wire.tests = (assertion(("phone",), ("1.1.1.1/32",), via=via),)
    assert findings(wire) == []


def test_an_exit_does_not_send_to_an_internet_whose_family_it_does_not_speak() -> None:
    wire = exit_example()
    wire.nodes[RELAY].facts = replace(wire.nodes[RELAY].facts, underlay=(6,))
    wire.tests = (assertion(("phone",), ("1.1.1.1/32",)),)
    assert "phone → 1.1.1.1/32 is not reachable over IPv4" in finding(wire, "E419").message


def test_who_is_asleep_by_choice_hears_the_answer_to_what_it_asked() -> None:
    wire = main_example()
    for peer in wire.nodes["phone"].peers.values():
        peer.keepalive = None
    wire.silent = {"phone": 0}
    wire.tests = (assertion(("phone",), (RELAY,)),)
    assert {code for code, _ in findings(wire)} == {"W408"}
    wire.tests = (assertion((RELAY,), ("phone",)),)
    assert "E419" in {code for code, _ in findings(wire)}


def test_an_answer_that_cannot_be_judged_is_neither_met_nor_broken() -> None:
    wire = lan_example()
    wire.nodes["phone"].post_up.append("iptables -I INPUT -i %i -m limit -j DROP")
    wire.tests = (assertion(("phone",), ("192.168.1.0/24",)),)
    assert {code for code, _ in findings(wire)} == {"W443"}


@pytest.mark.parametrize("expect", [Expect.REACHABLE, Expect.UNREACHABLE])
def test_an_answer_to_who_is_asleep_by_choice_is_judged_or_not(expect: Expect) -> None:
    wire = main_example()
    for peer in wire.nodes["phone"].peers.values():
        peer.keepalive = None
    wire.silent = {"phone": 0}
    wire.nodes["phone"].post_up.append("iptables -I INPUT -i %i -m limit -j DROP")
    wire.tests = (assertion(("phone",), (RELAY,), expect),)
    open_ = [f for f in prove(wire.files(), wire.expectation()).findings if f.path == "tests"]
    assert [found.code for found in open_] == ["W443"]
    # but what goes first to who sleeps is lost, whatever an answer would meet
    wire.tests = (assertion((RELAY,), ("phone",)),)
    assert "E419" in {code for code, _ in findings(wire)}


def test_a_lost_answer_breaks_an_assertion() -> None:
    wire = main_example()
    wire.nodes[RELAY].peers["home-server"].allowed.clear()
    wire.tests = (assertion(("home-server",), ("phone",)),)
    assert "home-server → phone is not reachable" in finding(wire, "E419").message


def test_many_broken_pairs_are_counted() -> None:
    wire = main_example()
    names = tuple(wire.nodes)
    wire.tests = (assertion(names, names, Expect.UNREACHABLE),)
    assert "(and 17 more)" in finding(wire, "E419").message
