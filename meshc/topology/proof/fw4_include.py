"""The include of fw4: a text for nft that stands in its own table, and comes before its chains.

A packet passes all base chains of a hook: what one drops is gone, what one accepts goes on to the
next. So an accept of the text is no more than a return, and fw4 still decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence

from meshc.topology.proof.iptables_rule import Rule
from meshc.topology.proof.netfilter import BUILT_IN, Chain
from meshc.topology.proof.nft_text import read_table
from meshc.topology.proof.uci_settings import UciSection

_WRITES = re.compile(r"\s*cat\s*>\s*(\S+)\s*<<\s*(['\"])(\w+)\2\s*")
_MOVES = re.compile(r"\s*mv\s+(\S+)\s+(\S+)\s*")
_OPTIONS = frozenset(("type", "path", "position", "enabled"))
_HOOKS = ("INPUT", "FORWARD", "OUTPUT")
_BEYOND = "?"


def written_files(script: str) -> dict[str, list[str]]:
    """The lines of the files that a shell script writes whole, by the path that they end up at."""
    files: dict[str, list[str]] = {}
    path, end = "", ""
    for line in script.splitlines():
        if end:
            if line == end:
                end = ""
            else:
                files[path].append(line)
        elif writes := _WRITES.fullmatch(line):
            path, end = writes[1], writes[3]
            files[path] = []
        elif (moves := _MOVES.fullmatch(line)) and moves[1] in files:
            files[moves[2]] = files.pop(moves[1])
    return files


def include(
    chains: MutableMapping[Chain, list[Rule]],
    section: UciSection,
    files: Mapping[str, Sequence[str]],
) -> None:
    """What one section adds to the chains. fw4 passes over a file that is not there; what is not a
    text of the script for its table is beyond the proof."""
    path = section.get("path")
    plain = section.get("type") == "nftables" and _OPTIONS.issuperset(section.options)
    if not plain or section.get("position", "table-append") not in (
        "table-append",
        "table-postpend",
    ):
        for family in (4, 6):
            for hook in _HOOKS:
                _first(
                    chains,
                    (family, "filter", hook),
                    Rule(_BEYOND, f"include {path}", modelled=False),
                )
        return
    for (family, table, name), rules in read_table(files.get(path, ())).items():
        own = f"{path} {name}" if name in BUILT_IN else name
        inner = name not in BUILT_IN
        chains[family, table, own] = [*_going_on(rules, inner=inner)]
        if not inner and rules:
            _first(chains, (family, table, name), Rule(own, f"include {path}"))


def _first(chains: MutableMapping[Chain, list[Rule]], chain: Chain, rule: Rule) -> None:
    chains.setdefault(chain, []).insert(0, rule)


def _going_on(rules: Sequence[Rule], *, inner: bool) -> Iterator[Rule]:
    """An accept ends its base chain. In a chain that is jumped to, nobody models that."""
    for rule in rules:
        if rule.target != "ACCEPT":
            yield rule
        elif inner:
            yield rule._replace(target=_BEYOND, modelled=False)
        else:
            yield rule._replace(target="RETURN")
