"""The iptables dialect: a node's firewall rules as chains of its own.

Policies are three steps: `MESHC-IN`, `-FWD` and `-OUT` hand what begins a connection to
`MESHC-POL`, which goes on in the chain of the sender, `MESHC-S0` and so on. There a rule that
allows returns, all the way back to the rules behind the jump; the end of a chain drops. The host's
own rules for INPUT and OUTPUT then have their say as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from meshc.prefixes import Prefix
from meshc.render.firewall.hook_lines import (
    HookChain,
    Hooks,
    family_hooks,
    forward_chain,
    nat_chain,
    wan_word,
)
from meshc.topology.language.spec import Service
from meshc.topology.obligations.control_channel import CONTROL_PORT, LINK_LOCAL
from meshc.topology.planner.policy.flow_rules import (
    AccessRules,
    Decision,
    FamilyRules,
    FlowState,
    ForwardRule,
    NatRule,
    Side,
)

INPUT_CHAIN = "MESHC-IN-%i"
OUTPUT_CHAIN = "MESHC-OUT-%i"
POLICY_CHAIN = "MESHC-POL-%i"
CONTROL_CHAIN = "MESHC-AGT-%i"
SENDER_CHAIN = "MESHC-S{}-%i"
# what belongs to no connection that was let through before
_BEGINS = "-m conntrack ! --ctstate RELATED,ESTABLISHED"
_TARGET = {Decision.ACCEPT: "ACCEPT", Decision.DROP: "DROP", Decision.HOST: "RETURN"}
# two such lists of IPv6 are half of the 10,240 characters that a line of iptables-restore may have
_LIST = 64
_STATE = {FlowState.ANSWER: "RELATED,ESTABLISHED", FlowState.PUBLISHED: "DNAT"}


@lru_cache(maxsize=1024)
def forwarding_hooks(firewall: tuple[FamilyRules, ...]) -> Hooks:
    """The lines of a node with these rules; none for a node that forwards nothing."""
    found = [family_hooks(rules.family, family_chains(rules)) for rules in firewall]
    return Hooks(
        pre_up=tuple(line for hooks in found for line in hooks.pre_up),
        post_up=tuple(line for hooks in found for line in hooks.post_up),
        post_down=tuple(line for hooks in found for line in hooks.post_down),
    )


def family_chains(rules: FamilyRules) -> tuple[HookChain, ...]:
    """The chains of one family; a chain comes behind those that it jumps to."""
    access = rules.access
    chains = [] if access is None else [*_sender_chains(access, rules.family)]
    chains.append(forward_chain(_filter_rules(rules)))
    if access is not None and access.control:
        chains.append(HookChain("filter", CONTROL_CHAIN, "", tuple(_agents(access))))
    if access is not None:
        chains.append(HookChain("filter", INPUT_CHAIN, "INPUT", tuple(_inbound(access))))
        if access.outbound:
            begins = f"-o %i {_BEGINS} -j {POLICY_CHAIN}"
            said = _control(access, "-o")
            chains.append(HookChain("filter", OUTPUT_CHAIN, "OUTPUT", (*said, begins)))
    if rules.nat:
        nat = (line for rule in rules.nat for line in _nat_rules(rule, rules.family))
        chains.append(nat_chain(nat))
    return tuple(chains)


def _sender_chains(access: AccessRules, family: int) -> Iterator[HookChain]:
    senders = []
    for number, row in enumerate(access.rows):
        name = SENDER_CHAIN.format(number)
        senders += [f"-s {source} -g {name}" for source in row.sources]
        allowed = (
            f"-d {target}{_service(service, family)} -j RETURN"
            for grant in row.grants
            for target in grant.targets
            for service in grant.services
        )
        yield HookChain("filter", name, "", (*allowed, "-j DROP"))
    yield HookChain("filter", POLICY_CHAIN, "", (*senders, "-j DROP"))


def _control(access: AccessRules, way: str) -> Iterator[str]:
    """What agents say is looked at in a chain of its own, so that nothing else waits for that."""
    if access.control:
        port = f"-p udp --dport {CONTROL_PORT}"
        yield f"-s {LINK_LOCAL} -d {LINK_LOCAL} {way} %i {port} -g {CONTROL_CHAIN}"


def _agents(access: AccessRules) -> Iterator[str]:
    yield from (f"-s {agent} -i %i -j RETURN" for agent in access.control)
    if access.outbound:
        yield from (f"-d {agent} -o %i -j RETURN" for agent in access.control)
    yield "-j DROP"


def _inbound(access: AccessRules) -> Iterator[str]:
    yield from _control(access, "-i")
    for own in access.inbound:
        yield f"-d {own} -i %i {_BEGINS} -g {POLICY_CHAIN}"
    # an address of the host that is none of the network's is nobody's business there
    yield f"-i %i {_BEGINS} -j DROP"


def _service(service: Service, family: int) -> str:
    protocol, first, last = service
    if protocol == "all":
        return ""
    if protocol == "icmp":
        return " -p icmp" if family == 4 else " -p ipv6-icmp"
    if (first, last) == (0, 65535):
        return f" -p {protocol}"
    return f" -p {protocol} --dport {first}" + (f":{last}" if last != first else "")


def _filter_rules(rules: FamilyRules) -> Iterator[str]:
    if rules.clamp_mss:
        for way in ("-i", "-o"):
            yield f"{way} %i -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"
    if rules.access is not None:
        yield f"-i %i {_BEGINS} -j {POLICY_CHAIN}"
        for lan in rules.access.lans:
            yield f"-s {lan} -o %i {_BEGINS} -j {POLICY_CHAIN}"
        for stranger in rules.access.strangers:
            yield f"-s {stranger} ! -i %i -o %i -j DROP"
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


def _nat_rules(rule: NatRule, family: int) -> Iterator[str]:
    """iptables(8) makes a rule of each pair of lists; one command for each would take a large
    network's router minutes."""
    for sources in _lists("-s", rule.sources):
        for destinations in _lists("-d", rule.destinations):
            words = [sources, destinations, _way("-o", rule.way_out, family)]
            target = "-j MASQUERADE" if rule.masquerade else "-j RETURN"
            yield " ".join([*filter(None, words), target])


def _lists(flag: str, prefixes: tuple[Prefix, ...]) -> Iterator[str]:
    if not prefixes:
        yield ""
    for at in range(0, len(prefixes), _LIST):
        yield f"{flag} {','.join(map(str, prefixes[at : at + _LIST]))}"


def _way(flag: str, side: Side | None, family: int) -> str:
    if side is None:
        return ""
    if side is Side.OUTSIDE:
        return f"! {flag} %i"
    return f"{flag} " + ("%i" if side is Side.TUNNEL else wan_word(family))
