"""The drift of our chains: as many rules in each as the file brings, and asked before others.

The rules are those that `meshc build` wrote: a hook line for each, or texts for iptables-restore
and nft that stand in comments of the file. Rules are counted and not compared, because the tools
show them in words of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from shutil import which
from typing import NamedTuple

from meshc.deploy.machine_facts import Drift, Mending
from meshc.deploy.remote.machine_survey import ipv6_is_on, objects, shown

_GUARD = r"(?:\[ .* \] \|\| )?"
_WAN = re.compile(r"'\"\$\(\{ ip -[46] route show default;.*?sed 1q\)\"'")
_LINE = re.compile(
    _GUARD + r"(ip6?tables) -w (?:-t (\w+) )?(?:-A (MESHC-\S+) .*|-I (\w+) -j (MESHC-\S+))"
)
_RULE = re.compile(r"(?:-A (MESHC-\S+) .*|-I (\w+) -j (MESHC-\S+))")
_NO_RULE = re.compile(r"(?:add|delete|table|chain|type|policy)\b|[}]")


class OwnChain(NamedTuple):
    """`program` is iptables or ip6tables; `name` is without `%i`."""

    program: str
    table: str
    name: str


class OwnRules(NamedTuple):
    """What a file brings: how many rules each chain has, the built-in chains that ask them, and the
    rules of our table of nft (None: there is none)."""

    counts: Counter[OwnChain]
    hooks: dict[OwnChain, str]
    nft: int | None


def own_rules(lines: list[str], interface: str, comments: dict[str, list[str]]) -> OwnRules:
    """Of the lines of PreUp and PostUp, and of the texts in comments by who reads them."""
    found = OwnRules(Counter(), {}, None)
    for line in lines:
        match = _LINE.fullmatch(_WAN.sub("@wan@", line).replace("%i", interface))
        if match:
            program, table, chain, hook, asked = match.groups()
            _add(found, program, table or "filter", chain, hook, asked)
    for_iptables = [name for name in ("iptables", "ip6tables") if comments.get(name)]
    # as the hooks choose: nft where there is no text for iptables, or no iptables
    if for_iptables and (which("iptables-restore") is not None or not comments.get("nft")):
        for program in for_iptables:
            _read(found, program, [one.replace("%i", interface) for one in comments[program]])
    elif comments.get("nft"):
        found = found._replace(nft=_nft_rules(comments["nft"]))
    return found


def _nft_rules(text: list[str]) -> int:
    """The rules of a table. One may go over several lines, until its braces are closed; what a set
    or a map holds is none."""
    rules = depth = 0
    counts = False
    for line in text:
        opens, closes = line.count("{"), line.count("}")
        if depth == 0:
            if _NO_RULE.match(line):
                continue
            counts = not line.startswith(("set ", "map "))
        depth += opens - closes
        if depth == 0 and counts:
            rules += 1
    return rules


def _read(found: OwnRules, program: str, words: list[str]) -> None:
    table = "filter"
    for word in words:
        match = _RULE.fullmatch(word)
        if word.startswith("*"):
            table = word[1:]
        elif match:
            _add(found, program, table, *match.groups())


def _add(
    found: OwnRules,
    program: str,
    table: str,
    chain: str | None,
    hook: str | None,
    asked: str | None,
) -> None:
    if chain:
        found.counts[OwnChain(program, table, chain)] += 1
    elif hook and asked:
        found.hooks[OwnChain(program, table, asked)] = hook


def firewall_drift(
    lines: list[str], interface: str, comments: dict[str, list[str]]
) -> Iterator[Drift]:
    """A family that the machine does not have is left out."""
    wanted = own_rules(lines, interface, comments)
    programs = {chain.program for chain in (*wanted.counts, *wanted.hooks)}
    for program in sorted(programs):
        if which(program) is None or (program == "ip6tables" and not ipv6_is_on()):
            continue
        for table in sorted({one.table for one in wanted.counts if one.program == program}):
            dump = shown([program, "-w", "-t", table, "-S"])
            if dump:
                yield from _table(wanted, program, table, dump.splitlines())
    if wanted.nft is not None and which("nft"):
        objects_there = objects(
            ["nft", "-j", "list", "table", "inet", f"meshc-{interface}"], "nftables"
        )
        if sum("rule" in one for one in objects_there) != wanted.nft:
            yield Drift(Mending.ALL, f"the rules of nft table inet meshc-{interface}")


def _table(wanted: OwnRules, program: str, table: str, dump: list[str]) -> Iterator[Drift]:
    there = Counter(line.split()[1] for line in dump if line.startswith("-A "))
    where = program if table == "filter" else f"{program} -t {table}"
    for chain, count in wanted.counts.items():
        if chain[:2] == (program, table) and there[chain.name] != count:
            yield Drift(Mending.ALL, f"the rules of {chain.name} in {where}")
    for chain, hook in wanted.hooks.items():
        if chain[:2] != (program, table):
            continue
        ours = f"-A {hook} -j {chain.name}"
        for line in dump:
            if line == ours:
                break
            if line.startswith(f"-A {hook} ") and "-j MESHC-" not in line:
                yield Drift(Mending.ALL, f"{hook} of {where} asks others before {chain.name}")
                break
        else:
            yield Drift(Mending.ALL, f"{hook} of {where} does not ask {chain.name}")
