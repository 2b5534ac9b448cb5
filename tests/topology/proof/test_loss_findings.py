"""One fault is one finding, with its code, its trace and its place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshc.diagnostics import Location
from meshc.topology.language.spec import Expect, TestSpec
from tests.support.planted import finding, findings, proof
from tests.support.wire import FORWARD, Wire, main_example, preshared_key, private_key

RELAY = "public-server1"
Fault = Callable[[Wire], None]


def _one_sided(wire: Wire) -> None:
    del wire.nodes[RELAY].peers["phone"]


def _moved(wire: Wire) -> None:
    wire.nodes[RELAY].peers["phone"].allowed.clear()
    wire.nodes[RELAY].peers["laptop"].allowed.append("10.44.0.5/32")


def _psk(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].psk = preshared_key("phone", "nobody")


def _stranger(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].key = private_key("nobody").public_key()


def _no_switch(wire: Wire) -> None:
    wire.nodes[RELAY].post_up.pop()


def _rule(wire: Wire) -> None:
    wire.nodes[RELAY].post_up.append("iptables -I FORWARD -s 10.44.0.5 -j REJECT")


def _silence(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].keepalive = None


def _endpoint(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].endpoint = "203.0.113.1:51820"


def _narrow(wire: Wire) -> None:
    wire.nodes["phone"].peers[RELAY].allowed[:] = ["10.44.0.1/32", "10.44.0.3/32"]


FAULTS: dict[Fault, list[tuple[str, str]]] = {
    _one_sided: [
        (
            "E404",
            "phone → home-server: public-server1 does not answer phone: it has no peer with "
            "phone's public key (3 pairs are lost this way)",
        ),
        (
            "E412",
            "home-server → phone: public-server1 has no route into the tunnel for 10.44.0.5 "
            "(3 pairs are lost this way)",
        ),
    ],
    _moved: [
        (
            "E400",
            "phone → home-server: public-server1 drops it: source 10.44.0.5 belongs to peer "
            "laptop (3 pairs are lost this way)",
        ),
        (
            "E409",
            "home-server → phone: laptop drops it: IPv4 forwarding is off "
            "(3 pairs are lost this way)",
        ),
    ],
    _psk: [
        (
            "E405",
            "phone → home-server: phone and public-server1 have different pre-shared keys "
            "(6 pairs are lost this way)",
        ),
    ],
    _stranger: [
        (
            "E403",
            "phone → home-server: phone drops it: no node has the public key that it lists for "
            "public-server1 (3 pairs are lost this way)",
        ),
        (
            "E404",
            "home-server → phone: phone does not answer public-server1: it has no peer with "
            "public-server1's public key (3 pairs are lost this way)",
        ),
    ],
    _no_switch: [
        (
            "E409",
            "home-server → laptop: public-server1 drops it: IPv4 forwarding is off "
            "(6 pairs are lost this way)",
        )
    ],
    _rule: [
        (
            "E409",
            "phone → home-server: public-server1 drops it: its rule `-s 10.44.0.5 -j REJECT` "
            "(2 pairs are lost this way)",
        )
    ],
    _silence: [
        (
            "E407",
            "home-server → phone: public-server1 cannot start a session with phone, and phone "
            "keeps none alive (no PersistentKeepalive) (3 pairs are lost this way)",
        )
    ],
    _endpoint: [
        (
            "E406",
            "phone → home-server: phone and public-server1 cannot shake hands: neither has an "
            "endpoint that reaches the other (6 pairs are lost this way)",
        ),
        ("E406", "phone: public-server1 is not reached at 203.0.113.1:51820"),
    ],
    _narrow: [
        (
            "E412",
            "phone → laptop: phone has no route into the tunnel for 10.44.0.4",
        ),
        (
            "E400",
            "laptop → phone: phone drops it: source 10.44.0.4 belongs to no peer",
        ),
    ],
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.strip("_"))
def test_findings_of_a_fault(fault: Fault) -> None:
    wire = main_example()
    fault(wire)
    assert sorted(findings(wire)) == sorted(FAULTS[fault])


def test_a_finding_has_the_trace_and_the_section() -> None:
    wire = main_example()
    _moved(wire)
    found = finding(wire, "E400")
    text = wire.nodes[RELAY].text().split("\n")
    line = max(n for n, row in enumerate(text[: text.index("# Name = laptop")], 1) if row)
    assert found.location == Location(f"{RELAY}/wg0.conf", line, 1)
    assert found.trace == (
        "phone: sends it to public-server1 (10.44.0.0/24)",
        "public-server1 drops it: source 10.44.0.5 belongs to peer laptop",
    )


def test_both_families_are_one_finding() -> None:
    wire = Wire("10.44.0.0/24", "fd44::/64")
    for n, name in enumerate(("a", "b"), 1):
        wire.add(name, f"10.44.0.{n}/32", f"fd44::{n}/128", endpoint=f"198.51.100.{n}:51820")
    wire.peer("a", "b", ["10.44.0.2/32", "fd44::2/128"])
    wire.peer("b", "a", ["10.44.0.1/32", "fd44::1/128"]).psk = None
    assert findings(wire) == [
        ("E405", "a → b: a and b have different pre-shared keys (2 pairs are lost this way)")
    ]


def test_what_a_test_declares_unreachable_is_no_loss() -> None:
    wire = main_example()
    _narrow(wire)
    for a, b in (("phone", "laptop"), ("laptop", "phone")):
        wire.tests += (TestSpec((a,), (b,), Expect.UNREACHABLE),)
    assert findings(wire) == []


def test_keepalive_zero_is_a_choice() -> None:

    wire = main_example()
    _silence(wire)
    wire.silent = {"phone": 0}
    assert [code for code, _ in findings(wire)] == ["W408"]
    assert proof(wire).holds


def test_many_faults_are_summed_up() -> None:
    wire = Wire("10.44.0.0/16")
    names = [f"n{i:03}" for i in range(60)]
    for n, name in enumerate(names):
        wire.add(name, f"10.44.1.{n}/32", endpoint=f"198.51.100.{n}:51820")
    for n, name in enumerate(names):
        other = names[(n + 30) % 60]
        wire.peer(name, other, f"10.44.1.{(n + 30) % 60}/32").psk = preshared_key(name, f"x{n}")
    told = findings(wire)
    assert 50 < len(told) < 80
    assert any("more faults lose packets" in text or "in other ways" in text for _, text in told)


def test_forwarding_of_the_main_example_is_what_meshc_writes() -> None:
    assert main_example().nodes[RELAY].post_up == list(FORWARD)


def test_who_is_asleep_must_hear_the_answer_to_what_it_asks() -> None:
    wire = main_example()
    for peer in wire.nodes["phone"].peers.values():
        peer.keepalive = None
    wire.silent = {"phone": 0}
    assert {code for code, _ in findings(wire)} == {"W408"}
    wire.nodes["phone"].post_up.append("iptables -P INPUT DROP")
    found = [text for code, text in findings(wire) if code == "E409"]
    assert found
    assert all("phone drops it: its rule `INPUT DROP`" in text for text in found)


@pytest.mark.parametrize(
    ("hook", "code"),
    [
        ("iptables -I FORWARD -p tcp -j DROP", "E409"),
        ("iptables -I INPUT -i %i -p udp -j REJECT --reject-with icmp-port-unreachable", "E409"),
        ("iptables -I FORWARD -p tcp --dport 25 -j DROP", "W443"),
        ("iptables -I FORWARD -p tcp -m limit --limit 5/s -j DROP", "W443"),
    ],
)
def test_every_protocol_of_what_is_owed_must_arrive(hook: str, code: str) -> None:
    wire = main_example()
    wire.nodes["public-server1"].post_up.append(hook)
    found = {code: text for code, text in findings(wire)}
    assert set(found) == {code}
    if code == "E409":
        assert "public-server1 drops all of" in found[code]
        pairs = tuple(wire.nodes)
        wire.tests = (TestSpec(pairs, pairs, Expect.UNREACHABLE),)
        assert "E409" not in {code for code, _ in findings(wire)}


def _answers_only(keepalive: int | None) -> Wire:
    """The relay routes by where packets come from: it answers and forwards, and begins nothing."""
    wire = main_example()
    wire.nodes[RELAY].table = "200"
    rules = [f"ip rule add {what} lookup 200" for what in ("iif %i", "from 10.44.0.1")]
    wire.nodes[RELAY].post_up += rules
    for name, node in wire.nodes.items():
        if RELAY in node.peers:
            node.peers[RELAY].keepalive = keepalive
            wire.silent = {**wire.silent, name: 0} if keepalive is None else {}
    return wire


def test_who_is_asleep_by_choice_is_owed_answers_alone() -> None:
    """`ip rule from OWN` does not route what the relay begins. It could begin nothing with a node
    that lets its session go, and the answers find their way."""
    wire = _answers_only(None)
    told = findings(wire)
    assert [text for code, text in told if code != "W408"] == [
        f"{RELAY} → public-server2: {RELAY} has no route into the tunnel for 10.44.0.2"
    ]
    assert (
        "W408",
        f"{RELAY} → home-server: {RELAY} cannot start a session with home-server, and home-server "
        "keeps none alive (no PersistentKeepalive) (3 pairs are lost this way)",
    ) in told
    assert proof(wire).hops(RELAY, "phone", 4) == 0
    assert proof(wire).hops("phone", RELAY, 4) == 1


def test_who_keeps_its_session_is_owed_first_packets_as_well() -> None:
    assert any(code == "E412" for code, _ in findings(_answers_only(25)))


def test_an_answer_that_has_no_route_is_lost() -> None:
    wire = _answers_only(None)
    wire.nodes[RELAY].post_up.pop()
    found = [text for code, text in findings(wire) if code == "E412"]
    assert any(text.startswith(f"{RELAY} → home-server: ") for text in found)
