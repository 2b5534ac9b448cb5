"""The guard beside a default route: what a neighbour sends to the tunnel's own address does not
arrive, and the answers to WireGuard's packets carry its mark.

box 192.0.2.1 ---- eth0 ---- 192.0.2.2 lan      wg0 of the box: 10.44.0.1 and fd44::1
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.node.system.firewall import FirewallFacts, FirewallLoad, TableLoad
from meshc.node.system.killswitch import guards, table_name
from meshc.prefixes import InterfaceAddress
from tests.support.machine_facts import EMPTY_DUMP, machine
from tests.support.netns import Namespace, connect, namespaces, needs_root, require

ADDRESSES = [InterfaceAddress.parse(text) for text in ("10.44.0.1/24", "fd44::1/64")]
NAMES = st.from_regex(r"[a-zA-Z0-9_=+.-]{1,15}", fullmatch=True)


@given(NAMES, NAMES)
def test_each_interface_has_a_table_of_its_own_that_nft_can_name(one: str, other: str) -> None:
    assert (table_name(one) == table_name(other)) == (one == other)
    # nft's scanner: {letter}({letter}|{digit}|[/\-_\.])*
    assert table_name(one).isascii()
    assert table_name(one)[0].isalpha()
    assert all(c.isalnum() or c in "/-_." for c in table_name(one))


def test_nft_comes_first_and_nothing_is_guarded_without_either() -> None:
    def kinds(**facts: object) -> list[tuple[type, int]]:
        found = guards([4, 6], 51820, ADDRESSES, machine(**facts))
        return [(type(change), change.family) for change in found]  # type: ignore[attr-defined]

    assert kinds() == [(TableLoad, 4), (TableLoad, 6)]
    assert kinds(has_nft=False) == [(FirewallLoad, 4), (FirewallLoad, 6)]
    half = {4: FirewallFacts("iptables", EMPTY_DUMP), 6: FirewallFacts()}
    assert kinds(has_nft=False, firewall=half) == [(FirewallLoad, 4)]
    assert kinds(has_nft=False, firewall={}) == []


USE = """
from meshc.node.fact_set import FactSet
from meshc.node.system.firewall import read_facts
from meshc.node.system.killswitch import guards
from meshc.prefixes import InterfaceAddress
own = [InterfaceAddress.parse(text) for text in ("10.44.0.1/24", "fd44::1/64")]
facts = FactSet("wg0", has_nft={nft}, firewall={{f: read_facts(f) for f in (4, 6)}})
for change in guards([4, 6], 51820, own, facts):
    change.{verb}(None)
"""
# the box sends with the mark; the neighbour answers; a counter of ours sees the mark of the answer
WATCH = """
table inet watch {
  chain in {
    type filter hook input priority 100
    udp sport 7 meta mark 51820 counter
  }
}
"""
TALK = """
import socket, sys
with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET,
                   socket.SOCK_DGRAM) as s:
    s.settimeout(20)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 51820)
    s.sendto(b"x", (sys.argv[1], 7))
    s.recv(9)
"""
ECHO = """
import socket
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
    s.bind(("::", 7))
    print("ready", flush=True)
    while True:
        data, sender = s.recvfrom(9)
        s.sendto(data, sender)
"""


@pytest.fixture
def world() -> Iterator[tuple[Namespace, Namespace]]:
    require("ip", "nft", "iptables", "ip6tables", "ping")
    with namespaces("box", "lan") as (box, lan):
        connect(box, lan, left_name="eth0", right_name="eth0")
        box.shell(
            "ip addr add 192.0.2.1/24 dev eth0; ip addr add 2001:db8::1/64 dev eth0 nodad\n"
            "ip link add wg0 type bridge; ip link set wg0 up\n"
            "ip addr add 10.44.0.1/24 dev wg0; ip addr add fd44::1/64 dev wg0 nodad"
        )
        lan.shell(
            "ip addr add 192.0.2.2/24 dev eth0; ip addr add 2001:db8::2/64 dev eth0 nodad\n"
            "ip route add 10.44.0.1 via 192.0.2.1; ip route add fd44::1 via 2001:db8::1"
        )
        yield box, lan


@pytest.mark.root
@needs_root[1]
@pytest.mark.parametrize("nft", [True, False])
def test_a_neighbour_cannot_talk_to_the_tunnels_own_addresses(
    world: tuple[Namespace, Namespace], nft: bool
) -> None:
    """CVE-2019-14899. The addresses of the LAN itself stay reachable, and so does the box's own
    address from the box."""
    box, lan = world

    def answers(one: Namespace, address: str) -> bool:
        argv = ("ping", "-c", "1", "-W", "1", address)
        return any(one.run(*argv, check=False).returncode == 0 for _ in range(2))

    for address in ("10.44.0.1", "fd44::1"):
        assert answers(lan, address), "before there is a guard"
    box.run(sys.executable, "-c", USE.format(nft=nft, verb="apply"))
    for address in ("10.44.0.1", "fd44::1"):
        assert not answers(lan, address)
        assert answers(box, address)
    for address in ("192.0.2.1", "2001:db8::1"):
        assert answers(lan, address)
    box.run(sys.executable, "-c", USE.format(nft=nft, verb="reverse"))
    for address in ("10.44.0.1", "fd44::1"):
        assert answers(lan, address), "after the guard has gone"
    assert "meshc" not in box.shell("nft list ruleset").lower()


@pytest.mark.root
@needs_root[1]
@pytest.mark.parametrize("nft", [True, False])
def test_the_answers_to_marked_packets_are_marked(
    world: tuple[Namespace, Namespace], nft: bool
) -> None:
    box, lan = world
    box.run("nft", "-f", "-", input=WATCH)

    def marked() -> int:
        for address in ("192.0.2.2", "2001:db8::2"):
            box.run(sys.executable, "-c", TALK, address)
        words = box.shell("nft list table inet watch").split()
        return int(words[words.index("packets") + 1])

    echo = lan.start(sys.executable, "-c", ECHO, stdout=subprocess.PIPE)
    try:
        assert echo.stdout is not None
        assert echo.stdout.readline() == "ready\n"
        assert marked() == 0, "without the guard"
        box.run(sys.executable, "-c", USE.format(nft=nft, verb="apply"))
        assert marked() == 2
    finally:
        echo.kill()
        echo.communicate()
