"""The shape of the hook lines that load all rules of a node at once.

Nodes with policies, and nodes that say `firewall:`, get this shape: one line before the interface
comes up hands a whole text to iptables-restore or to nft, so that there is no moment with half of
the rules, and none with an interface and no rules. With `auto` the line holds both, and the node
takes the one that it has; iptables first, because an accept of ours in nftables cannot overrule a
drop of Docker's or ufw's there.

wg-quick(8) replaces `%i` and hands the line to bash; `meshc up` reads the texts out of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

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
from meshc.render.firewall.iptables import family_chains
from meshc.render.firewall.nftables import NFT_TABLE, WAN, table_text
from meshc.topology.language.spec import FirewallTool
from meshc.topology.planner.policy.flow_rules import FamilyRules

_IF, _ELSE, _END = "if command -v iptables-restore >/dev/null; then ", "; else ", "; fi"
_PRINT = "printf '%s\\n' "
_NFT = " | nft -f -"


@lru_cache(maxsize=1024)
def loading_hooks(firewall: tuple[FamilyRules, ...], tool: FirewallTool) -> Hooks:
    """The lines of a node with these rules."""
    if not firewall:
        return Hooks()
    chains = {rules.family: family_chains(rules) for rules in firewall}
    forwarding = [rules.family for rules in firewall if rules.forwards]
    text = table_text(firewall)
    removals = [*_removals(chains, tool)]
    return Hooks(
        pre_up=(*removals, load_line(chains, text, tool)),
        post_up=tuple(line for family in forwarding for line in switch_on(family)),
        post_down=(*removals, *(line for family in forwarding for line in switch_back(family))),
    )


def load_line(
    chains: dict[int, tuple[HookChain, ...]], text: Sequence[str], tool: FirewallTool
) -> str:
    """The line that loads; `text` are the lines for nft."""
    restores = "; ".join(restore_command(family, some) for family, some in chains.items())
    if tool is FirewallTool.IPTABLES:
        return restores
    if tool is FirewallTool.NFTABLES:
        return nft_command(text)
    return f"{_IF}{restores}{_ELSE}{nft_command(text)}{_END}"


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
    program = IPTABLES[family].removesuffix(" -w")
    return f"{_PRINT}{_quoted(lines)} | {program}-restore -w --noflush"


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


def _removals(chains: dict[int, tuple[HookChain, ...]], tool: FirewallTool) -> Iterable[str]:
    if tool is not FirewallTool.NFTABLES:
        for family, some in chains.items():
            for chain in reversed(some):
                command = table_command(family, chain.table)
                yield remove_chain(command, chain.hook, chain.name)
    if tool is not FirewallTool.IPTABLES:
        yield f"nft delete table inet {NFT_TABLE} 2>/dev/null || true"
