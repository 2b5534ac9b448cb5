"""Who is told of an error where the engine's own host hides who sent the packet."""

from __future__ import annotations

import shutil
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshc.engine.io.nat_origin import NatOrigin, reply_tuple
from meshc.engine.io.netlink import attributes
from tests.support.netns import connect, namespaces, needs_root
from tests.support.packets import udp

PING = "ping -n -c 1 -W 60"
ENGINE = "from meshc.cli.engine import entry; entry()"
# behind NAT the router sends from its address in the tunnel; what it says itself comes from there
ROUTER = """
echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
ip addr add 10.98.0.100/24 dev eth0; ip addr add fd98::100/64 dev eth0 nodad
iptables -t nat -A POSTROUTING -o wg0 -s 10.98.0.0/24 -j MASQUERADE
iptables -t nat -A POSTROUTING -o wg0 -p udp --dport 7 -j SNAT --to 10.99.0.2:4000-4010
ip6tables -t nat -A POSTROUTING -o wg0 -s fd98::/64 -j MASQUERADE
{engine} wg0
ip addr add 10.99.0.2/24 dev wg0; ip addr add fd99::2/64 dev wg0 nodad; ip link set wg0 up
"""
ASKER = """
ip addr add 10.98.0.1/24 dev eth0; ip addr add fd98::1/64 dev eth0 nodad
ip route add 10.99.0.0/24 via 10.98.0.100; ip -6 route add fd99::/64 via fd98::100
iptables -A INPUT -i eth0 ! -s 10.98.0.0/24 -j DROP
ip6tables -A INPUT -i eth0 -s fd99::/64 -j DROP
"""
# argv: addresses; says who refused what UDP and TCP sent there, by the error queue of ip(7)
REFUSED = """
import select, socket, sys
for host in sys.argv[1:]:
    six = ":" in host
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET6 if six else socket.AF_INET, kind) as asking:
            asking.setblocking(False)
            asking.setsockopt(41 if six else 0, 25 if six else 11, 1)
            asking.connect_ex((host, 7))
            if kind == socket.SOCK_DGRAM:
                asking.send(b"question")
            poll = select.poll()
            poll.register(asking, select.POLLERR)
            assert poll.poll(60_000), (host, kind)
            _, found, _, _ = asking.recvmsg(2048, 512, socket.MSG_ERRQUEUE)
            (offender,) = (data[16:] for _, _, data in found)
            raw = offender[8:24] if six else offender[4:8]
            print(socket.inet_ntop(asking.family, raw))
"""


@needs_root[0]
@needs_root[1]
@needs_root[2]
@pytest.mark.skipif(shutil.which("iptables") is None, reason="iptables is not installed")
def test_who_asks_from_behind_nat_is_told_from_the_address_it_knows() -> None:
    """As the kernel's own test of WireGuard demands: a filter on the way takes nothing else."""
    with namespaces("asker", "router") as (asker, router):
        connect(asker, router, left_name="eth0", right_name="eth0")
        router.shell(ROUTER.format(engine=f"{sys.executable} -c '{ENGINE}'"))
        asker.shell(ASKER)
        said = asker.shell(
            "ping -n -c 1 -W 60 10.99.0.7 || true; ping -n -c 1 -W 60 fd99::7 || true"
        )
        assert "From 10.98.0.100 icmp_seq=1 Destination Host Unreachable" in said
        assert "From fd98::100 icmp_seq=1 Destination unreachable: Address unreachable" in said
        told = asker.run(sys.executable, "-c", REFUSED, "10.99.0.7", "fd99::7").stdout.split()
        assert told == ["10.98.0.100"] * 2 + ["fd98::100"] * 2
        # and the router itself is told as before
        own = router.shell(f"{PING} 10.99.0.7 || true")
        assert "From 10.99.0.2 icmp_seq=1 Destination Host Unreachable" in own


def test_an_answer_goes_the_other_way_round() -> None:
    question = udp(b"question", source="192.0.2.1", destination="192.0.2.7", sport=1000, dport=7)
    found = reply_tuple(question)
    assert found is not None
    inside = attributes(attributes(found)[2])
    assert attributes(inside[1]) == {1: bytes((192, 0, 2, 7)), 2: bytes((192, 0, 2, 1))}
    assert attributes(inside[2]) == {1: bytes((17,)), 2: bytes((0, 7)), 3: bytes((3, 232))}


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda data: b"\x45" + data)))
def test_no_packet_makes_it_raise(packet: bytes) -> None:
    reply_tuple(packet)


def test_a_kernel_that_does_not_tell_leaves_the_source_as_it_is() -> None:
    """Without rights, or without conntrack, or about a packet that nobody sent."""
    origin = NatOrigin()
    assert origin.own_address(udp(b"question", source="192.0.2.1", destination="192.0.2.7")) is None
    assert origin.own_address(b"") is None
    origin.close()
