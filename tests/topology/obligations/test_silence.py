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
    assert silence().chosen("phone", "hub")
    assert not silence().chosen("hub", "phone")


def test_a_link_says_otherwise_in_both_ways() -> None:
    assert silence(LinkSpec("hub", "pc", keepalive=0)).chosen("pc", "hub")
    assert not silence(LinkSpec("hub", "phone", keepalive=25)).chosen("phone", "hub")
