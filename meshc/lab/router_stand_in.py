"""The stand-in for a router: a Linux node with the rules of its script, as the proof reads them.

There is no OpenWrt and no RouterOS in a lab. Interface, peers and routes are those of the wg-quick
file beside the script; what the script says about packets becomes chains of iptables. So real
packets meet the rules, and what is tried is what they do, not whether the router's own program
reads them as we do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from meshc.render.firewall.hook_lines import HookChain, wan_word
from meshc.render.firewall.loading import Load
from meshc.topology.language.spec import FirewallTool, NodeSpec, Platform
from meshc.topology.proof.iptables_rule import TUNNEL, Rule
from meshc.topology.proof.netfilter import BUILT_IN, Chain, Firewall

ROUTERS = frozenset({Platform.OPENWRT, Platform.ROUTEROS})
_OWN = {
    ("filter", "FORWARD"): "MESHC-FWD-%i",
    ("filter", "INPUT"): "MESHC-IN-%i",
    ("filter", "OUTPUT"): "MESHC-OUT-%i",
    ("nat", "POSTROUTING"): "MESHC-NAT-%i",
}
_WAN = frozenset(("wan", "list WAN"))
_TARGETS = frozenset(("ACCEPT", "DROP", "REJECT", "RETURN", "MASQUERADE"))


def stand_in(node: NodeSpec) -> NodeSpec:
    """The node as the lab has it."""
    return replace(node, platform=Platform.LINUX, kill_switch=False, firewall=FirewallTool.IPTABLES)


def with_rules(conf: str, firewall: Firewall) -> str:
    """The wg-quick file with the rules of a router."""
    chains = {family: tuple(_chains(firewall, family)) for family in (4, 6)}
    hooks = Load(FirewallTool.IPTABLES, chains, ()).hooks(chains)
    lines = [
        *hooks.comments,
        *(f"PreUp = {line}" for line in hooks.pre_up),
        *(f"PostUp = {line}" for line in hooks.post_up),
        *(f"PostDown = {line}" for line in hooks.post_down),
    ]
    return conf.replace("[Interface]\n", "\n".join(["[Interface]", *lines, ""]), 1)


def _chains(firewall: Firewall, family: int) -> Iterator[HookChain]:
    """Those that are jumped to come first."""
    mine = {chain: rules for chain, rules in firewall.chains.items() if chain[0] == family}
    inner = [chain for chain in mine if chain[2] not in BUILT_IN and chain[1] in ("filter", "nat")]
    names = {chain: f"MESHC-R{n}-%i" for n, chain in enumerate(inner)}
    done: set[Chain] = set()

    def made(chain: Chain) -> Iterator[HookChain]:
        done.add(chain)
        for rule in mine[chain]:
            to = (*chain[:2], rule.target)
            if to in names and to not in done:
                yield from made(to)
        each = (one for rule in mine[chain] for one in _apart(rule))
        named = (_rule(rule, chain, names, firewall.interface) for rule in each)
        rules = [text for text in named if text is not None]
        if chain[2] == "FORWARD":
            # what no rule lets through a router ends there
            rules += ["-i %i -j DROP", "-o %i -j DROP"]
        own = _OWN.get((chain[1], chain[2]))
        yield HookChain(chain[1], own or names[chain], chain[2] if own else "", tuple(rules))

    for table, hook in _OWN:
        if (family, table, hook) in mine:
            yield from made((family, table, hook))


def _apart(rule: Rule) -> Iterator[Rule]:
    """One for each of the sources that it has together."""
    for source in rule.sources or (rule.source,):
        yield rule._replace(source=source, sources=())


def _rule(rule: Rule, chain: Chain, names: Mapping[Chain, str], tunnel: str) -> str | None:
    """None for one that the proof does not understand, and for one that no packet here meets."""
    target = names.get((*chain[:2], rule.target), rule.target)
    protocol = _protocol(rule, chain[0])
    if not rule.modelled or protocol is None or (target not in _TARGETS and "%i" not in target):
        return None
    words = [
        _way("-i", "%i" if rule.way_in == tunnel else rule.way_in, chain[0], rule.negated),
        _way("-o", "%i" if rule.way_out == tunnel else rule.way_out, chain[0], rule.negated),
        _side("-s", rule.source, rule.negated),
        _side("-d", rule.destination, rule.negated),
        protocol,
        _states(rule),
        f"{'-g' if rule.goto else '-j'} {target}",
    ]
    return " ".join(filter(None, words))


def _way(flag: str, way: str, family: int, negated: frozenset[str]) -> str:
    no = "! " if flag in negated else ""
    if not way:
        return ""
    if way in _WAN:
        return f"{no}{flag} {wan_word(family)}"
    # any other zone is beside the tunnel
    return f"{no}{flag} %i" if way == TUNNEL else f"! {flag} %i"


def _side(flag: str, prefix: object, negated: frozenset[str]) -> str:
    return "" if prefix is None else f"{'! ' if flag in negated else ''}{flag} {prefix}"


def _protocol(rule: Rule, family: int) -> str | None:
    if not rule.protocol:
        return ""
    words = {"icmp": "icmp" if family == 4 else "ipv6-icmp", "tcp": "tcp", "udp": "udp"}
    if rule.protocol not in words:
        return None
    ports = "" if rule.ports is None else f" --dport {rule.ports[0]}:{rule.ports[1]}"
    return f"-p {words[rule.protocol]}{ports}"


def _states(rule: Rule) -> str:
    if rule.states is None:
        return ""
    states = {"DNAT" if state == "DSTNAT" else state for state in rule.states}
    no = "! " if "--ctstate" in rule.negated else ""
    return f"-m conntrack {no}--ctstate {','.join(sorted(states))}"


def router_notes(nodes: Sequence[NodeSpec]) -> list[str]:
    """What a reader of the results has to know."""
    return [
        f"{node.name}: Linux stands in for {node.platform.value}, with the rules of its script"
        for node in nodes
        if node.managed and node.platform in ROUTERS
    ]
