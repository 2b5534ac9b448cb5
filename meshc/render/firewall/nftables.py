"""The nftables dialect: a node's firewall rules as one table of its own, of both families.

What may pass is looked up, not tried rule by rule: the sender's address in a map that goes on in
the sender's chain, then target, protocol and port together in a set. What a packet costs does
not grow with the number of rules (nft(8), SETS and CONCATENATIONS; Linux 5.6 and later).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meshc.prefixes import Prefix
from meshc.topology.obligations.control_channel import CONTROL_PORT, LINK_LOCAL
from meshc.topology.planner.policy.flow_rules import (
    AccessRules,
    Decision,
    FamilyRules,
    FlowState,
    ForwardRule,
    Grant,
    NatRule,
    Side,
)

NFT_TABLE = "meshc-%i"
# stands for the interface of the default route until the text is loaded
WAN = {4: "@wan4@", 6: "@wan6@"}
_IP = {4: "ip", 6: "ip6"}
_WIDEST = 300
_VERDICT = {Decision.ACCEPT: "accept", Decision.DROP: "drop", Decision.HOST: "return"}
_STATE = {
    FlowState.ANSWER: "ct state { established, related }",
    FlowState.PUBLISHED: "ct status dnat",
}
_SYN = "tcp flags & (syn | rst) == syn"
_BEGINS = "ct state != { established, related }"


def table_text(firewall: Iterable[FamilyRules]) -> tuple[str, ...]:
    """The lines that put the table in the place of one that may be there, in one transaction."""
    rules = [*firewall]
    held = [one for one in rules if one.access is not None]
    chains = _access_chains(held)
    chains["forward"] = ["type filter hook forward priority 0; policy accept;", *_forward(rules)]
    if any(one.nat for one in rules):
        chains["postrouting"] = [
            "type nat hook postrouting priority 100; policy accept;",
            *(_nat_rule(rule, one.family) for one in rules for rule in one.nat),
        ]
    lines = [f"add table inet {NFT_TABLE}", f"delete table inet {NFT_TABLE}"]
    lines.append(f"table inet {NFT_TABLE} {{")
    return (*lines, *_written(chains), "}")


def policy_text(firewall: Iterable[FamilyRules], prefix: str) -> tuple[str, ...]:
    """The policies alone, as chains for a table of somebody else: they only drop, so that what
    they let by is still his to refuse. Every name begins with `prefix`."""
    held = [one for one in firewall if one.access is not None]
    chains = _access_chains(held, prefix)
    if held:
        chains[f"{prefix}forward"] = [
            "type filter hook forward priority 0; policy accept;",
            f'iifname "%i" {_BEGINS} jump {prefix}access',
            *(line for one in held for line in _from_beside(one, prefix)),
        ]
    return tuple(_written(chains))


def _access_chains(held: list[FamilyRules], prefix: str = "") -> dict[str, list[str]]:
    """What decides about a sender, and what asks for it outside of forwarding."""
    chains: dict[str, list[str]] = {}
    for one in held:
        chains.update(_sender_chains(one, prefix))
    if held:
        senders = (line for one in held for line in _senders(one, prefix))
        chains[f"{prefix}access"] = [*senders, "drop"]
        chains[f"{prefix}input"] = [
            "type filter hook input priority 0; policy accept;",
            *_inbound(held, prefix),
        ]
        if any(one.access and one.access.outbound for one in held):
            begins = f'oifname "%i" {_BEGINS} jump {prefix}access'
            hook = "type filter hook output priority 0; policy accept;"
            chains[f"{prefix}output"] = [hook, *_control(held, outbound=True), begins]
    return chains


def _written(chains: Mapping[str, list[str]]) -> Iterator[str]:
    for name, statements in chains.items():
        yield f"chain {name} {{"
        for one in statements:
            yield from _folded(one)
        yield "}"


def _folded(statement: str) -> Iterator[str]:
    """A long list of elements goes on in the next line, behind a comma."""
    while len(statement) > _WIDEST and (at := statement.rfind(", ", 0, _WIDEST)) > 0:
        yield statement[: at + 1]
        statement = statement[at + 2 :]
    yield statement


def _sender_chains(rules: FamilyRules, prefix: str) -> Iterator[tuple[str, list[str]]]:
    assert rules.access is not None, "asked for families with policies"
    for number, row in enumerate(rules.access.rows):
        lines = [*_allowed(rules.family, row.grants), "drop"]
        yield f"{prefix}from{rules.family}_{number}", lines


def _senders(rules: FamilyRules, prefix: str) -> Iterator[str]:
    assert rules.access is not None, "asked for families with policies"
    elements = [
        f"{_element(source)} : goto {prefix}from{rules.family}_{number}"
        for number, row in enumerate(rules.access.rows)
        for source in row.sources
    ]
    if elements:
        yield f"{_IP[rules.family]} saddr vmap {{ {', '.join(elements)} }}"


def _allowed(family: int, grants: Iterable[Grant]) -> Iterator[str]:
    whole: list[Prefix] = []
    pings: list[Prefix] = []
    ports: list[str] = []
    for targets, services in grants:
        for protocol, first, last in services:
            if protocol == "all":
                whole += targets
            elif protocol == "icmp":
                pings += targets
            else:
                port = str(first) if first == last else f"{first}-{last}"
                ports += [f"{_element(target)} . {protocol} . {port}" for target in targets]
    ip = _IP[family]
    if whole:
        yield f"{ip} daddr {_set(whole)} return"
    if pings:
        icmp = "icmp" if family == 4 else "ipv6-icmp"
        yield f"{ip} daddr {_set(pings)} meta l4proto {icmp} return"
    if ports:
        yield f"{ip} daddr . meta l4proto . th dport {{ {', '.join(ports)} }} return"


def _inbound(held: Iterable[FamilyRules], prefix: str) -> Iterator[str]:
    some = [*held]
    yield from _control(some)
    for rules in some:
        access: AccessRules | None = rules.access
        if access is not None and access.inbound:
            own = f"{_IP[rules.family]} daddr {_set(access.inbound)}"
            yield f'iifname "%i" {_BEGINS} {own} goto {prefix}access'
    # an address of the host that is none of the network's is nobody's business there
    yield f'iifname "%i" {_BEGINS} drop'


def _control(held: Iterable[FamilyRules], *, outbound: bool = False) -> Iterator[str]:
    """What agents say to each other, in both directions by rules of their own: relays filter what
    they send themselves."""
    for agents in (one.access.control for one in held if one.access is not None):
        if not agents:
            continue
        if outbound:
            ends = ", ".join(f"{_element(one)} . udp . {CONTROL_PORT}" for one in agents)
            said = f"ip6 saddr {LINK_LOCAL} ip6 daddr . meta l4proto . th dport {{ {ends} }}"
            yield f'oifname "%i" {said} return'
        else:
            here = f"{{ {LINK_LOCAL} . udp . {CONTROL_PORT} }}"
            said = f"ip6 saddr {_set(agents)} ip6 daddr . meta l4proto . th dport {here}"
            yield f'iifname "%i" {said} return'


def _forward(rules: Iterable[FamilyRules]) -> Iterator[str]:
    some = [*rules]
    for one in some:
        if one.clamp_mss:
            for way in ("iifname", "oifname"):
                begins = f'meta nfproto {_nfproto(one.family)} {way} "%i" {_SYN}'
                yield f"{begins} tcp option maxseg size set rt mtu"
    if any(one.access is not None for one in some):
        yield f'iifname "%i" {_BEGINS} jump access'
    for one in some:
        yield from _from_beside(one, "")
    for one in some:
        for rule in one.forward:
            yield _filter_rule(rule, one.family)


def _from_beside(rules: FamilyRules, prefix: str) -> Iterator[str]:
    access, ip = rules.access, _IP[rules.family]
    if access is not None and access.lans:
        yield f'oifname "%i" {_BEGINS} {ip} saddr {_set(access.lans)} jump {prefix}access'
    if access is not None and access.strangers:
        yield f'iifname != "%i" oifname "%i" {ip} saddr {_set(access.strangers)} drop'


def _filter_rule(rule: ForwardRule, family: int) -> str:
    words = [
        f"meta nfproto {_nfproto(family)}",
        _way("iifname", rule.way_in, family),
        _way("oifname", rule.way_out, family),
        f"{_IP[family]} saddr {_element(rule.source)}" if rule.source is not None else "",
        f"{_IP[family]} daddr {_element(rule.destination)}" if rule.destination is not None else "",
        _STATE[rule.state] if rule.state is not None else "",
    ]
    return " ".join([*filter(None, words), _VERDICT[rule.decision]])


def _nat_rule(rule: NatRule, family: int) -> str:
    words = [
        f"meta nfproto {_nfproto(family)}",
        f"{_IP[family]} saddr {_one_or_set(rule.sources)}" if rule.sources else "",
        f"{_IP[family]} daddr {_one_or_set(rule.destinations)}" if rule.destinations else "",
        _way("oifname", rule.way_out, family),
    ]
    return " ".join([*filter(None, words), "masquerade" if rule.masquerade else "return"])


def _way(word: str, side: Side | None, family: int) -> str:
    if side is None:
        return ""
    if side is Side.OUTSIDE:
        return f'{word} != "%i"'
    return f'{word} "%i"' if side is Side.TUNNEL else f'{word} "{WAN[family]}"'


def _nfproto(family: int) -> str:
    return f"ipv{family}"


def _set(prefixes: Iterable[Prefix]) -> str:
    return f"{{ {', '.join(map(_element, prefixes))} }}"


def _one_or_set(prefixes: tuple[Prefix, ...]) -> str:
    return _element(prefixes[0]) if len(prefixes) == 1 else _set(prefixes)


def _element(prefix: Prefix) -> str:
    text = str(prefix)
    return text.partition("/")[0] if prefix.is_host else text
