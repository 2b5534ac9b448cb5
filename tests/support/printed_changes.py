"""What `meshc policy --against` prints, read back and held against the oracle."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from click.testing import CliRunner

from meshc.cli import main
from tests.support.policy_oracle import Oracle, random_policies

TRIED = [("tcp", 22), ("tcp", 85), ("tcp", 100), ("tcp", 9), ("udp", 53), ("udp", 9), ("icmp", 0)]
INTERNET = ("1.1.1.1", "2606:4700::1111")
# from, to, services, as they are printed
Line = tuple[list[str], list[str], list[str]]


class Comparison(NamedTuple):
    compared: int
    wrong: list[str]


def disagreements(seed: int, directory: Path) -> Comparison:
    """One random pair: every answer in which the two printed forms and the oracle differ."""
    old, new = random_change(seed)
    texts = [directory / "old.yaml", directory / "new.yaml"]
    for file, tree in zip(texts, (old, new), strict=True):
        file.write_text(yaml.safe_dump(tree))
    told = [_printed(texts, form) for form in ("--json", "--markdown")]
    before, after = (_oracle(tree) for tree in (old, new))
    wrong, compared = [], 0
    ends = _ends(new)
    for source, one in ends.items():
        for target, other in ends.items():
            # what stays on one LAN never sees the mesh
            if source in (target, "internet") or _lan(source) == _lan(target) != "":
                continue
            for protocol, port in TRIED:
                had, has = (_allows(o, one, other, protocol, port) for o in (before, after))
                wanted = (has and not had, had and not has)
                for sides in told:
                    found = tuple(
                        _says(lines, new, source, target, protocol, port) for lines in sides
                    )
                    compared += 1
                    if found != wanted:
                        text = f"{source} → {target} {protocol}/{port}: {found} instead of {wanted}"
                        wrong.append(text)
    return Comparison(compared, wrong)


def random_change(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two files with the same nodes and other policies."""
    rng = random.Random(seed)
    old = random_policies(seed)
    for number, node in enumerate(old["nodes"].values(), 1):
        node["address"] = [f"10.44.0.{number}", f"fd44::{number}"]
    new = json.loads(json.dumps(old))
    pool = [rule for other in range(3) for rule in random_policies(seed + 1000 * other)["policies"]]
    known = {*new["nodes"], *new["groups"], "all", "internet"}
    known |= {node["site"] for node in new["nodes"].values() if "site" in node}
    more = [rule for rule in pool if _words(rule) <= known]
    new["policies"] = [rule for rule in old["policies"] if rng.random() < 0.6]
    new["policies"] += rng.sample(more, min(len(more), rng.randint(0, 3)))
    for rule in new["policies"]:
        if rng.random() < 0.4:
            rule["allow"] = rng.choice(["tcp/20-87", "udp", "all", ["icmp", "tcp/22"]])
    return old, new


def _words(rule: dict[str, Any]) -> set[str]:
    return {*rule["from"], *rule["to"], *rule.get("except", [])}


def _printed(files: list[Path], form: str) -> tuple[list[Line], list[Line]]:
    done = CliRunner().invoke(main, ["policy", str(files[1]), "--against", str(files[0]), form])
    assert done.exit_code == 0, done.output
    if form == "--json":
        data = json.loads(done.stdout)
        opens, closes = (
            [(line["from"], line["to"], line["services"]) for line in data[key]]
            for key in ("opens", "closes")
        )
        return opens, closes
    sides: dict[str, list[Line]] = {"### Opens": [], "### Closes": []}
    here: list[Line] = []
    for row in done.stdout.splitlines():
        here = sides.get(row, here)
        cells = [cell.split(", ") for cell in row.strip("| ").split(" | ")]
        if row.startswith("| ") and len(cells) == 3 and cells[0] != ["from"]:
            here.append((cells[0], cells[1], cells[2]))
    return sides["### Opens"], sides["### Closes"]


def _oracle(tree: dict[str, Any]) -> Oracle:
    return Oracle(tree, {name: node["address"] for name, node in tree["nodes"].items()})


def _ends(tree: dict[str, Any]) -> dict[str, list[str]]:
    """Nodes, addresses of their LANs in every part that rules can tell apart, and the internet."""
    found = {name: list(node["address"]) for name, node in tree["nodes"].items()}
    for node in tree["nodes"].values():
        if "routes" in node:
            lan = node["routes"].removesuffix("0/24")
            found |= {lan + end: [lan + end] for end in ("1", "5", "70", "200")}
    exits = any(node.get("exit_node") for node in tree["nodes"].values())
    return found | ({"internet": list(INTERNET)} if exits else {})


def _lan(end: str) -> str:
    return end.rpartition(".")[0]


def _allows(oracle: Oracle, one: list[str], other: list[str], protocol: str, port: int) -> bool:
    return any(
        oracle.allows(a, b, protocol, port) for a in one for b in other if (":" in a) == (":" in b)
    )


def _says(
    lines: Iterable[Line], tree: dict[str, Any], source: str, target: str, protocol: str, port: int
) -> bool:
    return any(
        _is_one(source, sources, tree)
        and _is_one(target, targets, tree)
        and any(_serves(word, protocol, port) for word in services)
        for sources, targets, services in lines
    )


def _is_one(end: str, words: list[str], tree: dict[str, Any]) -> bool:
    """Whether a printed name means a node, a host on a LAN or the internet."""
    for word in words:
        name, lan, part = word.partition(":lan")
        if end == word or end in tree["groups"].get(word, ()):
            return True
        if lan and end not in tree["nodes"] and end != "internet":
            first, _, last = (part.strip() or tree["nodes"][name]["routes"]).partition("-")
            prefix = ip_network(first)
            highest = ip_address(last) if last else prefix.broadcast_address
            if prefix.network_address <= ip_address(end) <= highest:
                return True
    return False


def _serves(word: str, protocol: str, port: int) -> bool:
    kind, _, ports = word.partition("/")
    if kind == "all":
        return True
    first, _, last = ports.partition("-")
    return kind == protocol and (not ports or int(first) <= port <= int(last or first))
