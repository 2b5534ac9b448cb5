"""Who may be asleep has said so: for itself, or for one link."""

from __future__ import annotations

from meshc.topology.language.spec import LinkSpec, NetworkSpec, NodeSpec, Spec
from meshc.topology.obligations.silence import Silence

NODES = {
    name: NodeSpec(name=name, keepalive=0 if name == "phone" else 25)
    for name in ("hub", "pc", "phone")
}


def silence(*links: LinkSpec) -> Silence:
    return Silence.of(Spec(NetworkSpec("x", ()), NODES, {}, {}, links))


def test_a_node_that_is_off_is_off_towards_everybody() -> None:
    assert silence().chosen("phone", "hub") == 0
    assert silence().chosen("hub", "phone") is None


def test_a_link_says_otherwise_in_both_ways() -> None:
    assert silence(LinkSpec("hub", "pc", keepalive=0)).chosen("pc", "hub") == 0
    assert silence(LinkSpec("hub", "phone", keepalive=25)).chosen("phone", "hub") is None


def test_a_router_forgets_who_is_silent_for_longer_than_two_minutes() -> None:
    assert silence(LinkSpec("hub", "pc", keepalive=3600)).chosen("pc", "hub") == 3600
    assert silence(LinkSpec("hub", "pc", keepalive=120)).chosen("pc", "hub") is None
