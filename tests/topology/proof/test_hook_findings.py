"""A hook that must fail is an error of its node."""

from __future__ import annotations

import pytest

from meshc.topology.proof.hook_findings import check_hooks
from tests.support.planted import finding, proof
from tests.support.wire import main_example, private_key

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


def test_a_peer_that_a_hook_takes_away_is_missed() -> None:
    wire = main_example()
    key = private_key("public-server1").public_key()
    removal = f"wg set %i peer {key} remove"
    wire.nodes["phone"].post_up.append(removal)
    assert finding(wire, "E455").message.startswith("phone: a hook takes public-server1 away")
    # whoever comes back, or never was a peer, is not missed
    back = f"wg set wg0 peer {key} allowed-ips 10.44.0.0/24"
    other = removal.replace(str(key), str(private_key("laptop").public_key()))
    for lines in ([removal, back], [other], [removal.replace("%i", "wg7")]):
        wire.nodes["phone"].post_up[:] = lines
        assert {one.code for one in proof(wire).findings if one.code[0] == "E"} == set()


def test_a_key_that_wg_refuses_takes_the_tunnel_down() -> None:
    wire = main_example()
    wire.nodes["phone"].post_up.append("wg set %i peer x remove")
    assert finding(wire, "E440").message.startswith("phone: `wg set %i peer x remove` takes")


def test_nothing_is_claimed_behind_a_hook_that_cannot_be_judged() -> None:
    wire = main_example()
    wire.nodes["public-server1"].post_up.append("/usr/local/bin/up.sh")
    found = proof(wire)
    assert found.holds
    assert not found.reachable("phone", "laptop")
    assert finding(wire, "W443").message.startswith("home-server → laptop: not judged: ")
    assert found.reachable("phone", "public-server2")
