"""What a relay forwards with few and with many rule elements, by nftables.

    sudo python benchmarks/rule_throughput.py                # 10 and 10,000 elements, 7 rounds
    sudo python benchmarks/rule_throughput.py 10 100000 --rounds 11

Three network namespaces in a row, sender, relay and receiver; the link to the sender is a cable
called wg0, so that nothing but the kernel's forwarding and the rules is measured. The rules are
the text that `meshc build` writes. Runs are interleaved, because machines drift. Two figures:
a stream of TCP, whose packets belong to a connection that was let through, and datagrams that each
begin something, so that each is looked up. `ratio` is that of the medians to the first column.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from meshc.prefixes import Prefix
from meshc.render.firewall.nftables import table_text
from meshc.topology.language.spec import Service
from meshc.topology.planner.policy.flow_rules import (
    AccessRow,
    AccessRules,
    Decision,
    FamilyRules,
    ForwardRule,
    Grant,
    Side,
)
from tests.support.netns import Namespace, connect, namespaces

SENDER, RECEIVER = "10.44.0.2", "192.168.7.5"
# each from another port, so that each is a connection of its own
_DATAGRAMS = """
import socket, sys, time
count, begun = 0, time.process_time()
until = time.monotonic() + float(sys.argv[2])
sockets = []
while time.monotonic() < until:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect((sys.argv[1], 5201))
        for _ in range(10): out.send(b"x")
    count += 10
print(count)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("elements", nargs="*", type=int, default=[10, 10_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with namespaces("sender", "relay", "receiver") as (sender, relay, receiver):
        lay(sender, relay, receiver)
        server = receiver.start("iperf3", "-s", stdout=subprocess.DEVNULL)
        found: dict[int, list[tuple[float, float]]] = {count: [] for count in options.elements}
        for _ in range(options.rounds):
            for count in options.elements:
                relay.run("nft", "-f", "-", input=text(count))
                found[count].append(
                    (stream(sender, options.seconds), datagrams(sender, receiver, options.seconds))
                )
        server.kill()
        server.wait()
    show(found)


def lay(sender: Namespace, relay: Namespace, receiver: Namespace) -> None:
    connect(relay, sender, left_name="wg0", right_name="eth0")
    connect(relay, receiver, left_name="lan0", right_name="eth0")
    relay.shell("ip addr add 10.44.0.1/24 dev wg0; ip addr add 192.168.7.1/24 dev lan0")
    relay.shell("sysctl -qw net.ipv4.ip_forward=1")
    for one, own, gate in ((sender, SENDER, "10.44.0.1"), (receiver, RECEIVER, "192.168.7.1")):
        one.shell(f"ip addr add {own}/24 dev eth0; ip route add default via {gate}")
    # what reaches the receiver, whoever takes it
    receiver.run("nft", "-f", "-", input="""
        table inet probe { counter got { }
        chain in { type filter hook input priority 0; udp dport 5201 counter name got drop
        }
        }
    """)  # fmt: skip


def text(count: int) -> str:
    """Half of the elements are senders, half targets with a port; ours are the last ones."""
    half = count // 2
    others = [Prefix(4, 0x0A2D0000 + 2 * n, 32) for n in range(half - 1)]
    targets = tuple(Prefix(4, 0x0A2E0000 + 2 * n, 32) for n in range(half - 1))
    services = (Service("tcp", 5201, 5201), Service("udp", 5201, 5202))
    rows = (
        AccessRow((*others, Prefix.parse(SENDER)),
                  (Grant((*targets, Prefix.parse(RECEIVER)), services),)),
    )  # fmt: skip
    access = AccessRules((Prefix.parse("10.44.0.1"),), rows)
    forward = (ForwardRule(Decision.ACCEPT, Side.TUNNEL, Side.OUTSIDE),)
    lines = table_text([FamilyRules(4, forward, access=access)])
    return "".join(f"{line}\n" for line in lines).replace("%i", "wg0")


def stream(sender: Namespace, seconds: int) -> float:
    """Gbit/s of one TCP connection."""
    said = sender.run("iperf3", "-c", RECEIVER, "-t", str(seconds), "-J").stdout
    return float(json.loads(said)["end"]["sum_received"]["bits_per_second"]) / 1e9


def datagrams(sender: Namespace, receiver: Namespace, seconds: int) -> float:
    """Thousands a second that arrive."""
    before = counted(receiver)
    sender.run("python3", "-c", _DATAGRAMS, RECEIVER, str(seconds))
    return (counted(receiver) - before) / seconds / 1e3


def counted(receiver: Namespace) -> int:
    said = receiver.run("nft", "-j", "list", "counters", "table", "inet", "probe").stdout
    return sum(
        one["counter"]["packets"] for one in json.loads(said)["nftables"] if "counter" in one
    )


def show(found: dict[int, list[tuple[float, float]]]) -> None:
    first = next(iter(found.values()))
    print(f"{'elements':>9} {'TCP Gbit/s':>11} {'ratio':>6} {'datagrams k/s':>14} {'ratio':>6}")
    for count, runs in found.items():
        columns = []
        for side in (0, 1):
            median = statistics.median(run[side] for run in runs)
            columns += [median, median / statistics.median(run[side] for run in first)]
        tcp, ratio, udp, other = columns
        print(f"{count:9,} {tcp:11.2f} {ratio:6.3f} {udp:14.1f} {other:6.3f}")


if __name__ == "__main__":
    main()
