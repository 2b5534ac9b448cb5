from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.io.path_monitor import PathMonitor
from meshc.engine.proto.udp_path import UdpPath
from tests.support.enginenet import Net, run, wait_for


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_source_is_kept_where_the_way_leads_back(host: str) -> None:
    monitor = PathMonitor()
    loopback = socket.if_nametoindex("lo")
    path = UdpPath(host, 51820, 0, host, loopback)

    assert monitor.keeps_source(path, 51820, 0)
    assert monitor.keeps_source(path, 51820, 0), "it can be asked again"
    assert not monitor.keeps_source(path._replace(interface=loopback + 1), 51820, 0)
    monitor.close()


def test_a_source_that_is_not_ours_is_not_kept() -> None:
    """Of IPv6 the routes do not tell: there the send fails, and the kernel chooses."""
    monitor = PathMonitor()

    assert not monitor.keeps_source(UdpPath("127.0.0.1", 1, 0, "192.0.2.1", 1), 51820, 0)
    monitor.close()


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Net(tmp_path) as net:
        yield net


def second_cable(net: Net) -> None:
    """b has two addresses in another network, and a two ways to there."""
    a, b = net.namespaces["a"], net.namespaces["b"]
    run("ip", "link", "add", "v1", "netns", a, "type", "veth", "peer", "v1", "netns", b)
    for namespace, number in ((a, 1), (b, 2)):
        run("ip", "-n", namespace, "addr", "add", f"10.97.0.{number}/24", "dev", "v1")
        run("ip", "-n", namespace, "addr", "add", f"fd97::{number}/64", "dev", "v1", "nodad")
        run("ip", "-n", namespace, "link", "set", "v1", "up")
    run("ip", "-n", b, "addr", "add", "192.0.2.2/32", "dev", "lo")
    run("ip", "-n", b, "addr", "add", "2001:db8::2/128", "dev", "lo", "nodad")
    for namespace in (a, b):
        wait_for(
            lambda ns=namespace: " UP " in run("ip", "-n", ns, "-br", "link", "show", "v1"),
            "the second cable",
        )
        net.inside(
            "a" if namespace == a else "b",
            ["sh", "-c", "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done"],
        )


@pytest.mark.root
@pytest.mark.parametrize("family", [4, 6])
def test_a_better_route_is_taken_and_the_source_with_it(net: Net, family: int) -> None:
    """The old address stays ours, and what is sent from it through the new cable is dropped, as
    every provider does."""
    second_cable(net)
    outer, first, second = {
        4: ("192.0.2.2", "10.98.0.{}", "10.97.0.{}"),
        6: ("2001:db8::2", "fd98::{}", "fd97::{}"),
    }[family]
    add = ["ip", f"-{family}", "-n", net.namespaces["a"], "route", "add", outer, "via"]
    run(*add, first.format(2), "metric", "100")
    for side in "ab":
        net.start(side, "meshc")
    net.configure("b", endpoint=None)
    net.configure("a", endpoint=f"{outer}:51820" if family == 4 else f"[{outer}]:51820")
    net.ping("a", "10.99.0.2")
    assert first.format(1) in net.endpoint("b")
    table = "iptables" if family == 4 else "ip6tables"
    net.inside("b", [table, "-A", "INPUT", "-i", "v1", "-s", first.format(1), "-j", "DROP"])
    # what the far side sends keeps telling us the old address
    net.wg("b", "set", net.interfaces["b"], "peer", net.public("a"), "persistent-keepalive", "1")

    run(*add, second.format(2), "metric", "50")

    net.ping_in_session("a", "10.99.0.2")
    assert second.format(1) in net.endpoint("b")


@pytest.mark.root
def test_an_address_that_comes_back_is_a_source_again(net: Net) -> None:
    """A floating address: who knows us by it is answered from it, as soon as it is ours again."""
    a = net.namespaces["a"]
    run("ip", "-n", a, "addr", "add", "10.98.0.50/24", "dev", "v0")
    for side in "ab":
        net.start(side, "meshc")
    net.configure("a", endpoint=None)
    net.configure("b", endpoint="10.98.0.50:51820")
    net.ping("b", "10.99.0.1")
    assert net.endpoint("b") == "10.98.0.50:51820"

    run("ip", "-n", a, "addr", "del", "10.98.0.50/24", "dev", "v0")
    net.ping("a", "10.99.0.2")
    assert net.endpoint("b") == "10.98.0.1:51820"
    run("ip", "-n", a, "addr", "add", "10.98.0.50/24", "dev", "v0")
    net.wg("b", "set", net.interfaces["b"], "peer", net.public("a"), "endpoint", "10.98.0.50:51820")

    for _ in range(3):
        net.ping_in_session("b", "10.99.0.1")
        assert net.endpoint("b") == "10.98.0.50:51820"
