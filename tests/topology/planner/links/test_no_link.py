"""Why there is no link, in words."""

from __future__ import annotations

import pytest

from meshc.topology.language.spec import DirectMode, LinkSpec, Nat, NodeSpec
from meshc.topology.planner.links.no_link import explain_no_link
from tests.support.specs import node

HUB = node("hub", endpoint="198.51.100.1")
X = "x has no endpoint (it is behind a NAT)"


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (node("x"), node("y"), f"{X}, and y has no endpoint (it is behind a NAT)"),
        (node("x", direct=("other",)), HUB, "the direct list of x does not include hub"),
        (HUB, node("x", direct=DirectMode.RELAYS), "direct: relays of x does not include hub"),
        (node("x", direct=DirectMode.NONE), HUB, "direct: none of x does not include hub"),
        (
            node("x", underlay=(6,)),
            node("hub", endpoint="198.51.100.1", underlay=(4,)),
            f"{X}, and hub speaks IPv4 to the internet and x IPv6",
        ),
        (node("x", underlay=(6,)), HUB, f"{X}, and hub has no IPv6 endpoint"),
        (
            node("x"),
            node("hub", endpoint="hub.example", nat=Nat.SYMMETRIC),
            f"{X}, and the endpoint of hub is useless behind a symmetric NAT",
        ),
        (
            node("x"),
            node("hub", endpoint="hub.example", nat=Nat.PORT_RESTRICTED),
            f"{X}, and hub is behind a port-restricted NAT, and x has no fixed endpoint itself",
        ),
    ],
)
def test_cause(a: NodeSpec, b: NodeSpec, expected: str) -> None:
    assert explain_no_link(a, b, None) == expected


def test_a_forbidden_link() -> None:
    text = explain_no_link(node("x"), HUB, LinkSpec("hub", "x", False))
    assert text == "links: forbids a direct link between x and hub"
