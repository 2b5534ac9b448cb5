from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.engine.io.link_monitor import LinkMonitor
from tests.support.enginenet import Net, run, wait_for


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Net]:
    with Net(tmp_path) as net:
        yield net


def loopback() -> LinkMonitor:
    return LinkMonitor("lo", current_name=lambda: "lo")


def test_the_loopback_interface_is_up() -> None:
    monitor = loopback()

    assert monitor.state().up
    assert monitor.state().mtu >= 1500
    assert not monitor.state().gone
    assert monitor.is_home
    monitor.close()


def test_a_monitor_without_news_says_so() -> None:
    monitor = loopback()

    assert monitor.fileno() >= 0
    assert monitor.changes() is None
    monitor.close()


def test_an_interface_that_is_no_more_is_gone() -> None:
    monitor = loopback()
    monitor._index += 1_000_000

    assert monitor.state().gone
    monitor.close()


def move(net: Net, source: str, target: str, interface: str, *name: str) -> None:
    namespaces = net.namespaces
    run(
        "ip", "-n", namespaces[source], "link", "set", interface, "netns", namespaces[target], *name
    )


def address(net: Net, place: str, interface: str, number: int) -> None:
    namespace = net.namespaces[place]
    run("ip", "-n", namespace, "addr", "add", f"10.99.0.{number}/24", "dev", interface)
    run("ip", "-n", namespace, "link", "set", interface, "mtu", "1400", "up")


def connected(net: Net) -> subprocess.Popen[str]:
    process = net.start("a", "meshc")
    net.start("b", "meshc")
    net.configure("a", endpoint="10.98.0.2:51820")
    net.configure("b", endpoint=None)
    net.ping("a", "10.99.0.2")
    return process


@pytest.mark.root
@pytest.mark.parametrize("name", ["", "wan"], ids=["same-name", "renamed"])
def test_an_interface_is_served_in_the_namespace_that_it_is_moved_to(net: Net, name: str) -> None:
    """WireGuard's own way to give a container nothing but the tunnel: the sockets stay."""
    process = connected(net)
    interface = net.interfaces["a"]
    net.namespaces["c"] = f"{net.namespaces['a']}c"
    run("ip", "netns", "add", net.namespaces["c"])

    move(net, "a", "c", interface, *(("name", name) if name else ()))
    address(net, "c", name or interface, 1)

    net.ping("c", "10.99.0.2")
    assert f"link set {interface}" not in run("ip", "-n", net.namespaces["a"], "-br", "link")
    assert net.wg("a", "show", interface, "listen-port").strip() == "51820"
    assert process.poll() is None

    run("ip", "-n", net.namespaces["c"], "link", "set", name or interface, "down")
    wait_for(lambda: "51820" not in sockets(net), "the sockets' end")
    run("ip", "-n", net.namespaces["c"], "link", "set", name or interface, "up")
    net.ping("c", "10.99.0.2")

    move(net, "c", "a", name or interface, "name", interface)
    address(net, "a", interface, 1)
    net.ping("a", "10.99.0.2")
    run("ip", "-n", net.namespaces["a"], "link", "del", interface)
    assert process.wait(5) == 0


def sockets(net: Net) -> str:
    return net.inside("a", ["ss", "-Hlun"])


@pytest.mark.root
def test_the_end_of_the_other_namespace_ends_it(net: Net) -> None:
    process = connected(net)
    net.namespaces["c"] = f"{net.namespaces['a']}c"
    run("ip", "netns", "add", net.namespaces["c"])
    move(net, "a", "c", net.interfaces["a"])
    address(net, "c", net.interfaces["a"], 1)
    net.ping("c", "10.99.0.2")

    run("ip", "netns", "del", net.namespaces["c"])

    assert process.wait(10) == 0


@pytest.mark.root
def test_a_stranger_with_its_index_does_not_concern_it(net: Net) -> None:
    """An index is one namespace's own."""
    process = connected(net)
    net.namespaces["c"] = f"{net.namespaces['a']}c"
    run("ip", "netns", "add", net.namespaces["c"])
    move(net, "a", "c", net.interfaces["a"])
    address(net, "c", net.interfaces["a"], 1)
    index = net.inside("c", ["cat", f"/sys/class/net/{net.interfaces['a']}/ifindex"]).strip()

    run("ip", "-n", net.namespaces["a"], "link", "add", "x", "index", index, "type", "veth")
    run("ip", "-n", net.namespaces["a"], "link", "set", "x", "mtu", "900", "up")
    run("ip", "-n", net.namespaces["a"], "link", "del", "x")

    net.ping("c", "10.99.0.2")
    assert process.poll() is None
    assert os.path.exists(f"/var/run/wireguard/{net.interfaces['a']}.sock")
