"""Do the lab and the proof agree about policies? Random networks, random rules, planted faults.

    sudo python benchmarks/lab_policies.py --seed 1 --networks 20

Each network is one of `tests/support/policy_oracle.py`, for iptables or for nftables, with
`--routers` with OpenWrt and RouterOS among its nodes. It is built;
in most of them a rule of one node is then dropped, widened, moved, an element of a set lost, one
family forgotten, or RETURN written where a packet must end. Proof and lab get the same damaged
files, and every pair is asked by ping, TCP and UDP at ports that rules name and right beside.
Whatever
they differ in is printed with the seed that makes it again; the exit code is then 1.
The quick form is `tests/lab/test_run.py`; that faults are faults, `tests/lab/test_lab_policies.py`.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from meshc.errors import Refused
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.node_jobs import RUNNERS
from meshc.lab.probe.beyond import measure_beyond
from meshc.lab.probe.port_checks import try_ports
from meshc.lab.report.lab_report import claimed
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import measure_all, subject_of
from meshc.lab.world.keeper import HostFiles
from meshc.secret import SecretBytes
from meshc.wg.conf import parse
from tests.support.policy_networks import router_policies
from tests.support.policy_oracle import random_policies

# Seconds: sessions stand when ports are tried, but for those that no ping has made.
PATIENCE, DOUBT = 20.0, 4.0
# where a rule of iptables-restore begins and ends: quoted words of a hook, or lines of comments
_RULE, _END = r"(?:(?: ')|(?:#ip6?tables ))", r"(?:'|\n)"
Fault = Callable[[str, random.Random], "str | None"]


def without(pattern: str) -> Fault:
    return instead(pattern, lambda _: "")


def instead(pattern: str, new: Callable[[re.Match[str]], str]) -> Fault:
    """Another text in one place of those that match."""

    def fault(text: str, rng: random.Random) -> str | None:
        places = [*re.finditer(pattern, text)]
        if not places:
            return None
        place = rng.choice(places)
        return recounted(text[: place.start()] + new(place) + text[place.end() :])

    return fault


def recounted(text: str) -> str:
    """A file that counts its rules itself would not come up with another number of them."""
    count = len(re.findall(r"(?m)^#(?:iptables|ip6tables|nft) ", text))
    return re.sub(r'(?<="\$CONFIG_FILE"\)" = )\d+', str(count), text)


def moved(text: str, rng: random.Random) -> str | None:
    """A rule is about another target, of those that the file knows."""
    targets = sorted(set(re.findall(r"-A MESHC-S\d+-%i -d (\S+/32) ", text)))
    if len(targets) < 2:
        return None
    one, other = rng.sample(targets, 2)
    return instead(
        rf"(-A MESHC-S\d+-%i -d ){re.escape(one)} ", lambda place: f"{place[1]}{other} "
    )(text, rng)


FAULTS: Mapping[str, Fault] = {
    "a rule dropped": without(rf"{_RULE}-A MESHC-S\d+-%i -d [^'\n]*RETURN{_END}"),
    "a sender dropped": without(rf"{_RULE}-A MESHC-POL-%i -s [^'\n]*{_END}"),
    "a rule widened": instead(r"--dport (\d+) ", lambda m: f"--dport {m[1]}:{int(m[1]) + 1} "),
    "a rule moved": moved,
    "a set element lost": without(r"[0-9a-f.:/]+ \. (?:tcp|udp) \. [\d-]+, "),
    "an element of a map lost": without(r"[0-9a-f.:/]+ : goto from[46]_\d+, "),
    "a set element widened": instead(
        r"(tcp|udp) \. (?:(\d+)-)?(\d+)(?=[, ])",
        lambda m: f"{m[1]} . {m[2] or m[3]}-{min(int(m[3]) + 1, 65535)}",
    ),
    "one family forgotten": instead(
        rf"{_RULE}-I INPUT -j MESHC-IN-%i{_END}(?!.*-I INPUT -j MESHC-IN)", lambda _: ""
    ),
    "RETURN at the end": instead(
        r"(-A MESHC-(?:POL|S\d+)-%i -j) DROP", lambda place: f"{place[1]} RETURN"
    ),
    "accept instead of a look": instead(r"goto access\b", lambda _: "accept"),
}


class Judged(NamedTuple):
    """One network: what was tried, which fault there was, and what proof and lab differ in."""

    tried: int
    passed: int
    fault: str
    tool: str
    wrong: list[str]


def a_network(seed: int, *, routers: bool = False) -> str:
    """As text; what is chosen beside the rules is chosen by the seed as well."""
    tree = router_policies(seed) if routers else random_policies(seed)
    tools = ["nftables"] if routers else ["iptables", "nftables"]
    tree["network"]["firewall"] = random.Random(seed).choice(tools)
    return yaml.safe_dump(tree)


def damage(source: LabSource, rng: random.Random) -> tuple[LabSource, str]:
    """The same network with one fault, if one is possible. Only the wg-quick files are kept:
    node.json would tell `meshc up` what the file no longer says."""
    interface = f"{source.interface}.conf"
    texts = {n: files.files[interface].reveal().decode() for n, files in source.files.items()}
    told = "no fault"
    wishes = [(name, word) for name in sorted(texts) for word in FAULTS]
    rng.shuffle(wishes)
    for name, word in wishes if rng.random() < 0.85 else ():
        damaged = FAULTS[word](texts[name], rng)
        if damaged is not None:
            texts[name], told = damaged, f"{name}: {word}"
            break
    confs = {name: parse(text, file=f"{name}/{interface}") for name, text in texts.items()}
    files = {
        name: HostFiles({interface: SecretBytes(text.encode())}, source.files[name].hosts)
        for name, text in texts.items()
    }
    return replace(source, confs=confs, files=files), told


def judge(seed: int, engine: str, *, routers: bool = False) -> Judged | None:
    """Builds, damages, proves and runs one network; None where the build refuses it."""
    rng = random.Random(seed)
    text = a_network(seed, routers=routers)
    with tempfile.TemporaryDirectory(prefix="meshc-policies-") as directory:
        file = Path(directory, "mesh.yaml")
        file.write_text(text)
        try:
            source, fault = damage(prepare(file, None, lambda _: None), rng)
        except Refused:
            return None
    session = open_session(source, engine=engine, runner=rng.choice(RUNNERS))
    with session.lab:
        predictor = Predictor.of(source)
        everything = {**predictor.pairs(), **predictor.lans(session.world.lan_hosts)}
        known = claimed(everything)
        subject = subject_of(session, known)
        mute = predictor.mute(everything)
        cells = measure_all(session, subject, known, lambda _: None, mute=mute, doubt=DOUBT)
        outside = measure_beyond(session, subject, predictor)
        tried = try_ports(
            session, subject, predictor, [*cells, *outside.cells], lambda _: None, patience=PATIENCE
        ).tried
    wrong = [f"{c.key}: {'; '.join(c.problems)}" for c in (*cells, *outside.cells) if not c.ok]
    wrong += [one.text for one in tried if one.problem]
    passed = sum(one.predicted.reachable for one in tried)
    tool = source.spec.network.firewall
    return Judged(len(tried) + len(cells), passed, fault, tool, wrong)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seed", type=int, default=1, help="of the first network")
    arguments.add_argument("--networks", type=int, default=20, help="refused ones do not count")
    arguments.add_argument("--engine", default="mixed")
    arguments.add_argument("--routers", action="store_true", help="among the nodes")
    options = arguments.parse_args()
    if os.geteuid() != 0:
        sys.exit("lab_policies: needs root, for network namespaces and /dev/net/tun")
    total: Counter[str] = Counter(disagreements=0)
    seed = options.seed
    begun = time.monotonic()
    while total["networks"] < options.networks:
        found = judge(seed, options.engine, routers=options.routers)
        if found is not None:
            total["networks"] += 1
            total["trials"] += found.tried
            total["ports that pass"] += found.passed
            total["faults"] += found.fault != "no fault"
            total["disagreements"] += bool(found.wrong)
            print(f"seed {seed}: {found.tried} trials, {found.tool}; {found.fault}", flush=True)
            for line in found.wrong[:20]:
                print(f"  {line}", flush=True)
        seed += 1
    print({**total, "next seed": seed, "seconds": round(time.monotonic() - begun)})
    sys.exit(1 if total["disagreements"] else 0)


if __name__ == "__main__":
    main()
