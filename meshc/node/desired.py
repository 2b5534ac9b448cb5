"""What a machine should have for one file: derived from the file and the facts, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from meshc.node.change import Change
from meshc.node.fact_set import FactSet
from meshc.node.nodefile import InterfaceFile
from meshc.node.system.closed_table import TableClosed
from meshc.node.system.dns import DnsSet
from meshc.node.system.firewall import FirewallLoad, TableLoad
from meshc.node.system.forwarding_switch import ForwardingOn
from meshc.node.system.killswitch import guards
from meshc.node.system.route import main_routes, table_number
from meshc.node.system.rule import default_route_rules, hold_rules
from meshc.node.system.sysctl import SysctlKept, SysctlSet
from meshc.node.system.wireguard import PeerWish, merged_sections, wishes
from meshc.node.system_values import MAIN_TABLE, PolicyRule
from meshc.prefixes import InterfaceAddress, Prefix
from meshc.values import dataclass
from meshc.wg.conf import Conf
from meshc.wg.overhead import OVERHEAD, UNDERLAY_MTU

FIRST_TABLE = 51820
"""Where wg-quick(8) begins to look for a free routing table."""
SRC_VALID_MARK = "net/ipv4/conf/all/src_valid_mark"
SEND_REDIRECTS = "net/ipv4/conf/all/send_redirects"
"""The kernel's WireGuard switches it off, for every interface, when one is set up
(drivers/net/wireguard/device.c, wg_open)."""


@dataclass(frozen=True, slots=True)
class DesiredState:
    """`fwmark` 0 is none. `routes` are in the order in which wg-quick adds them; those `aside` are
    networks that the machine is in itself, with the device. `rules` and the
    kill switch (`guards`) come with a default route in `Table = auto`, or hold IPv6 back. `watched`
    says that a background process should look after the interface."""

    interface: str
    listen_port: int | None
    fwmark: int
    peers: tuple[PeerWish, ...]
    addresses: tuple[InterfaceAddress, ...]
    mtu: int
    routes: tuple[tuple[Prefix, int], ...]
    aside: Mapping[Prefix, str]
    rules: tuple[PolicyRule, ...]
    guards: tuple[Change, ...]
    sysctls: tuple[SysctlSet, ...]
    forwarding: tuple[ForwardingOn, ...]
    firewall: tuple[FirewallLoad | TableLoad, ...]
    closed: tuple[TableClosed, ...]
    dns: DnsSet | None
    watched: bool


def desire(
    file: InterfaceFile,
    facts: FactSet,
    *,
    applied: Mapping[str, str] | None = None,
    own: bool = False,
    watch: bool = True,
) -> DesiredState:
    """`own` says that the interface is up by our doing, so that a mark that it carries is ours and
    stays; `applied` maps public keys to the endpoints as the file had them then.
    Raises: NodeError for a routing table that does not exist."""
    conf = file.conf
    allowed = [prefix for prefix in _allowed(conf) if prefix.family in facts.families]
    addresses = tuple(a for a in dict.fromkeys(conf.addresses) if a.family in facts.families)
    guarded = tuple(
        family
        for family in facts.families
        if conf.table is None and Prefix(family, 0, 0) in allowed
    )
    held = _held(file, facts)
    mark = _mark(conf, facts, bool(guarded), own)
    rules = [rule for f in guarded for rule in default_route_rules(f, mark, facts.rules)]
    rules += [rule for f in held for rule in hold_rules(f, mark, facts.rules)]
    routes = _routes(conf, allowed, addresses, mark)
    return DesiredState(
        file.interface,
        conf.listen_port,
        mark,
        wishes(
            merged_sections(conf.peers),
            names=file.names,
            resolved=facts.resolved,
            applied=applied or {},
        ),
        addresses,
        conf.mtu or automatic_mtu(conf, facts),
        routes,
        {prefix: lan for prefix, _ in routes if (lan := facts.own_lan(prefix))},
        _rules(rules, facts, own),
        guards((*guarded, *held), mark, addresses, facts),
        tuple(_sysctls(guarded, facts, own)),
        file.firewall.switches(facts),
        file.firewall.loads(facts),
        tuple(TableClosed(f, mark) for f in _closed(file, facts, held)),
        _dns(conf, facts),
        watch,
    )


def left_out(file: InterfaceFile, facts: FactSet) -> tuple[str, ...]:
    """What the file asks for that this machine has no use for, because it has no IPv6."""
    if not facts.no_ipv6:
        return ()
    addresses = [str(address) for address in file.conf.addresses if address.family == 6]
    prefixes = [f"the route {prefix}" for prefix in _allowed(file.conf) if prefix.family == 6]
    rules = ["forwarding of IPv6"] if 6 in file.firewall.forwarding else []
    return tuple(dict.fromkeys((*addresses, *prefixes, *rules)))


def _allowed(conf: Conf) -> list[Prefix]:
    return [prefix for peer in merged_sections(conf.peers) for prefix in peer.allowed_ips]


def automatic_mtu(conf: Conf, facts: FactSet) -> int:
    """As wg-quick(8): the largest MTU of the routes to the endpoints, else that of the default
    route, else 1500; less 80."""
    towards = []
    for peer in conf.peers:
        address = facts.resolved.get(peer.endpoint.host) if peer.endpoint else None
        if address and address in facts.path_mtu:
            towards.append(facts.path_mtu[address])
    if not towards:
        default = facts.default_route(4)
        if default is not None:
            towards.append(default.mtu or facts.link_mtu(default.device) or 0)
    return (max(towards, default=0) or UNDERLAY_MTU) - OVERHEAD[6]


def _mark(conf: Conf, facts: FactSet, guarded: bool, own: bool) -> int:
    """The mark of WireGuard's own packets, which is also the number of its table."""
    if conf.fwmark or not guarded:
        return conf.fwmark or 0
    if own and facts.device is not None and facts.device.fwmark:
        return facts.device.fwmark
    table = FIRST_TABLE
    while facts.table_is_used(table):
        table += 1
    return table


def _held(file: InterfaceFile, facts: FactSet) -> tuple[int, ...]:
    """The families that are held back. A kernel that has IPv6 has rules of it, also while it is
    switched off."""
    knows = any(rule.family == 6 for rule in facts.rules)
    return (6,) if file.firewall.holds_ipv6 and knows else ()


def _closed(file: InterfaceFile, facts: FactSet, held: tuple[int, ...]) -> Iterator[int]:
    """The families whose table of the mark ends in a route that lets nothing out."""
    for family in (4, 6):
        killed = family in facts.families and family in file.firewall.kill_chains
        if killed or family in held:
            yield family


def _rules(wanted: Sequence[PolicyRule], facts: FactSet, own: bool) -> tuple[PolicyRule, ...]:
    """New rules, or those that are there already when the interface is ours."""
    if not own:
        return tuple(wanted)
    present = [
        next((rule for rule in facts.rules if rule.same_effect(one)), None) for one in wanted
    ]
    return tuple(found or one for found, one in zip(present, wanted, strict=True))


def _routes(
    conf: Conf, allowed: list[Prefix], addresses: tuple[InterfaceAddress, ...], mark: int
) -> tuple[tuple[Prefix, int], ...]:
    if conf.table == "off":
        return ()
    if conf.table is not None:
        table = table_number(conf.table)
        ordered = sorted(set(allowed), key=lambda p: (p.family, -p.length, p))
        return tuple((prefix, table) for prefix in ordered)
    main = tuple((prefix, MAIN_TABLE) for prefix in main_routes(allowed, addresses))
    return main + tuple((p, mark) for p in sorted(set(allowed)) if not p.length)


def _sysctls(guarded: tuple[int, ...], facts: FactSet, own: bool) -> Iterator[SysctlSet]:
    redirects = facts.sysctls.get(SEND_REDIRECTS)
    if redirects == "1" or (own and redirects is not None):
        yield SysctlKept(SEND_REDIRECTS, "0", redirects)
    if 4 in guarded and SRC_VALID_MARK in facts.sysctls:
        yield SysctlSet(SRC_VALID_MARK, "1", facts.sysctls[SRC_VALID_MARK])


def _dns(conf: Conf, facts: FactSet) -> DnsSet | None:
    """Search domains without a server mean nothing (wg-quick(8), `set_dns`)."""
    if not conf.dns:
        return None
    old = facts.dns
    return DnsSet(
        facts.interface, conf.dns, conf.search, old.manager, old.content, old.link, old.mode
    )
