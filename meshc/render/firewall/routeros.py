"""The RouterOS dialect: a node's firewall rules as commands of RouterOS 7.

Rules stand in a chain of their own per table, so that `return` leaves the rest to the router's
rules; the jumps to it go to the top, because the usual configuration ends with a drop. The way to
the internet is the interface list WAN, which RouterOS's own configuration makes.

Policies are one more chain, that what begins a connection is sent through before any other rule:
a rule that allows returns, the end drops. Sources and targets of a rule are address lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshc.render.escape import routeros_word
from meshc.render.firewall.routeros_policies import RouterPolicies
from meshc.topology.planner.policy.flow_rules import (
    Decision,
    FamilyRules,
    FlowState,
    ForwardRule,
    NatRule,
    Side,
)

MENU = {4: "/ip", 6: "/ipv6"}
TABLES = ("filter", "nat", "mangle")
ADDRESS_LIST = "address-list"
CLEARED = (*TABLES, ADDRESS_LIST)
"""What a later run has to clear, with policies or without: rules before the lists they name."""
WAN_LIST = "WAN"
_ACTION = {Decision.ACCEPT: "accept", Decision.DROP: "drop", Decision.HOST: "return"}
_STATE = {
    FlowState.ANSWER: "connection-state=established,related",
    FlowState.PUBLISHED: "connection-nat-state=dstnat",
}


def mark(interface: str) -> str:
    """The comment by which a later run finds what this one made."""
    return f"meshc {interface}"


def commands(
    interface: str, listen_port: int | None, firewall: Iterable[FamilyRules]
) -> Iterator[str]:
    """The lines that make the rules; what was made before must have been removed."""
    rules = {one.family: one for one in firewall}
    if any(_uses_wan(one) for one in rules.values()):
        yield (
            f":if ([:len [/interface/list/find name={WAN_LIST}]] = 0)"
            f" do={{/interface/list/add name={WAN_LIST}}}"
        )
    comment = f"comment={routeros_word(mark(interface))}"
    for family, menu in MENU.items():
        made = rules.get(family)
        policies = RouterPolicies(interface, family, made.access if made is not None else None)
        yield from (f"{menu}/firewall/{ADDRESS_LIST}/add {e} {comment}" for e in policies.entries())
        for table, lines in _tables(interface, listen_port, made, policies).items():
            for line in lines:
                yield f"{menu}/firewall/{table}/add {line} {comment}"
            if lines:
                yield f"{menu}/firewall/{table}/move [find {comment}] destination=0"


def _tables(
    interface: str, listen_port: int | None, rules: FamilyRules | None, policies: RouterPolicies
) -> dict[str, list[str]]:
    wire, chain = routeros_word(interface), routeros_word(f"meshc-{interface}")
    tables: dict[str, list[str]] = {table: [] for table in TABLES}
    tables["filter"] += policies.rules()
    if listen_port is not None:
        tables["filter"] += [f"chain=input action=accept protocol=udp dst-port={listen_port}"]
    if rules is None:
        return tables
    tables["filter"] += [f"chain={chain} {_filter_rule(rule, wire)}" for rule in rules.forward]
    if rules.forward:
        tables["filter"] += [f"chain=forward action=jump jump-target={chain}"]
    if rules.nat:
        tables["nat"] += [
            f"chain={chain} {line}" for rule in rules.nat for line in _nat_rules(rule, wire)
        ]
        tables["nat"] += [f"chain=srcnat action=jump jump-target={chain}"]
    if rules.clamp_mss:
        tables["mangle"] += [
            f"chain=forward action=change-mss new-mss=clamp-to-pmtu passthrough=yes"
            f" protocol=tcp tcp-flags=syn {way}={wire}"
            for way in ("in-interface", "out-interface")
        ]
    return tables


def _filter_rule(rule: ForwardRule, wire: str) -> str:
    words = [
        f"action={_ACTION[rule.decision]}",
        _way("in-interface", rule.way_in, wire),
        _way("out-interface", rule.way_out, wire),
        f"src-address={rule.source}" if rule.source is not None else "",
        f"dst-address={rule.destination}" if rule.destination is not None else "",
        _STATE[rule.state] if rule.state is not None else "",
    ]
    return " ".join(filter(None, words))


def _nat_rules(rule: NatRule, wire: str) -> Iterator[str]:
    for source, destination in rule.pairs():
        words = [
            "action=masquerade" if rule.masquerade else "action=return",
            f"src-address={source}" if source is not None else "",
            f"dst-address={destination}" if destination is not None else "",
            _way("out-interface", rule.way_out, wire),
        ]
        yield " ".join(filter(None, words))


def _way(name: str, side: Side | None, wire: str) -> str:
    if side is None:
        return ""
    if side is Side.WAN:
        return f"{name}-list={WAN_LIST}"
    return f"{name}=" + (wire if side is Side.TUNNEL else f"!{wire}")


def _uses_wan(rules: FamilyRules) -> bool:
    ways = [side for rule in rules.forward for side in (rule.way_in, rule.way_out)]
    return Side.WAN in ways or any(rule.way_out is Side.WAN for rule in rules.nat)
