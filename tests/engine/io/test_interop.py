"""The engine against Debian's wireguard-go, in both roles, over a real TUN device.

a ── veth ── b        see tests/support/enginenet.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.proto.datapath.segment import MOST_SEGMENTS
from tests.support.enginenet import Net, end, run, wait_for

pytestmark = [pytest.mark.root]

PAIRS = [("meshc", "wireguard-go"), ("wireguard-go", "meshc"), ("meshc", "meshc")]
V4, V6 = "10.98.0.2:51820", "[fd98::2]:51820"

_HOLD_PORT = """
import socket, time
holder = socket.socket(type=socket.SOCK_DGRAM)
holder.bind(("", 40001))
print("bound", flush=True)
time.sleep(30)
"""


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Net(tmp_path) as net:
        yield net


def connect(net: Net, pair: tuple[str, str], endpoint: str = V4, *, psk: bool = True) -> None:
    """Start both sides; a knows where b is, b waits to be told."""
    for side, implementation in zip("ab", pair, strict=True):
        net.start(side, implementation)
    net.configure("b", endpoint=None, psk=psk)
    net.configure("a", endpoint=endpoint, psk=psk)
    net.ping("a", "10.99.0.2")


@pytest.mark.parametrize("endpoint", [V4, V6], ids=["over-ipv4", "over-ipv6"])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_everything_gets_through(net: Net, pair: tuple[str, str], endpoint: str) -> None:
    connect(net, pair, endpoint)

    net.ping("a", "fd99::2")
    net.ping("b", "fd99::1")
    net.ping("a", "10.99.0.2", "-s", "1392", "-M", "do")
    net.ping("a", "10.99.0.2", "-s", "4000")
    net.ping("b", "fd99::1", "-s", "4000")
    net.transfer("a", "10.99.0.2", 8)
    net.transfer("b", "fd99::1", 8)
    for side in "ab":
        shown = net.wg(side, "show", net.interfaces[side])
        assert "latest handshake" in shown
        assert "preshared key: (hidden)" in shown
        received, sent = net.wg(side, "show", net.interfaces[side], "transfer").split("\t")[1:]
        assert int(received) > 8 << 20
        assert int(sent) > 8 << 20


@pytest.mark.slow
def test_much_arrives_each_way_as_it_was_and_memory_stays_small(net: Net) -> None:
    """Hours of it: `benchmarks/engine_soak.py`."""
    connect(net, ("meshc", "meshc"))

    net.transfer("a", "10.99.0.2", 192)
    net.transfer("b", "10.99.0.1", 192)
    net.transfer("b", "fd99::1", 64)

    for process in net.processes.values():
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0])
        assert peak < 64 * 1024, f"{peak} kB"


def test_more_packets_than_sixteen_bits_can_count(net: Net) -> None:
    """With an implementation that is not ours and packets one by one."""
    connect(net, ("meshc", "wireguard-go"))

    net.transfer("a", "10.99.0.2", 96)  # 1,380 octets in each
    net.transfer("b", "10.99.0.1", 96)


def test_one_wrong_preshared_key_and_nothing_gets_through(net: Net) -> None:
    for side in "ab":
        net.start(side, "meshc")
    net.configure("b", endpoint=None, psk=False)
    net.configure("a", endpoint=V4, psk=True)

    assert "0 received" in net.inside("a", ["ping", "-c1", "-W1", "10.99.0.2"], check=False)
    assert net.handshake("a") == 0


@pytest.mark.parametrize("pair", PAIRS[:2], ids="-".join)
def test_a_side_that_moves_is_followed(net: Net, pair: tuple[str, str]) -> None:
    connect(net, pair)
    assert net.endpoint("b") == "10.98.0.1:51820"

    namespace = net.namespaces["a"]
    run("ip", "-n", namespace, "addr", "del", "10.98.0.1/24", "dev", "v0")
    run("ip", "-n", namespace, "addr", "add", "10.98.0.3/24", "dev", "v0")
    if pair[0] == "wireguard-go":
        # This old one holds on to the address that is gone until it is told anew.
        net.wg("a", "set", net.interfaces["a"], "peer", net.public("b"), "endpoint", V4)
    net.ping_in_session("a", "10.99.0.2")

    assert net.endpoint("b") == "10.98.0.3:51820"
    net.ping_in_session("b", "10.99.0.1")


@pytest.mark.parametrize("pair", PAIRS[:2], ids="-".join)
def test_a_side_that_moves_to_the_other_family_is_followed(net: Net, pair: tuple[str, str]) -> None:
    connect(net, pair)

    net.wg("a", "set", net.interfaces["a"], "peer", net.public("b"), "endpoint", V6)
    net.ping_in_session("a", "10.99.0.2")

    assert net.endpoint("b") == "[fd98::1]:51820"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
@pytest.mark.parametrize("side", ["a", "b"])
def test_after_a_restart_traffic_comes_back_without_touching_the_peer(
    net: Net, side: str, how: signal.Signals
) -> None:
    """Side a initiates; side b only answers, and its peer must notice by itself."""
    pair = ("meshc", "wireguard-go") if side == "a" else ("wireguard-go", "meshc")
    connect(net, pair)

    net.processes[side].send_signal(how)
    net.processes[side].wait(5)
    time.sleep(0.1)
    net.start(side, "meshc")
    net.configure(side, endpoint=V4 if side == "a" else None)

    # Without an endpoint of its own, b has to wait for a's: 15 s without an answer (6.4).
    net.ping("a", "10.99.0.2")
    net.ping("b", "10.99.0.1")


def test_rekeying_under_traffic_loses_nothing(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))
    before = net.handshake("a")
    time.sleep(1.1)

    # A new private key for the same peer would be a new peer: setting the same endpoint and
    # removing the session is what a restart of a does. Here: b forgets us, a must renew.
    end(net.processes["b"])
    net.start("b", "wireguard-go")
    net.configure("b", endpoint="10.98.0.1:51820")
    net.ping("b", "10.99.0.1")

    assert net.handshake("a") > before
    net.transfer("a", "10.99.0.2", 4)


def test_the_listen_port_changes_under_way(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))

    net.wg("a", "set", net.interfaces["a"], "listen-port", "40000", "fwmark", "0x10")
    net.ping_in_session("a", "10.99.0.2")

    wait_for(lambda: net.endpoint("b") == "10.98.0.1:40000", "the new endpoint")
    shown = net.wg("a", "show", net.interfaces["a"])
    assert "listening port: 40000" in shown
    assert "fwmark: 0x10" in shown
    assert "40000" in net.inside("a", ["ss", "-Hlun"])
    assert ":51820" not in net.inside("a", ["ss", "-Hlun"])


def test_a_port_that_is_taken_is_refused_and_the_old_one_stays(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))
    holder = subprocess.Popen(
        ["ip", "netns", "exec", net.namespaces["a"], sys.executable, "-c", _HOLD_PORT],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "bound\n"
        with pytest.raises(AssertionError, match="Address already in use"):
            net.wg("a", "set", net.interfaces["a"], "listen-port", "40001")
        holder.stdout.close()
    finally:
        end(holder)

    net.ping("a", "10.99.0.2")
    assert net.wg("a", "show", net.interfaces["a"], "listen-port").strip() == "51820"


def test_an_interface_that_goes_down_and_up_talks_again(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))

    run("ip", "-n", net.namespaces["a"], "link", "set", net.interfaces["a"], "down")
    wait_for(lambda: ":51820" not in net.inside("a", ["ss", "-Hlun"]), "the closing of the port")
    run("ip", "-n", net.namespaces["a"], "link", "set", net.interfaces["a"], "up")

    net.ping("a", "10.99.0.2")


def test_a_smaller_mtu_is_obeyed(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))

    for side in "ab":
        interface = net.interfaces[side]
        run("ip", "-n", net.namespaces[side], "link", "set", interface, "mtu", "1280")

    net.transfer("a", "10.99.0.2", 4)
    net.transfer("b", "10.99.0.1", 4)


def test_a_connection_of_tiny_segments_gets_through(net: Net) -> None:
    """The kernel hands over no more of them at once than the engine takes."""
    connect(net, ("meshc", "wireguard-go"))
    a, b = (net.namespaces[side] for side in "ab")
    shown = run("ip", "-n", a, "-d", "link", "show", net.interfaces["a"])
    assert f"gso_max_segs {MOST_SEGMENTS}" in shown

    # who is answered that 100 octets are the most sends no more in one
    run("ip", "-n", b, "route", "replace", "10.99.0.0/24", "dev", net.interfaces["b"],
        "advmss", "100")  # fmt: skip

    net.transfer("a", "10.99.0.2", 2)


def test_an_underlay_that_is_narrower_than_the_tunnel_still_carries_it(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))

    for side in "ab":
        run("ip", "-n", net.namespaces[side], "link", "set", "v0", "mtu", "1300")

    net.transfer("a", "10.99.0.2", 4)


def test_a_packet_for_nobody_is_answered_at_once(net: Net) -> None:
    connect(net, ("meshc", "wireguard-go"))

    said = net.inside("a", ["ping", "-c1", "-W2", "10.99.0.77"], check=False)

    assert "From 10.99.0.1 icmp_seq=1 Destination Host Unreachable" in said
    said = net.inside("a", ["ping", "-c1", "-W2", "fd99::77"], check=False)
    assert "From fd99::1 icmp_seq=1 Destination unreachable: Address unreachable" in said


@pytest.mark.parametrize("pair", [("meshc", "meshc"), ("meshc", "wireguard-go")], ids="-".join)
def test_a_path_that_tells_nobody_how_narrow_it_is_still_carries_it(
    net: Net, pair: tuple[str, str]
) -> None:
    """A router between them, whose ICMP is filtered, has to cut what is too long."""
    router = net.namespaces["r"] = f"{net.namespaces['a']}r"
    run("ip", "netns", "add", router)
    for side, network in (("a", 96), ("b", 95)):
        here, port = net.namespaces[side], f"to-{side}"
        run("ip", "link", "add", "v2", "netns", here, "type", "veth", "peer", port, "netns", router)
        run("ip", "-n", here, "addr", "add", f"10.{network}.0.1/24", "dev", "v2")
        run("ip", "-n", router, "addr", "add", f"10.{network}.0.2/24", "dev", port)
        run("ip", "-n", router, "link", "set", port, "up")
        run("ip", "-n", here, "link", "set", "v2", "up")
        run("ip", "-n", here, "route", "add", "10.0.0.0/8", "via", f"10.{network}.0.2")
    for namespace, port in ((router, "to-b"), (net.namespaces["b"], "v2")):
        run("ip", "-n", namespace, "link", "set", port, "mtu", "1300")
    net.inside("r", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
    net.inside("r", ["iptables", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP"])

    connect(net, pair, "10.95.0.1:51820")

    net.ping("a", "10.99.0.2", "-s", "1392", "-M", "do")


def test_what_did_not_leave_is_not_counted_as_sent(net: Net) -> None:
    connect(net, ("meshc", "meshc"))
    run("ip", "-n", net.namespaces["a"], "link", "set", "v0", "down")
    before = sent_octets(net)

    net.inside("a", ["ping", "-c", "5", "-i", "0.1", "-W", "1", "10.99.0.2"], check=False)

    assert sent_octets(net) == before


def sent_octets(net: Net) -> int:
    return int(net.wg("a", "show", net.interfaces["a"], "transfer").split()[2])
