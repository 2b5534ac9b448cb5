"""A hook that must fail is an error of its node."""

from __future__ import annotations

import pytest

from meshc.topology.proof.hook_findings import check_hooks
from tests.support.planted import finding, proof
from tests.support.wire import main_example

assert check_hooks, "what these findings come from"


def test_a_hook_that_fails_is_an_error_with_the_command() -> None:
    wire = main_example()
    wire.nodes["phone"].post_up.append("false")
    found = finding(wire, "E440")
    assert found.message == "phone: `false` takes the tunnel down as soon as it is up"
    assert not proof(wire).holds


@pytest.mark.parametrize(
    ("hooks", "fails"),
    [
        (("ip route del 10.44.0.0/24 dev %i",), False),
        (("ip route del 10.44.0.0/16 dev %i",), True),
        (("ip route del 10.44.0.0/16 dev %i || true",), False),
        (("ip route add 10.44.0.0/24 dev %i",), True),
        (("ip route replace 10.44.0.0/24 dev %i",), False),
        (("ip route add 10.44.0.0/24 dev %i table 7",), False),
        (("ip route add 10.9.0.0/16 dev %i", "ip route del 10.9.0.0/16 dev %i"), False),
        (("ip route add 10.9.0.0/16 dev %i", "ip route add 10.9.0.0/16 dev %i"), True),
    ],
)
def test_a_route_that_is_there_cannot_be_added_and_one_that_is_not_cannot_be_deleted(
    hooks: tuple[str, ...], *, fails: bool
) -> None:
    wire = main_example()
    wire.nodes["phone"].post_up += hooks
    assert ("E440" in {one.code for one in proof(wire).findings}) is fails


def test_nothing_is_claimed_behind_a_hook_that_cannot_be_judged() -> None:
    wire = main_example()
    wire.nodes["public-server1"].post_up.append("/usr/local/bin/up.sh")
    found = proof(wire)
    assert found.holds
    assert not found.reachable("phone", "laptop")
    assert finding(wire, "W443").message.startswith("home-server → laptop: not judged: ")
    assert found.reachable("phone", "public-server2")
