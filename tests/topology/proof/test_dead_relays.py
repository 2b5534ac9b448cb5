"""What dies with a relay, and what nothing could save."""

from __future__ import annotations

from tests.support.planted import finding, proof
from tests.support.wire import FORWARD, Wire, main_example


def two_relays() -> Wire:
    """Two relays; a and b know both, c knows the first only. All go through the first."""
    wire = Wire("10.44.0.0/24")
    for n, name in enumerate(("r1", "r2"), 1):
        wire.add(name, f"10.44.0.{n}/32", endpoint=f"198.51.100.{n}:51820", relay=True)
        wire.nodes[name].post_up += FORWARD
    wire.peer("r1", "r2", "10.44.0.2/32")
    wire.peer("r2", "r1", "10.44.0.1/32")
    for n, name in enumerate(("a", "b", "c"), 10):
        wire.add(name, f"10.44.0.{n}/32")
        wire.peer(name, "r1", "10.44.0.0/24", keepalive=25)
        wire.peer("r1", name, f"10.44.0.{n}/32")
    for name in ("a", "b"):
        wire.peer(name, "r2", "10.44.0.2/32", keepalive=25)
        wire.peer("r2", name, wire.nodes[name].addresses[0])
    wire.nodes["r2"].peers["r1"].allowed.append("10.44.0.12/32")
    return wire


def test_pairs_that_a_relay_carries() -> None:
    made = proof(two_relays())
    assert made.holds
    (failure,) = made.failures
    # a, b and c among each other, and c with r2 both ways
    assert (failure.relay, failure.pairs) == ("r1", 8)
    # a and b could meet at r2; everything of c is cut off
    assert failure.stranded == 6
    assert all("c" in pair for pair in failure.examples)


def test_the_warning_names_a_pair() -> None:
    found = finding(two_relays(), "W418")
    assert found.message.startswith(
        "r1 is a single point of failure: without it 6 pairs are cut off, for example "
    )


def test_nobody_depends_on_a_relay_without_traffic() -> None:
    wire = main_example()
    for name in ("home-server", "laptop", "phone"):
        del wire.nodes[name].peers["public-server1"]
        del wire.nodes["public-server1"].peers[name]
    assert proof(wire).failures == ()
