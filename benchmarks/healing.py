"""How long a network needs to heal by itself: relays restarted, names changed, uplinks moved.

Needs root, `ip`, `wg`, `wg-quick`, `iptables` and wireguard-go. Each line of the table is measured
in namespaces of its own, all at once, with nobody acting; the session is younger than half a minute
when the fault comes, which is a bad moment for what waits for its age. Prints a table; the exit
status is 1 when a line took longer than it may.

    python benchmarks/healing.py [--only WORD]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from meshc.keys import PrivateKey
from meshc.node.system import processes
from meshc.prefixes import Prefix
from meshc.topology.planner.mesh_plan import Forwarding
from tests.support import wgconf
from tests.support.emitted_hooks import forwarding_lines
from tests.support.name_server import NAME, name_server
from tests.support.netns import Namespace, connect, namespaces, wait_until

HUB, LEAF = PrivateKey.generate(), PrivateKey.generate()
POOL = Prefix.parse("10.44.0.0/24")
EXIT = Forwarding((4,), (POOL,), relay=True, exit=True, users=(POOL,))
OUTSIDE = "198.18.0.1"
# what systemd starts beside wg-quick@ on a node that was deployed
CARETAKER = """
import time
from meshc.deploy.protocol import Directories
from meshc.deploy.remote.caretaker import Caretaker
from meshc.deploy.remote.managed_interface import ManagedInterface
one = Caretaker(ManagedInterface("wg0", Directories()))
while one.look():
    time.sleep(2)
"""
Hub, Router, Leaf = Namespace, Namespace, Namespace


@contextlib.contextmanager
def world() -> Iterator[tuple[Hub, Router, Leaf]]:
    """leaf 10.0.0.2 -- router, which lets nobody in -- 192.0.2.1 hub, which has two uplinks to the
    router: eth0 (192.0.2.0/24) and eth1 (198.51.100.0/24)."""
    with namespaces("hub", "router", "leaf") as (hub, router, leaf):
        connect(router, hub, left_name="wan", right_name="eth0")
        connect(router, hub, left_name="wan2", right_name="eth1")
        connect(router, leaf, left_name="lan", right_name="eth0")
        hub.shell(
            "ip addr add 192.0.2.1/24 dev eth0; ip addr add 198.51.100.1/24 dev eth1;"
            "ip route add default via 192.0.2.254; mkdir -p /etc/wireguard"
        )
        leaf.shell(
            "ip addr add 10.0.0.2/24 dev eth0; ip route add default via 10.0.0.254;"
            "mkdir -p /etc/wireguard; mount -t tmpfs tmpfs /etc/wireguard"
        )
        router.shell(
            "ip addr add 192.0.2.254/24 dev wan; ip addr add 198.51.100.254/24 dev wan2;"
            "ip addr add 10.0.0.254/24 dev lan; ip addr add 203.0.113.53/32 dev lo;"
            f"ip addr add {OUTSIDE}/32 dev lo; sysctl -qw net.ipv4.ip_forward=1;"
            "iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE;"
            "iptables -P FORWARD DROP; iptables -A FORWARD -i lan -j ACCEPT;"
            "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT"
        )
        yield hub, router, leaf


def hub_file(directory: Path, *hooks: str) -> Path:
    text = wgconf.interface("Address = 10.44.0.1/32", "ListenPort = 51820", *hooks, key=HUB)
    peer = wgconf.peer("AllowedIPs = 10.44.0.2/32", key=LEAF.public_key())
    return wgconf.write(directory / "hub", "wg0", text + peer)


def leaf_file(directory: Path, host: str, allowed: str, *more: str) -> Path:
    text = wgconf.interface("Address = 10.44.0.2/32", *more, key=LEAF)
    peer = (f"AllowedIPs = {allowed}", f"Endpoint = {host}:51820", "PersistentKeepalive = 25")
    text += wgconf.peer(*peer, key=HUB.public_key())
    return wgconf.write(directory / "leaf", "wg0", text)


def up(node: Namespace, file: Path) -> None:
    node.meshc("up", str(file), "--engine", "bundled")


def answers(node: Namespace, address: str) -> bool:
    return not node.run("ping", "-c1", "-W1", address, check=False).returncode


def handshakes(node: Namespace) -> int:
    """Unix time of the last one; 0 while the interface is away."""
    shown = node.shell("wg show wg0 latest-handshakes || true").split()
    return int(shown[1]) if shown else 0


def idle_leaf(hub: Hub, leaf: Leaf, directory: Path, disturb: Callable[[Path], None]) -> float:
    """Nobody sends anything; seconds until the hub has a session with the leaf again."""
    file = hub_file(directory)
    up(hub, file)
    up(leaf, leaf_file(directory, "192.0.2.1", "10.44.0.1/32"))
    wait_until(lambda: handshakes(hub) > 0, what="the first session")
    time.sleep(12)  # the hub's loop has looked at where its peers are
    begun = time.time()
    disturb(file)
    wait_until(lambda: handshakes(hub) >= int(begun), patience=150, what="the session")
    return time.time() - begun


def relay_restarted(directory: Path) -> float:
    with world() as (hub, _, leaf):

        def restart(file: Path) -> None:
            hub.meshc("down", "wg0")
            up(hub, file)

        return idle_leaf(hub, leaf, directory, restart)


def engine_killed(directory: Path) -> float:
    with world() as (hub, _, leaf):

        def kill(_: Path) -> None:
            token = json.loads(hub.shell("cat /run/meshc/wg0.json"))["token"]
            for pid in processes.find(token):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: "wg0" not in hub.shell("ip -br link"), what="its end")

        return idle_leaf(hub, leaf, directory, kill)


def name_changed(directory: Path) -> float:
    """The default supervisor: wg-quick, and beside it what a deployment leaves there."""
    with world() as (hub, _, leaf):
        hosts = directory / "hosts"
        hosts.write_text(f"192.0.2.1 {NAME}\n")
        leaf.run("mount", "--bind", str(hosts), "/etc/hosts")
        up(hub, hub_file(directory))
        file = leaf_file(directory, NAME, "10.44.0.1/32")
        leaf.shell(f"cp {file} /etc/wireguard/wg0.conf")
        leaf.shell("WG_QUICK_USERSPACE_IMPLEMENTATION=wireguard-go wg-quick up wg0")
        with leaf.start(sys.executable, "-c", CARETAKER) as caretaker:
            time.sleep(20)  # what is younger than 135 seconds may still be coming up
            seconds = moved(hub, leaf, lambda: hosts.write_text(f"198.51.100.1 {NAME}\n"))
            caretaker.kill()
        return seconds


def name_server_inside(directory: Path) -> float:
    with world() as (hub, router, leaf):
        address = directory / "address"
        address.write_text("192.0.2.1")
        # the name server of the tunnel dies with it, the one of the place stays
        with name_server(router, "203.0.113.53", address):
            leaf.shell("echo nameserver 203.0.113.53 > /run/resolv.conf")
            up(hub, hub_file(directory, *forwarding_lines(EXIT)))
            up(leaf, leaf_file(directory, NAME, "0.0.0.0/0", "DNS = 10.44.0.1"))
            return moved(hub, leaf, lambda: address.write_text("198.51.100.1"))


def moved(hub: Hub, leaf: Leaf, rename: Callable[[], object]) -> float:
    """The hub has another address and its name says so; seconds until the leaf reaches it."""
    wait_until(lambda: answers(leaf, "10.44.0.1"), what="the first answer")
    leaf.shell("wg set wg0 peer $(wg show wg0 peers) persistent-keepalive 1")
    begun = time.monotonic()
    hub.shell("ip route replace default via 198.51.100.254; ip addr flush dev eth0")
    rename()
    time.sleep(2)
    wait_until(lambda: answers(leaf, "10.44.0.1"), patience=200, what="an answer")
    return time.monotonic() - begun


def uplink_moved(directory: Path) -> float:
    with world() as (hub, router, leaf):
        # of the leaf's packets only those of the exit get on
        router.shell(f"iptables -t nat -I POSTROUTING -d {OUTSIDE} -j ACCEPT")
        up(hub, hub_file(directory, *forwarding_lines(EXIT)))
        up(leaf, leaf_file(directory, "192.0.2.1", "0.0.0.0/0"))
        wait_until(lambda: answers(leaf, OUTSIDE), what="the first answer")
        # as with two providers: each takes packets from its own addresses alone
        router.shell("iptables -A INPUT -i wan2 ! -s 198.51.100.0/24 -j DROP")
        begun = time.monotonic()
        hub.shell("ip route replace default via 198.51.100.254 dev eth1")
        wait_until(lambda: answers(leaf, OUTSIDE), patience=100, what="an answer")
        return time.monotonic() - begun


LINES: dict[str, tuple[Callable[[Path], float], float]] = {
    "a relay is restarted, its leaf behind NAT is idle": (relay_restarted, 15),
    "an engine is killed, the leaf behind NAT is idle": (engine_killed, 10),
    "the address behind an endpoint's name changes (wg-quick)": (name_changed, 150),
    "the same for an exit user with its name server in the tunnel": (name_server_inside, 150),
    "the uplink of an exit moves": (uplink_moved, 30),
}


def measured(line: str) -> float:
    with tempfile.TemporaryDirectory() as directory:
        return LINES[line][0](Path(directory))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="lines that hold this text")
    options = parser.parse_args()
    lines = [line for line in LINES if options.only in line]
    with ThreadPoolExecutor(len(lines)) as pool:
        found = list(pool.map(measured, lines))
    print("| what happens | seconds | at most |\n|---|---|---|")
    for line, seconds in zip(lines, found, strict=True):
        print(f"| {line} | {seconds:.1f} | {LINES[line][1]:g} |")
    return int(any(s > LINES[line][1] for line, s in zip(lines, found, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
