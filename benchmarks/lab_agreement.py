"""Do the lab and the proof agree? Random networks, random NATs, random faults in the files.

    sudo python benchmarks/lab_agreement.py --seed 1 --networks 30

Every network is built, some of its emitted files are damaged the way people damage them by
hand, then the proof walks the damaged files and the lab runs them. A pair on which they differ
is printed with the seed that makes it again; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from meshc.keys import PresharedKey, PrivateKey
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.report.lab_report import Cell, claimed, count
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import measure_all, subject_of
from meshc.lab.world.keeper import HostFiles
from meshc.wg.conf import parse

NATS = ("none", "full_cone", "restricted", "port_restricted", "symmetric")
# Longer than WireGuard waits before it repeats a handshake: a pair that would come up late
# must not pass for one that never does.
DOUBT = 7.0


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
    relays = rng.randint(1, 2)
    for number in range(relays):
        lines.append(f"  relay{number}: {{role: relay, endpoint: relay{number}.example.com}}")
    routed: set[str] = set()
    for number in range(relays, total):
        lines.append(f"  node{number}: {{{_keys(rng, number, sites, routed)}}}")
    return "\n".join(lines) + "\n"


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


# --- faults: text -> damaged text, or None where this fault is not possible --------------


def lose_a_peer(text: str, rng: random.Random) -> str | None:
    parts = text.split("\n[Peer]\n")
    if len(parts) < 2:
        return None
    del parts[rng.randrange(1, len(parts))]
    return "\n[Peer]\n".join(parts)


def lose_a_line(key: str) -> Callable[[str, random.Random], str | None]:
    def fault(text: str, rng: random.Random) -> str | None:
        lines = text.splitlines(keepends=True)
        places = [n for n, line in enumerate(lines) if line.startswith(f"{key} = ")]
        if not places:
            return None
        del lines[rng.choice(places)]
        return "".join(lines)

    return fault


def lose_a_prefix(text: str, rng: random.Random) -> str | None:
    places = list(re.finditer(r"^AllowedIPs = (.+)$", text, re.M))
    if not places:
        return None
    place = rng.choice(places)
    prefixes = place[1].split(", ")
    prefixes.pop(rng.randrange(len(prefixes)))
    return text[: place.start(1)] + ", ".join(prefixes) + text[place.end(1) :]


def give_a_prefix_to_another(text: str, rng: random.Random) -> str | None:
    places = list(re.finditer(r"^AllowedIPs = (.+)$", text, re.M))
    if len(places) < 2:
        return None
    one, two = rng.sample(places, 2)
    prefix = rng.choice(one[1].split(", "))
    moved = text[: two.end(1)] + f", {prefix}" + text[two.end(1) :]
    kept = [p for p in one[1].split(", ") if p != prefix]
    shift = len(prefix) + 2 if two.start() < one.start() else 0
    return moved[: one.start(1) + shift] + ", ".join(kept) + moved[one.end(1) + shift :]


def change_a_value(key: str, make: Callable[[], str]) -> Callable[[str, random.Random], str | None]:
    def fault(text: str, rng: random.Random) -> str | None:
        places = list(re.finditer(rf"^{key} = (.+)$", text, re.M))
        if not places:
            return None
        place = rng.choice(places)
        return text[: place.start(1)] + make() + text[place.end(1) :]

    return fault


def change_a_port(text: str, rng: random.Random) -> str | None:
    places = list(re.finditer(r"^Endpoint = .+:(\d+)$", text, re.M))
    if not places:
        return None
    place = rng.choice(places)
    return text[: place.start(1)] + str(int(place[1]) + 1) + text[place.end(1) :]


def do_not_forward(text: str, rng: random.Random) -> str | None:
    family = rng.choice(("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"))
    lines = text.splitlines(keepends=True)
    kept = [line for line in lines if not (family in line and "sysctl" in line)]
    return "".join(kept) if len(kept) < len(lines) else None


def lose_a_rule(text: str, rng: random.Random) -> str | None:
    lines = text.splitlines(keepends=True)
    places = [
        n for n, line in enumerate(lines) if line.startswith("PostUp") and "-j ACCEPT" in line
    ]
    if not places:
        return None
    del lines[rng.choice(places)]
    return "".join(lines)


FAULTS: dict[str, Callable[[str, random.Random], str | None]] = {
    "a peer is missing": lose_a_peer,
    "a peer has no endpoint": lose_a_line("Endpoint"),
    "a peer has no pre-shared key": lose_a_line("PresharedKey"),
    "a peer has no keepalive": lose_a_line("PersistentKeepalive"),
    "the listen port is gone": lose_a_line("ListenPort"),
    "an AllowedIPs entry is missing": lose_a_prefix,
    "an AllowedIPs entry is at another peer": give_a_prefix_to_another,
    "another pre-shared key": change_a_value(
        "PresharedKey", lambda: PresharedKey(os.urandom(32)).reveal()
    ),
    "another public key": change_a_value(
        "PublicKey", lambda: str(PrivateKey.generate().public_key())
    ),
    "another port": change_a_port,
    "no forwarding": do_not_forward,
    "a rule is missing": lose_a_rule,
}


def damage(source: LabSource, rng: random.Random) -> tuple[LabSource, list[str]]:
    """The same network with up to three faults, and what they are. Only the wg-quick files are
    kept: node.json would tell `meshc up` what the file no longer says."""
    interface = f"{source.interface}.conf"
    texts = {name: machine.files[interface].decode() for name, machine in source.files.items()}
    told = []
    wanted = rng.choice((0, 1, 1, 2, 3))
    while len(told) < wanted:
        name = rng.choice(sorted(texts))
        words = rng.choice(sorted(FAULTS))
        damaged = FAULTS[words](texts[name], rng)
        if damaged is not None:  # not every fault is possible in every file
            texts[name] = damaged
            told.append(f"{name}: {words}")
    confs = {name: parse(text, file=f"{name}/{interface}") for name, text in texts.items()}
    files = {name: HostFiles({interface: text.encode()}) for name, text in texts.items()}
    return replace(source, confs=confs, files=files), told


def compare_one(seed: int, engine: str) -> tuple[list[Cell], list[str], str]:
    """Builds, damages, proves and runs one network: cells, faults, and the topology."""
    rng = random.Random(seed)
    text = a_network(rng)
    with tempfile.TemporaryDirectory(prefix="meshc-agree-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(text)
        source, faults = damage(prepare(file, None, lambda _: None), rng)
    session = open_session(source, engine=engine)
    with session.lab:
        predictor = Predictor.of(source)
        everything = {**predictor.pairs(), **predictor.lans(session.world.lan_hosts)}
        cells = measure_all(
            session,
            subject_of(session),
            claimed(everything),
            lambda _: None,
            mute=predictor.mute(everything),
            doubt=DOUBT,
        )
    return list(cells), faults, text


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=1, help="of the first network")
    arguments.add_argument("--networks", type=int, default=30)
    arguments.add_argument("--engine", default="mixed")
    arguments.add_argument("--json", type=Path, help="write the figures here")
    options = arguments.parse_args()
    if os.geteuid() != 0:
        sys.exit("lab_agreement: needs root, for network namespaces and /dev/net/tun")
    total = {"networks": 0, "faults": 0, "pairs": 0, "blocked": 0, "disagreements": 0}
    begun = time.monotonic()
    for seed in range(options.seed, options.seed + options.networks):
        cells, faults, text = compare_one(seed, options.engine)
        wrong = [cell for cell in cells if not cell.ok]
        figures = count(cells)
        total["networks"] += 1
        total["faults"] += len(faults)
        total["pairs"] += len(cells)
        total["blocked"] += figures["blocked"]
        total["disagreements"] += len(wrong)
        print(f"seed {seed}: {len(cells)} pairs {figures}; {'; '.join(faults) or 'no fault'}")
        for cell in wrong:
            print(f"  {cell.key}: {'; '.join(cell.problems)}")
        if wrong:
            print(text)
        sys.stdout.flush()
    total["seconds"] = round(time.monotonic() - begun)
    print(json.dumps(total))
    if options.json:
        options.json.write_text(json.dumps(total, indent=2) + "\n")
    sys.exit(1 if total["disagreements"] else 0)


if __name__ == "__main__":
    main()
