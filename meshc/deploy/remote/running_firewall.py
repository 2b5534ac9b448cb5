"""The drift of our chains: as many rules in each as the file brings, and asked before others.

The lines are those that `meshc build` wrote, in any of their three shapes: a program for each rule,
a text for iptables-restore, a text for nft. Rules are counted and not compared, because the tools
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
_WORD = re.compile(r"'([^']*)'")
_LINE = re.compile(
    _GUARD + r"(ip6?tables) -w (?:-t (\w+) )?(?:-A (MESHC-\S+) .*|-I (\w+) -j (MESHC-\S+))"
)
_RESTORE = re.compile(r"printf '%s\\n' ((?:'[^']*' )+)\| (ip6?tables)-restore -w --noflush")
_NFT = re.compile(r"printf '%s\\n' ((?:'[^']*' )+)\| nft -f -")
_RULE = re.compile(r"(?:-A (MESHC-\S+) .*|-I (\w+) -j (MESHC-\S+))")
_NO_RULE = re.compile(r"(?:add|delete|table|chain|type|policy|set|map|elements|flags)\b|[}]")


class OwnChain(NamedTuple):
    """`program` is iptables or ip6tables; `name` is without `%i`."""

    program: str
    table: str
    name: str


class OwnRules(NamedTuple):
    """What the lines of a file bring: how many rules each chain has, the built-in chains that ask
    them, and the rules of our table of nft (None: it has none, or more than rules)."""

    counts: Counter[OwnChain]
    hooks: dict[OwnChain, str]
    nft: int | None


def own_rules(lines: list[str], interface: str) -> OwnRules:
    """Of the lines of PreUp and PostUp."""
    found = OwnRules(Counter(), {}, None)
    for line in lines:
        text = _WAN.sub("@wan@", line).replace("%i", interface)
        match = _LINE.fullmatch(text)
        if match:
            program, table, chain, hook, asked = match.groups()
            _add(found, program, table or "filter", chain, hook, asked)
        with_iptables = which("iptables-restore") is not None or "command -v" not in text
        for words, program in _RESTORE.findall(text) if with_iptables else ():
            _read(found, program, _WORD.findall(words))
        if not (with_iptables and "iptables-restore" in text):
            for words in _NFT.findall(text):
                rules = [one for one in _WORD.findall(words) if not _NO_RULE.match(one)]
                sets = any(one.startswith(("set ", "map ")) for one in _WORD.findall(words))
                found = found._replace(nft=None if sets else len(rules))
    return found


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


def firewall_drift(lines: list[str], interface: str) -> Iterator[Drift]:
    """A family that the machine does not have is left out."""
    wanted = own_rules(lines, interface)
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
