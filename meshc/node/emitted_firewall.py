"""The firewall that a file brings, read from the hook lines that `meshc build` wrote into it.

These lines are what was proven, and what a stock wg-quick runs. `meshc up` does not run them but
loads the same rules in one transaction, so that a change can be described before it is made and
taken back by what was recorded. A line is taken only where the whole set of its family is as it
was emitted; anything else stays a hook, and is run as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from meshc.errors import NodeError
from meshc.node.fact_set import FactSet
from meshc.node.system.firewall import BUILT_IN, INET, Chain, FirewallLoad, TableLoad
from meshc.node.system.forwarding_switch import ForwardingOn
from meshc.prefixes import Prefix
from meshc.render.firewall.hook_lines import (
    HookChain,
    Hooks,
    family_hooks,
    forward_chain,
    nat_chain,
    switch_on,
    table_command,
    wan_word,
)
from meshc.render.firewall.ipv6_hold import ipv6_hold_hooks
from meshc.render.firewall.kill_switch import (
    KILL_TABLE,
    kill_chain,
    kill_switch_hooks,
    kill_table,
)
from meshc.render.firewall.loading import Load, read_load
from meshc.render.firewall.nftables import NFT_TABLE, WAN, table_text
from meshc.render.firewall.open_port import open_chain, open_port_hooks
from meshc.topology.language.spec import FirewallTool
from meshc.wg.conf import Conf

_NOWHERE = "lo"  # nothing is ever forwarded to it
_MSS = "-p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
_RULES = {
    family: re.compile(
        rf"-[io] %i {re.escape(_MSS)}"
        rf"|(?:(?:! )?-[io] (?:%i|{re.escape(wan_word(family))}) "
        rf"|-[sd] {address}/[0-9]{{1,3}}(?:,{address}/[0-9]{{1,3}})* "
        r"|-m conntrack --ctstate [A-Z]+(?:,[A-Z]+)* )*"
        r"-j (?:ACCEPT|DROP|RETURN|MASQUERADE)"
    )
    for family, address in ((4, r"[0-9.]{7,15}"), (6, r"[0-9a-f:.]{2,45}"))
}
"""The rules that are ours: what is handed to iptables-restore holds no other word."""
_CHAIN = re.compile(r"MESHC-(?:IN|OUT|FWD|NAT|POL|S[0-9]{1,6})-%i")
_POLICY = {
    family: re.compile(
        rf"{one.pattern}|(?:(?:! )?-[io] %i |-[sd] {address}/[0-9]{{1,3}} "
        r"|-m conntrack ! --ctstate RELATED,ESTABLISHED "
        r"|-p (?:tcp|udp)(?: --dport [0-9]{1,5}(?::[0-9]{1,5})?)? |-p (?:ipv6-)?icmp )*"
        rf"-(?:[jg] {_CHAIN.pattern}|j (?:DROP|RETURN))"
    )
    for (family, one), address in zip(
        _RULES.items(), (r"[0-9.]{7,15}", r"[0-9a-f:.]{2,45}"), strict=True
    )
}
_NFT_LINE = re.compile(
    r"(?!include|define)(?:[a-z0-9_ .,;:!=&|(){}/-]|\"%i\"|\"@wan[46]@\")+", re.ASCII
)
_HEAD = 3  # the lines that make the table, before its first chain


_KEPT_INSIDE = re.compile(
    r"-A MESHC-KILL-%i -d ([0-9a-f.:]{2,45}/[0-9]{1,3}) -j REJECT$"
    r"|; ip6? daddr ([0-9a-f.:]{2,45}/[0-9]{1,3}) reject(?=;)"
)


class _KillSwitch(NamedTuple):
    """Its lines, and what they load: chains by family, or one table of nft."""

    hooks: Hooks = Hooks()
    chains: Mapping[int, HookChain] = MappingProxyType({})
    table: tuple[str, ...] = ()


class EmittedFirewall:
    """Of one file. `chains` are the own chains by family, with `%i` and the search for the
    interface of the default route as they stand in the lines."""

    def __init__(self, conf: Conf, interface: str) -> None:
        self._conf = conf
        self._interface = interface

    @cached_property
    def load(self) -> Load | None:
        """The rules in comments of the file, if all lines are there that go with them."""
        found = read_load(self._conf.rules)
        if found is None or not _is_ours(found):
            return None
        return found if _stands(found.hooks(self._switched), self._conf) else None

    @cached_property
    def _switched(self) -> tuple[int, ...]:
        """The families whose forwarding is turned on."""
        lines = self._conf.post_up
        return tuple(f for f in (4, 6) if _stand_together(tuple(switch_on(f)), lines))

    @cached_property
    def chains(self) -> dict[int, tuple[HookChain, ...]]:
        return {f: chains for f in (4, 6) if (chains := _chains(self._conf, f)) is not None}

    @cached_property
    def lines(self) -> Hooks:
        """The hook lines that need not be run."""
        found = [family_hooks(family, chains) for family, chains in self.chains.items()]
        if self.load is not None:
            found = [self.load.hooks(self._switched)]
        found.append(self._kill_switch.hooks)
        found += [open_port_hooks(self._conf.listen_port or 0)] if self.opens else []
        found += [ipv6_hold_hooks(self._conf.fwmark or 0)] if self.holds_ipv6 else []
        return Hooks(
            pre_up=tuple(line for hooks in found for line in hooks.pre_up),
            post_up=tuple(line for hooks in found for line in hooks.post_up),
            post_down=tuple(line for hooks in found for line in hooks.post_down),
            comments=tuple(line for hooks in found for line in hooks.comments),
        )

    @cached_property
    def _kill_switch(self) -> _KillSwitch:
        return _kill_switch(self._conf)

    @property
    def kill_chains(self) -> Mapping[int, HookChain]:
        """The kill switch, by family; none where its lines are not all as they were emitted."""
        return self._kill_switch.chains

    @cached_property
    def holds_ipv6(self) -> bool:
        """Whether the lines keep IPv6 from leaving."""
        mark = self._conf.fwmark
        return bool(mark) and _stands(ipv6_hold_hooks(mark or 0), self._conf)

    @property
    def closes_tables(self) -> bool:
        """Whether a routing table has an end that lets nothing out."""
        return self.holds_ipv6 or bool(self.kill_chains)

    @cached_property
    def opens(self) -> bool:
        """Whether the lines open the port that the file listens at."""
        port = self._conf.listen_port
        return port is not None and _stands(open_port_hooks(port), self._conf)

    @property
    def programs_for(self) -> tuple[int, ...]:
        """The families whose rules are loaded for any reason."""
        both = (4, 6) if self.opens or self.kill_chains else ()
        return tuple(sorted({*self.families, *both}))

    @property
    def families(self) -> tuple[int, ...]:
        """Those whose rules the machine must be asked about."""
        if self.load is not None:
            return tuple(self.load.chains) or (4, 6)
        return tuple(self.chains)

    @property
    def forwarding(self) -> tuple[int, ...]:
        return tuple(self.chains) if self.load is None else self._switched

    def loads(self, facts: FactSet) -> tuple[FirewallLoad | TableLoad, ...]:
        """One load a family with iptables, one in all with nft. Raises: NodeError where there is
        no such tool."""
        loads: list[FirewallLoad | TableLoad] = []
        own = [*(self.chains if self.load is None else self.load.chains).items()]
        if self.load is not None and self._takes_nft(self.load, facts):
            loads, own = [self._table(self.load, facts)], []
        own += [(f, (open_chain(self._conf.listen_port or 0),)) for f in (4, 6) if self.opens]
        own += [(family, (chain,)) for family, chain in self.kill_chains.items()]
        if self._kill_switch.table:
            loads.append(_kill_table(self._kill_switch.table, facts))
        for family, emitted in own:
            if family not in facts.families:
                continue
            have = facts.firewall.get(family)
            if have is None or not have.program:
                raise NodeError(
                    f"what the file lets pass or holds back of IPv{family} needs iptables",
                    hint="install the iptables package",
                )
            chains = tuple(_resolved(chain, family, facts) for chain in emitted)
            made = tuple(sorted({chain.table for chain in chains} - have.tables()))
            loads.append(FirewallLoad(family, have.program, chains, made))
        return tuple(loads)

    def _takes_nft(self, load: Load, facts: FactSet) -> bool:
        """As the lines themselves decide."""
        if load.tool is FirewallTool.AUTO:
            return not any(have.program for have in facts.firewall.values())
        return load.tool is FirewallTool.NFTABLES

    def _table(self, load: Load, facts: FactSet) -> TableLoad:
        if not facts.has_nft:
            tools = "nft" if load.tool is FirewallTool.NFTABLES else "iptables or nft"
            raise NodeError(
                f"the rules of this node need {tools}",
                hint="install the nftables package, or set `firewall: iptables` in the topology",
            )
        # what stands around the chains is the change's own
        lines = load.text[_HEAD:-1]
        text = "".join(f"{line}\n" for line in lines)
        for family in (4, 6):
            text = text.replace(WAN[family], _wan(family, facts))
        text = text.replace("%i", facts.interface)
        return TableLoad(INET, NFT_TABLE.replace("%i", facts.interface), text)

    def switches(self, facts: FactSet) -> tuple[ForwardingOn, ...]:
        """What the lines throw, with all that the kernel changes along with them."""
        return tuple(
            ForwardingOn(self._interface, family)
            for family in self.forwarding
            if family in facts.families
        )


def _kill_table(statements: tuple[str, ...], facts: FactSet) -> TableLoad:
    """Raises: NodeError."""
    if not facts.has_nft:
        raise NodeError(
            "the kill switch of this node needs nft",
            hint="install the nftables package, or set `firewall: iptables` in the topology",
        )
    text = "chain output {\n" + "".join(f"{one};\n" for one in statements) + "}\n"
    name = facts.interface
    return TableLoad(INET, KILL_TABLE.replace("%i", name), text.replace("%i", name))


def _chains(conf: Conf, family: int) -> tuple[HookChain, ...] | None:
    """None when the lines of a family are not there, or not all as they were emitted."""
    found = []
    for empty in (forward_chain(()), nat_chain(())):
        command = table_command(family, empty.table)
        made = f"{command}-N {empty.name}"
        if made in conf.post_up:
            following = conf.post_up[conf.post_up.index(made) + 1 :]
            rules = _rules(following, f"{command}-A {empty.name} ", family)
            found.append(empty._replace(rules=tuple(rules)))
    wanted = family_hooks(family, found)
    whole = bool(found) and found[0].table == "filter" and _stands(wanted, conf)
    return tuple(found) if whole else None


def _kill_switch(conf: Conf) -> _KillSwitch:
    """What makes the lines of the file again, letter by letter; empty where nothing does."""
    mark = conf.fwmark
    if not mark:
        return _KillSwitch()
    pools = [
        Prefix.parse(match[1] or match[2])
        for line in conf.post_up
        for match in _KEPT_INSIDE.finditer(line)
    ]
    for nft, named in product((False, True), (False, True)):
        wanted = kill_switch_hooks(mark, pools, named=named, nft=nft)
        if _stands(wanted, conf):
            if nft:
                return _KillSwitch(wanted, table=kill_table(mark, pools))
            return _KillSwitch(wanted, {f: kill_chain(f, mark, pools) for f in (4, 6)})
    return _KillSwitch()


def _rules(lines: tuple[str, ...], start: str, family: int) -> Iterator[str]:
    """Those of the first lines that add a rule of ours to a chain."""
    for line in lines:
        rule = line[len(start) :]
        if not line.startswith(start) or not _RULES[family].fullmatch(rule):
            return
        yield rule


def _stands(wanted: Hooks, conf: Conf) -> bool:
    """Whether all of the lines are there as they were emitted."""
    return (
        _stand_together(wanted.pre_up, conf.pre_up)
        and _stand_together(wanted.post_up, conf.post_up)
        and _stand_together(wanted.post_down, conf.post_down)
    )


def _is_ours(load: Load) -> bool:
    """Whether every word is one that `meshc build` writes."""
    for family, chains in load.chains.items():
        for chain in chains:
            known = _CHAIN.fullmatch(chain.name) and chain.hook in ("", *BUILT_IN)
            if not known or not all(_POLICY[family].fullmatch(rule) for rule in chain.rules):
                return False
    text = load.text
    framed = text[:_HEAD] == table_text(())[:_HEAD] and text[-1:] == ("}",)
    return not text or (framed and all(_NFT_LINE.fullmatch(line) for line in text[_HEAD:]))


def _stand_together(wanted: tuple[str, ...], lines: tuple[str, ...]) -> bool:
    """Whether the wanted lines are there, one right after the other."""
    places = range(len(lines) - len(wanted) + 1)
    return any(lines[at : at + len(wanted)] == wanted for at in places)


def _wan(family: int, facts: FactSet) -> str:
    default = facts.default_route(family)
    return default.device if default is not None else _NOWHERE


def _resolved(chain: HookChain, family: int, facts: FactSet) -> Chain:
    wan = _wan(family, facts)
    rules = (
        rule.replace(wan_word(family), wan).replace("%i", facts.interface) for rule in chain.rules
    )
    name = chain.name.replace("%i", facts.interface)
    return Chain(chain.table, name, chain.hook, tuple(rules))
