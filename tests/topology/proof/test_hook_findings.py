"""A hook that must fail is an error of its node."""

from __future__ import annotations

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


def test_nothing_is_claimed_behind_a_hook_that_cannot_be_judged() -> None:
    wire = main_example()
    wire.nodes["public-server1"].post_up.append("/usr/local/bin/up.sh")
    found = proof(wire)
    assert found.holds
    assert not found.reachable("phone", "laptop")
    assert finding(wire, "W443").message.startswith("home-server → laptop: not judged: ")
    assert found.reachable("phone", "public-server2")
