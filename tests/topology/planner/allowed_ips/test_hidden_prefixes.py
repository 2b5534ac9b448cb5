"""What a node reaches without the tunnel, and what of that anybody's routes touch."""

from __future__ import annotations

from meshc.prefix_index import PrefixIndex
from meshc.prefixes import Prefix
from meshc.topology.planner.allowed_ips.hidden_prefixes import Hidden

LAN, OWN, PART, FAR = map(
    Prefix.parse, ("192.168.1.0/24", "192.168.2.0/24", "192.168.2.128/25", "192.168.3.0/24")
)


def test_a_lan_hides_its_parts_and_an_offer_only_itself() -> None:
    hidden = Hidden((LAN,), (OWN,))
    assert hidden.hides(LAN)
    assert hidden.hides(Prefix.parse("192.168.1.7/32"))
    assert hidden.hides(OWN)
    assert not hidden.hides(PART)
    assert not hidden.hides(FAR)


def test_what_nobody_routes_does_not_matter() -> None:
    routed = PrefixIndex([(PART, 1), (FAR, 2)])
    assert Hidden((LAN, FAR), (OWN,)).matters(routed) == Hidden((FAR,), (OWN,))
