"""The iptables dialect: a node's firewall rules as PreUp, PostUp and PostDown lines."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from meshc.render.firewall.hook_lines import (
    Hooks,
    family_hooks,
    forward_chain,
    nat_chain,
    wan_word,
)
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    FlowState,
    ForwardRule,
    NatRule,
    Side,
)

_TARGET = {Decision.ACCEPT: "ACCEPT", Decision.DROP: "DROP", Decision.HOST: "RETURN"}
_STATE = {FlowState.ANSWER: "RELATED,ESTABLISHED", FlowState.PUBLISHED: "DNAT"}


@lru_cache(maxsize=1024)
def forwarding_hooks(firewall: tuple[FamilyRules, ...]) -> Hooks:
    """The lines of a node with these rules; none for a node that forwards nothing."""
    found = []
    for rules in firewall:
        chains = [forward_chain(_filter_rules(rules))]
        if rules.nat:
            chains.append(nat_chain(_nat_rule(rule, rules.family) for rule in rules.nat))
        found.append(family_hooks(rules.family, chains))
    return Hooks(
        pre_up=tuple(line for hooks in found for line in hooks.pre_up),
        post_up=tuple(line for hooks in found for line in hooks.post_up),
        post_down=tuple(line for hooks in found for line in hooks.post_down),
    )


def _filter_rules(rules: FamilyRules) -> Iterator[str]:
    if rules.clamp_mss:
        for way in ("-i", "-o"):
            yield f"{way} %i -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    for rule in rules.forward:
        yield _filter_rule(rule, rules.family)


def _filter_rule(rule: ForwardRule, family: int) -> str:
    words = [_way("-i", rule.way_in, family), _way("-o", rule.way_out, family)]
    if rule.destination is not None:
        words.append(f"-d {rule.destination}")
    if rule.source is not None:
        words.append(f"-s {rule.source}")
    if rule.state is not None:
        words.append(f"-m conntrack --ctstate {_STATE[rule.state]}")
    return " ".join([*filter(None, words), f"-j {_TARGET[rule.decision]}"])


def _nat_rule(rule: NatRule, family: int) -> str:
    words = [
        f"-s {rule.source}" if rule.source is not None else "",
        f"-d {rule.destination}" if rule.destination is not None else "",
        _way("-o", rule.way_out, family),
    ]
    return " ".join([*filter(None, words), "-j MASQUERADE" if rule.masquerade else "-j RETURN"])


def _way(flag: str, side: Side | None, family: int) -> str:
    if side is None:
        return ""
    if side is Side.OUTSIDE:
        return f"! {flag} %i"
    return f"{flag} " + ("%i" if side is Side.TUNNEL else wan_word(family))
