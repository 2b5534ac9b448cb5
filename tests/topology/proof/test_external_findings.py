"""LANs, exits, addresses of nobody, and MTU along the path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.prefixes import Prefix
from tests.support.planted import finding, findings
from tests.support.wire import main_example
from tests.support.wire_examples import EXIT_BACK, LAN_HOOKS, exit_example, lan_example

RELAY, LAN = "public-server1", "192.168.1.0/24"


def test_the_lan_is_reached_by_all() -> None:
    assert findings(lan_example()) == []


@pytest.mark.parametrize(
    ("hook", "code", "message"),
    [
        (
            0,
            "E409",
            "laptop → 192.168.1.0/24 behind home-server: home-server drops it: none of its "
            "rules forwards it from wg0 to LAN or WAN (4 nodes)",
        ),
        (
            1,
            "E409",
            "192.168.1.0/24 behind home-server → laptop: home-server drops it: none of its "
            "rules forwards it from LAN or WAN to wg0 (4 nodes)",
        ),
        (
            2,
            "E409",
            "laptop → 192.168.1.0/24 behind home-server: home-server drops it: IPv4 forwarding "
            "is off (4 nodes)",
        ),
        (
            3,
            "E410",
            "laptop → 192.168.1.0/24 behind home-server: home-server lets it out without "
            "masquerading 10.44.0.4, so that no answer finds the way back (4 nodes)",
        ),
    ],
)
def test_a_hook_of_the_router_is_missing(hook: int, code: str, message: str) -> None:
    wire = lan_example()
    wire.nodes["home-server"].post_up.remove(LAN_HOOKS[hook])
    assert findings(wire) == [(code, message)]


def test_masquerade_false_needs_no_rule() -> None:
    wire = lan_example()
    home = wire.nodes["home-server"]
    home.post_up.pop()
    home.facts = replace(home.facts, masquerade=False)
    assert findings(wire) == []


def test_a_node_that_does_not_know_the_lan() -> None:
    wire = lan_example()
    wire.nodes["phone"].peers[RELAY].allowed.remove(LAN)
    assert findings(wire) == [
        (
            "E412",
            "phone → 192.168.1.0/24 behind home-server: phone has no route into the tunnel for "
            "192.168.1.0",
        )
    ]


def test_a_lan_that_leads_to_the_wrong_router() -> None:
    wire = lan_example()
    wire.nodes[RELAY].peers["home-server"].allowed.remove(LAN)
    wire.nodes[RELAY].facts = replace(
        wire.nodes[RELAY].facts, lans=(Prefix.parse("192.168.0.0/16"),)
    )
    wire.nodes[RELAY].post_up += [
        "iptables -A FORWARD -i %i -j ACCEPT",
        "iptables -I FORWARD -i %i -j ACCEPT",
        "iptables -t nat -A POSTROUTING -j MASQUERADE",
    ]
    found = [text for _, text in findings(wire)]
    assert any("it leaves the tunnel at public-server1 instead" in text for text in found)


def test_an_exit_that_works() -> None:
    assert findings(exit_example()) == []


def test_an_exit_that_does_not_masquerade() -> None:
    wire = exit_example()
    wire.nodes[RELAY].post_up.pop()
    assert findings(wire) == [
        (
            "E410",
            "phone → the internet behind public-server1: public-server1 lets it out without "
            "masquerading 10.44.0.5, so that no answer finds the way back",
        )
    ]


def test_an_exit_that_does_not_take_the_answer() -> None:
    wire = exit_example()
    wire.nodes[RELAY].post_up.remove(EXIT_BACK)
    assert findings(wire) == [
        (
            "E409",
            "the internet behind public-server1 → phone: public-server1 drops it: none of its "
            "rules forwards it from LAN or WAN to wg0",
        )
    ]


def test_an_exit_user_that_leaks_ipv6() -> None:
    wire = exit_example()
    wire.nodes["phone"].peers[RELAY].allowed.remove("::/0")
    assert findings(wire) == [
        (
            "E414",
            "phone uses the exit public-server1, but IPv6 to :: leaves outside of the tunnel",
        )
    ]


def test_an_exit_user_that_leaks_ipv4() -> None:
    wire = exit_example()
    wire.nodes["phone"].peers[RELAY].allowed.remove("0.0.0.0/0")
    wire.nodes["phone"].peers[RELAY].allowed += ["0.0.0.0/1"]
    told = findings(wire)
    assert (
        "E414",
        "phone uses the exit public-server1, but IPv4 to 128.0.0.0 leaves outside of the tunnel",
    ) in told


def test_two_halves_are_a_default_route() -> None:
    wire = exit_example()
    allowed = wire.nodes["phone"].peers[RELAY].allowed
    allowed.remove("0.0.0.0/0")
    allowed += ["0.0.0.0/1", "128.0.0.0/1"]
    # unlike the default route they swallow the endpoints
    assert {code for code, _ in findings(wire)} == {"E413"}


def test_relays_that_give_each_other_a_catch_all() -> None:
    wire = main_example()
    server = wire.nodes["public-server2"]
    server.facts = replace(server.facts, relay=True)
    wire.nodes[RELAY].peers["public-server2"].allowed.append("10.44.0.0/24")
    found = finding(wire, "E411")
    assert found.message == (
        "an address that nobody has (10.44.0.0) goes round: "
        "public-server1 → public-server2 → public-server1"
    )


def test_mtu_shrinks_on_the_way() -> None:
    wire = main_example()
    wire.nodes[RELAY].mtu = 1380
    told = findings(wire)
    assert [code for code, _ in told] == ["W416"]
    assert told[0][1] == (
        "home-server sends packets of 1420 bytes to laptop, but public-server1 on the way "
        "passes only 1380"
    )
