"""Do the lab and the proof agree? Random networks, random NATs, random faults in the files.

    sudo python benchmarks/lab_agreement.py --seed 1 --networks 30 --faults 2

Every network is built (with hooks, tables, marks, islands, LANs, exits and odd keepalives), some of
its emitted files are damaged the way people damage them by hand, then the proof walks the damaged
files and the lab runs them, by meshc or by wg-quick. A pair on which they differ is printed with
the seed that makes it again; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lab_faults import FAULTS

from meshc.errors import Refused
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.node_jobs import RUNNERS
from meshc.lab.probe.checks import check_exits
from meshc.lab.report.lab_report import Cell, claimed, count
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import measure_all, subject_of
from meshc.lab.world.keeper import HostFiles
from meshc.secret import SecretBytes
from meshc.values import dataclass
from meshc.wg.conf import parse

NATS = ("none", "full_cone", "restricted", "port_restricted", "symmetric")
# Longer than WireGuard waits before it repeats a handshake: a pair that would come up late
# must not pass for one that never does.
DOUBT = 7.0
HOOKS = (
    "iptables -w -A INPUT -i %i -p tcp --dport 9 -j ACCEPT",
    "iptables -w -I FORWARD -i eth0 -o eth0 -j DROP",
    "sysctl -w net.ipv4.conf.all.log_martians=0",
    "ip route add 203.0.114.0/24 dev %i",
    "true",
)
TABLE = (
    "ip rule add to 10.71.0.0/24 lookup 200",
    "ip rule add to 192.168.0.0/16 lookup 200",
    "ip -6 rule add to fd71::/64 lookup 200",
)


def a_network(rng: random.Random) -> str:
    """A topology of 3 to 12 nodes, as text."""
    lines = ["meshc: 1", 'network: {name: random, addresses: [10.71.0.0/24, "fd71::/64"]}']
    sites = [f"site{number}" for number in range(rng.randint(0, 3))]
    if sites:
        lines.append("sites:")
        for number, site in enumerate(sites):
            nat = rng.choice(NATS[1:])
            lines.append(f"  {site}: {{nat: {nat}, lan: 192.168.{number + 1}.0/24}}")
    lines.append("nodes:")
    total = rng.randint(3, 12)
    relays = rng.choice((0, 1, 1, 1, 2, 2))
    exits = relays and rng.random() < 0.25
    for number in range(relays):
        more = ", exit_node: true" if exits and number == 0 else ""
        lines.append(f"  relay{number}: {{role: relay, endpoint: relay{number}.example.com{more}}}")
    routed: set[str] = set()
    hidden: list[str] = []
    for number in range(relays, total):
        keys = _keys(rng, number, sites, routed)
        if "endpoint: node" not in keys:
            hidden.append(f"node{number}")
        if exits and rng.random() < 0.3:
            keys += ", exit: relay0"
        lines.append(f"  node{number}: {{{keys}{_oddities(rng)}}}")
    if not relays and hidden:
        # islands: who is behind a NAT is declared apart from the others who are
        names = f"[{', '.join(hidden)}]"
        lines.append(f"tests:\n  - {{from: {names}, to: {names}, expect: unreachable}}")
    return "\n".join(lines) + "\n"


def _oddities(rng: random.Random) -> str:
    """Keys that few nodes have."""
    found = []
    if rng.random() < 0.15:
        found.append(f"keepalive: {rng.choice(('off', '10', '3600'))}")
    if rng.random() < 0.2:
        found.append(f'post_up: ["{rng.choice(HOOKS)}"]')
    elif rng.random() < 0.1:
        hooks = ", ".join(f'"{line}"' for line in TABLE)
        found.append(f"table: 200, post_up: [{hooks}]")
    if rng.random() < 0.1:
        found.append(f"fwmark: {rng.choice((77, 51820, 200))}")
    return "".join(f", {text}" for text in found)


def _keys(rng: random.Random, number: int, sites: Sequence[str], routed: set[str]) -> str:
    """The keys of one node: public, at a site, or alone behind some NAT."""
    kind = rng.random()
    if kind < 0.2:
        return f"endpoint: node{number}.example.com"
    if kind < 0.35:
        nat = rng.choice(("restricted", "port_restricted", "full_cone"))
        return f"nat: {nat}, endpoint: node{number}.example.com"
    if sites and kind < 0.75:
        site = rng.choice(sites)
        keys = [f"site: {site}"]
        if rng.random() < 0.4:
            keys.append(f"lan_endpoint: 192.168.{sites.index(site) + 1}.{number + 20}")
        if site not in routed and rng.random() < 0.3:
            routed.add(site)
            keys.append(f"routes: 192.168.{sites.index(site) + 1}.0/24")
        return ", ".join(keys)
    keys = [f"nat: {rng.choice(NATS[1:])}"]
    if rng.random() < 0.3:
        keys.append("direct: relays")
    return ", ".join(keys)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A network with its faults: where, and of which kinds."""

    source: LabSource
    told: tuple[str, ...]
    kinds: tuple[str, ...]


def damage(source: LabSource, rng: random.Random, most: int) -> Damaged:
    """The same network with up to `most` faults. Only the wg-quick files are kept: node.json would
    tell `meshc up` what the file no longer says."""
    interface = f"{source.interface}.conf"
    texts = {
        name: machine.files[interface].reveal().decode() for name, machine in source.files.items()
    }
    told: list[str] = []
    kinds: list[str] = []
    wanted = rng.randint(1, most) if most else 0
    while len(told) < wanted:
        name = rng.choice(sorted(texts))
        words = rng.choice(sorted(FAULTS))
        damaged = FAULTS[words](texts[name], rng)
        if damaged is not None:  # not every fault is possible in every file
            texts[name] = damaged
            told.append(f"{name}: {words}")
            kinds.append(words)
    confs = {name: parse(text, file=f"{name}/{interface}") for name, text in texts.items()}
    files = {
        name: HostFiles({interface: SecretBytes(text.encode())}, source.files[name].hosts)
        if most
        else source.files[name]
        for name, text in texts.items()
    }
    return Damaged(replace(source, confs=confs, files=files), tuple(told), tuple(kinds))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One network. `wrong` are the sentences in which lab and proof differ."""

    cells: tuple[Cell, ...]
    wrong: tuple[str, ...]
    left_out: int
    damaged: Damaged
    text: str


def compare_one(seed: int, engine: str, most: int) -> Comparison | None:
    """Builds, damages, proves and runs one network; None where the build refuses it."""
    rng = random.Random(seed)
    text = a_network(rng)
    with tempfile.TemporaryDirectory(prefix="meshc-agree-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(text)
        try:
            damaged = damage(prepare(file, None, lambda _: None), rng, most)
        except Refused:
            return None
    session = open_session(damaged.source, engine=engine, runner=rng.choice(RUNNERS))
    with session.lab:
        predictor = Predictor.of(damaged.source)
        everything = {**predictor.pairs(), **predictor.lans(session.world.lan_hosts)}
        known = claimed(everything)
        subject = subject_of(session, known)
        mute = predictor.mute(everything)
        cells = measure_all(session, subject, known, lambda _: None, mute=mute, doubt=DOUBT)
        exits = [] if most else check_exits(session, predictor, subject.patience)
    wrong = [f"{cell.key}: {'; '.join(cell.problems)}" for cell in cells if not cell.ok]
    wrong += [f"{check.name}: {check.detail}" for check in exits if not check.passed]
    left_out = len(everything) - len(known)
    return Comparison(tuple(cells), tuple(wrong), left_out, damaged, text)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=1, help="of the first network")
    arguments.add_argument("--networks", type=int, default=30, help="refused ones do not count")
    arguments.add_argument("--faults", type=int, default=2, help="at most, in one network")
    arguments.add_argument("--engine", default="mixed")
    arguments.add_argument("--json", type=Path, help="write the figures here")
    options = arguments.parse_args()
    if os.geteuid() != 0:
        sys.exit("lab_agreement: needs root, for network namespaces and /dev/net/tun")
    total: Counter[str] = Counter(disagreements=0)
    kinds: Counter[str] = Counter()
    begun = time.monotonic()
    seed = options.seed
    while total["networks"] < options.networks:
        found = compare_one(seed, options.engine, options.faults)
        if found is None:
            total["refused"] += 1
        else:
            _tell(seed, found)
            figures = count(found.cells)
            total["networks"] += 1
            total["faults"] += len(found.damaged.told)
            total["pairs"] += len(found.cells)
            total["blocked"] += figures["blocked"]
            total["not judged"] += found.left_out
            total["disagreements"] += len(found.wrong)
            kinds.update(found.damaged.kinds)
        seed += 1
    total["seconds"] = round(time.monotonic() - begun)
    result = {**total, "next seed": seed, "kinds of faults": len(kinds)}
    print(json.dumps(result))
    if options.json:
        options.json.write_text(json.dumps({**result, "kinds": kinds}, indent=2) + "\n")
    sys.exit(1 if total["disagreements"] else 0)


def _tell(seed: int, found: Comparison) -> None:
    faults = "; ".join(found.damaged.told) or "no fault"
    print(f"seed {seed}: {len(found.cells)} pairs {count(found.cells)}; {faults}")
    for line in found.wrong:
        print(f"  {line}")
    if found.wrong:
        print(found.text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
