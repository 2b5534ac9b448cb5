"""`via` without a link, and phones with many tunnels."""

from __future__ import annotations

from meshc.topology.language.spec import DirectMode, Platform
from meshc.topology.planner.checks.tunnels import check_tunnels
from tests.support import specs
from tests.support.findings import lines
from tests.support.specs import node


def test_via_without_a_link() -> None:
    spec = specs.spec(
        [
            node("far", relay=True, endpoint="far.example", underlay=(6,)),
            node("hub", relay=True, endpoint="hub.example"),
            node("pc", via=("far", "hub"), underlay=(4,)),
        ]
    )
    assert lines(check_tunnels, spec) == [
        "35 W207 'pc' cannot go via 'far': pc has no endpoint (it is behind a NAT), and far speaks "
        "IPv6 to the internet and pc IPv4"
    ]


def test_a_phone_with_many_links() -> None:
    servers = [node(f"s{i}", endpoint=f"s{i}.example", relay=i == 0) for i in range(6)]
    phone = node("phone", platform=Platform.IOS)
    assert lines(check_tunnels, specs.spec([*servers, phone])) == [
        "70 I218 'phone' is a phone with 6 direct links"
    ]
    frugal = node("phone", platform=Platform.IOS, direct=DirectMode.RELAYS)
    assert lines(check_tunnels, specs.spec([*servers, frugal])) == []
