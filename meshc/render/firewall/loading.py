"""The shape of the hook lines that load all rules of a node at once.

Nodes with policies, and nodes that say `firewall:`, get this shape: one line before the interface
comes up hands a whole text to iptables-restore or to nft, so that there is no moment with half of
the rules, and none with an interface and no rules. With `auto` the line holds both, and the node
takes the one that it has; iptables first, because an accept of ours in nftables cannot overrule a
drop of Docker's or ufw's there.

wg-quick(8) replaces `%i` and hands the line to bash; `meshc up` reads the texts out of it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from meshc.render.firewall.hook_lines import (
    IPTABLES,
    HookChain,
    Hooks,
    remove_chain,
    switch_back,
    switch_on,
    table_command,
    wan_word,
)
from meshc.render.firewall.iptables import family_chains, forwarding_hooks
from meshc.render.firewall.nftables import NFT_TABLE, WAN, table_text
from meshc.topology.language.spec import FirewallTool
from meshc.topology.planner.policy.flow_rules import FamilyRules

_IF, _ELSE, _END = "if command -v iptables-restore >/dev/null; then ", "; else ", "; fi"
_PRINT = "printf '%s\\n' "
_NFT = " | nft -f -"
_WORD = re.compile(r"'([^']*)'")


class Load(NamedTuple):
    """What one line loads: chains by family for iptables-restore, lines for nft; of a named tool,
    only what it takes."""

    tool: FirewallTool
    chains: Mapping[int, tuple[HookChain, ...]]
    text: tuple[str, ...]

    def hooks(self, forwarding: Iterable[int]) -> Hooks:
        """All lines around it; `forwarding` are the families in which the node forwards."""
        families = [*forwarding]
        removals = [*self._removals()]
        back = [line for family in families for line in switch_back(family)]
        return Hooks(
            pre_up=(*removals, self.line),
            post_up=tuple(line for family in families for line in switch_on(family)),
            post_down=(*removals, *back),
        )

    @property
    def line(self) -> str:
        restores = "; ".join(restore_command(family, some) for family, some in self.chains.items())
        if self.tool is FirewallTool.IPTABLES:
            return restores
        if self.tool is FirewallTool.NFTABLES:
            return nft_command(self.text)
        return f"{_IF}{restores}{_ELSE}{nft_command(self.text)}{_END}"

    def _removals(self) -> Iterator[str]:
        for family, some in self.chains.items():
            for chain in reversed(some):
                command = table_command(family, chain.table)
                yield remove_chain(command, chain.hook, chain.name)
        if self.text:
            yield f"nft delete table inet {NFT_TABLE} 2>/dev/null || true"


def firewall_hooks(firewall: tuple[FamilyRules, ...], tool: FirewallTool) -> Hooks:
    """The lines of a node: one rule a line where nothing asks for more."""
    policies = any(rules.access is not None for rules in firewall)
    if policies or tool is FirewallTool.NFTABLES:
        return loading_hooks(firewall, tool)
    return forwarding_hooks(firewall)


@lru_cache(maxsize=1024)
def loading_hooks(firewall: tuple[FamilyRules, ...], tool: FirewallTool) -> Hooks:
    """The lines of a node with these rules."""
    if not firewall:
        return Hooks()
    with_nft = tool is not FirewallTool.IPTABLES
    with_chains = tool is not FirewallTool.NFTABLES
    load = Load(
        tool,
        {rules.family: family_chains(rules) for rules in firewall} if with_chains else {},
        table_text(firewall) if with_nft else (),
    )
    return load.hooks(rules.family for rules in firewall if rules.forwards)


def read_load(line: str) -> Load | None:
    """What a line loads, if it is one of these, letter by letter."""
    tool, rest = FirewallTool.AUTO, line.removeprefix(_IF).removesuffix(_END)
    if rest == line:
        tool = FirewallTool.NFTABLES if line.endswith(_NFT) else FirewallTool.IPTABLES
    for family in IPTABLES:
        rest = rest.replace(f"'{wan_word(family)}'", WAN[family])
    restores, _, nft = rest.partition(_ELSE)
    if tool is FirewallTool.NFTABLES:
        restores, nft = "", rest
    chains = {}
    for family in IPTABLES:
        end = f" | {_restore_program(family)} -w --noflush"
        for command in restores.split("; "):
            if command.startswith(_PRINT) and command.endswith(end):
                chains[family] = _read_chains(_arguments(command.removesuffix(end)), family)
    load = Load(tool, chains, _arguments(nft.removesuffix(_NFT)) if nft else ())
    return load if load.line == line else None


def restore_command(family: int, chains: Iterable[HookChain]) -> str:
    """Naming a chain in front empties it or makes it; iptables-restore(8) then commits a table at
    once."""
    lines: list[str] = []
    some = [*chains]
    for table in dict.fromkeys(chain.table for chain in some):
        mine = [chain for chain in some if chain.table == table]
        lines.append(f"*{table}")
        lines += [f":{chain.name} - [0:0]" for chain in mine]
        lines += [f"-A {chain.name} {rule}" for chain in mine for rule in chain.rules]
        lines += [f"-I {chain.hook} -j {chain.name}" for chain in mine if chain.hook]
        lines.append("COMMIT")
    return f"{_PRINT}{_quoted(lines)} | {_restore_program(family)} -w --noflush"


def nft_command(text: Iterable[str]) -> str:
    """nft(8) takes all of its input, or nothing."""
    return f"{_PRINT}{_quoted(text)}{_NFT}"


def _quoted(lines: Iterable[str]) -> str:
    """Nothing in single quotes means anything to a shell; the one word that is looked up on the
    node stands outside of them."""
    words = []
    for line in lines:
        word = f"'{line}'"
        for family in IPTABLES:
            word = word.replace(wan_word(family), f"'{wan_word(family)}'")
            word = word.replace(WAN[family], f"'{wan_word(family)}'")
        words.append(word)
    return " ".join(words)


def _arguments(command: str) -> tuple[str, ...]:
    """The words that `_quoted` has made."""
    return tuple(_WORD.findall(command.removeprefix(_PRINT)))


def _read_chains(lines: Iterable[str], family: int) -> tuple[HookChain, ...]:
    """What `restore_command` has written."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    table = ""
    for line in lines:
        words = line.split(" ", 2)
        if line[:1] == "*":
            table = line[1:]
        elif line[:1] == ":":
            found[table, words[0][1:]] = ("", [])
        elif words[0] == "-A" and (table, words[1]) in found:
            rule = words[2].replace(WAN[family], wan_word(family))
            found[table, words[1]][1].append(rule)
        elif words[0] == "-I" and (table, words[2].removeprefix("-j ")) in found:
            name = words[2].removeprefix("-j ")
            found[table, name] = (words[1], found[table, name][1])
    return tuple(
        HookChain(table, name, hook, tuple(rules)) for (table, name), (hook, rules) in found.items()
    )


def _restore_program(family: int) -> str:
    return IPTABLES[family].removesuffix(" -w") + "-restore"
