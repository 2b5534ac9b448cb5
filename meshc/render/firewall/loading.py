"""The shape of the lines that load all rules of a node at once.

Nodes with policies, and nodes that say `firewall:`, get this shape. The rules stand in comments of
the file itself, each with the program that reads them in front (`#nft drop`), and one hook before
the interface comes up hands them all to iptables-restore or to nft, so that there is no moment with
half of the rules, and none with an interface and no rules. With `auto` the file holds both texts,
and the node takes the tool that it has; iptables first, because an accept of ours in nftables
cannot overrule a drop of Docker's or ufw's there.

Why comments: wg-quick(8) passes over them at once, but what it needs for a hook line grows with the
square of its length (a line of 25,000 characters takes it more than a minute). And a file that is
carried to its node by hand stays one file. Tools that rewrite it without comments are seen by a
hook that counts them: the interface then does not come up, instead of coming up open.

`$CONFIG_FILE` is what wg-quick calls the file; `meshc up` reads the texts out of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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
from meshc.render.firewall.iptables import (
    CONTROL_CHAIN,
    POLICY_CHAIN,
    family_chains,
    forwarding_hooks,
)
from meshc.render.firewall.nftables import NFT_TABLE, WAN, table_text
from meshc.render.firewall.own_address import SharedRules
from meshc.topology.language.spec import FirewallTool
from meshc.topology.planner.policy.flow_rules import FamilyRules

_FILE = '"$CONFIG_FILE"'
_HAS_IPTABLES = "command -v iptables-restore >/dev/null"
# a hook line has no room for the sign of a comment, which ends it
_MARK = {4: "iptables", 6: "ip6tables", 0: "nft"}
_NFT = 0


class Load(NamedTuple):
    """What is loaded: chains by family for iptables-restore, lines for nft; of a named tool, only
    what it takes."""

    tool: FirewallTool
    chains: Mapping[int, tuple[HookChain, ...]]
    text: tuple[str, ...]

    def hooks(self, forwarding: Iterable[int]) -> Hooks:
        """All lines around it; `forwarding` are the families in which the node forwards."""
        families = [*forwarding]
        comments = self.comments
        removals = [*self._removals()]
        back = [line for family in families for line in switch_back(family)]
        return Hooks(
            pre_up=(*removals, _all_there(len(comments)), *self._loading(comments)),
            post_up=tuple(line for family in families for line in switch_on(family)),
            post_down=(*removals, *self._senders_removed(), *back),
            comments=comments,
        )

    @property
    def comments(self) -> tuple[str, ...]:
        """The texts as they stand in the file."""
        texts = {family: restore_text(family, some) for family, some in self.chains.items()}
        if self.text:
            texts[_NFT] = self.text
        return tuple(f"#{_MARK[of]} {line}" for of, lines in texts.items() for line in lines)

    def _loading(self, comments: Sequence[str]) -> Iterator[str]:
        either = self.tool is FirewallTool.AUTO
        for family in self.chains:
            program = IPTABLES[family].removesuffix(" -w") + "-restore"
            load = f"{_said(family, comments)} | {program} -w --noflush"
            yield f"if {_HAS_IPTABLES}; then {load}; fi" if either else load
        if self.text:
            load = f"{_said(_NFT, comments)} | nft -f -"
            yield f"if ! {_HAS_IPTABLES}; then {load}; fi" if either else load

    def _removals(self) -> Iterator[str]:
        """Chains of senders only go down with the interface: making them again empties them."""
        for family, some in self.chains.items():
            for chain in reversed(some):
                if chain.hook or chain.name in {POLICY_CHAIN, CONTROL_CHAIN}:
                    command = table_command(family, chain.table)
                    yield remove_chain(command, chain.hook, chain.name)
        if self.text:
            yield f"nft delete table inet {NFT_TABLE} 2>/dev/null || true"

    def _senders_removed(self) -> Iterator[str]:
        """However many there are, also those of an earlier load that nobody took down."""
        for family, some in self.chains.items():
            if any(chain.name == POLICY_CHAIN for chain in some):
                program = IPTABLES[family].removesuffix(" -w")
                yield (
                    f"{{ echo '*filter'; {program}-save -t filter"
                    r" | sed -n 's/^:\(MESHC-S[0-9]*-%i\) .*/-F \1\n-X \1/p'; echo COMMIT; }"
                    f" 2>/dev/null | {program}-restore -w --noflush 2>/dev/null || true"
                )


def firewall_hooks(firewall: tuple[FamilyRules, ...], tool: FirewallTool) -> Hooks:
    """The lines of a node: one rule a line where nothing asks for more."""
    policies = any(rules.access is not None for rules in firewall)
    if policies or tool is FirewallTool.NFTABLES:
        return loading_hooks(firewall, tool)
    return forwarding_hooks(firewall)


def loading_hooks(firewall: tuple[FamilyRules, ...], tool: FirewallTool) -> Hooks:
    """The lines of a node with these rules."""
    own = SharedRules.of(firewall)
    hooks = _loading_hooks(own.rules, tool)
    return replace(hooks, comments=own.told(hooks.comments)) if own.addresses else hooks


@lru_cache(maxsize=1024)
def _loading_hooks(firewall: tuple[FamilyRules, ...], tool: FirewallTool) -> Hooks:
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


def read_load(comments: Sequence[str]) -> Load | None:
    """What these comments load, if they are as they are written here, letter by letter."""
    texts = {
        of: tuple(line[len(mark) + 2 :] for line in comments if line.startswith(f"#{mark} "))
        for of, mark in _MARK.items()
    }
    text = texts.pop(_NFT)
    chains = {family: _read_chains(lines, family) for family, lines in texts.items() if lines}
    tool = FirewallTool.AUTO
    if not (text and chains):
        tool = FirewallTool.NFTABLES if text else FirewallTool.IPTABLES
    load = Load(tool, chains, text)
    return load if comments and load.comments == tuple(comments) else None


def restore_text(family: int, chains: Iterable[HookChain]) -> tuple[str, ...]:
    """Naming a chain in front empties it or makes it; iptables-restore(8) then commits a table at
    once."""
    lines: list[str] = []
    some = [*chains]
    word, place = wan_word(family), WAN[family]
    for table in dict.fromkeys(chain.table for chain in some):
        mine = [chain for chain in some if chain.table == table]
        lines.append(f"*{table}")
        lines += [f":{chain.name} - [0:0]" for chain in mine]
        for chain in mine:
            lines += [f"-A {chain.name} {rule.replace(word, place)}" for rule in chain.rules]
        lines += [f"-I {chain.hook} -j {chain.name}" for chain in mine if chain.hook]
        lines.append("COMMIT")
    return tuple(lines)


def _all_there(count: int) -> str:
    marks = " ".join(f"-e '^.{mark} '" for mark in _MARK.values())
    return (
        f'[ "$(grep -c {marks} {_FILE})" = {count} ]'
        " || { echo 'comments with firewall rules are missing in this file' >&2 && false; }"
    )


def _said(of: int, comments: Iterable[str]) -> str:
    """What prints one of the texts. `[%]` stands for what wg-quick would replace; the one word that
    is looked up on the node stands outside of the quotes."""
    start = f"#{_MARK[of]} "
    text = "\n".join(line for line in comments if line.startswith(start))
    wan = "".join(f"s/{WAN[f]}/'{wan_word(f)}'/g;" for f in IPTABLES if WAN[f] in text)
    return f"sed -n '/^.{_MARK[of]} /{{s///;s/[%]i/%i/g;{wan}p}}' {_FILE}"


def _read_chains(lines: Iterable[str], family: int) -> tuple[HookChain, ...]:
    """What `restore_text` has written."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    table = ""
    for line in lines:
        words = [*line.split(" ", 2), "", ""]
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
