"""From desired state and facts to the changes between them: pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from meshc.keys import PrivateKey
from meshc.node.change import Change, Replaced, Reversed
from meshc.node.desired import DesiredState
from meshc.node.fact_set import FactSet
from meshc.node.system.address import AddressAdd
from meshc.node.system.agent_process import AgentStart
from meshc.node.system.closed_table import TableClosed
from meshc.node.system.dns import FILE, DnsSet
from meshc.node.system.firewall import Chain, FirewallLoad, TableLoad
from meshc.node.system.forwarding_switch import SWITCH, ForwardingOn
from meshc.node.system.interface import LinkAdd, LinkSet
from meshc.node.system.route import RouteAdd, RouteAside
from meshc.node.system.rule import RuleAdd
from meshc.node.system.sysctl import SysctlKept, SysctlSet
from meshc.node.system.wireguard import DeviceSet, peer_changes
from meshc.node.system_values import MAIN_TABLE
from meshc.wg.device_values import DeviceState, DeviceUpdate

ChangeSet = tuple[Change, ...]


def changes(
    state: DesiredState,
    facts: FactSet,
    *,
    private_key: PrivateKey | None,
    engine: str,
    recorded: Sequence[Change] = (),
) -> ChangeSet:
    """What turns the machine into the desired state, in the order to apply; empty when it is
    there already. What was recorded earlier and is no longer wished for is taken back at the end,
    so that nothing is without a route in between."""
    fresh = facts.link is None
    device = facts.device or DeviceState()
    result: list[Change] = [LinkAdd(state.interface, engine)] if fresh else []
    # WireGuard's own packets carry the mark for as long as there is a rule that sends everything
    # without it into the tunnel: it is set before the rules, and taken away after them
    settings = _device_settings(state, device, private_key)
    mark = DeviceUpdate(fwmark=settings.fwmark if settings.fwmark == 0 else None)
    if mark.fwmark is not None:
        settings = dataclasses.replace(settings, fwmark=None)
    before = DeviceState() if fresh else device
    result.extend(_device_change(state, settings, before))
    peers = peer_changes(state.interface, state.peers, device)
    result.extend(change for change in peers if not change.update.remove)
    early: list[Change] = [change for change in state.firewall if change.before_link]
    early += [change for change in state.sysctls if isinstance(change, SysctlKept)]
    early += [AddressAdd(state.interface, str(address)) for address in state.addresses]
    present = Present(facts)
    result.extend(_missing(early, recorded, present))
    result.extend(_link_change(state, facts))
    rest = tuple(_after_link(state))
    result.extend(_missing(rest, recorded, present))
    result.extend(_obsolete((*early, *rest), recorded))
    result.extend(_device_change(state, mark, before))
    # removed peers last: their prefixes have moved to others by then
    result.extend(change for change in peers if change.update.remove)
    return tuple(result)


def _device_settings(
    state: DesiredState, device: DeviceState, private_key: PrivateKey | None
) -> DeviceUpdate:
    """A file without a key or a port leaves them as they are (a hook may have set the key)."""
    return DeviceUpdate(
        private_key if private_key != device.private_key else None,
        state.listen_port if state.listen_port != device.listen_port else None,
        state.fwmark if state.fwmark != device.fwmark else None,
    )


def _device_change(
    state: DesiredState, wanted: DeviceUpdate, before: DeviceState
) -> Iterator[Change]:
    if wanted != DeviceUpdate():
        yield DeviceSet(
            state.interface, wanted.private_key, wanted.listen_port, wanted.fwmark, before
        )


def _link_change(state: DesiredState, facts: FactSet) -> Iterator[Change]:
    link = facts.link
    if link is None:
        yield LinkSet(state.interface, state.mtu)
    elif link.mtu != state.mtu or not link.up:
        yield LinkSet(state.interface, state.mtu, link.mtu)


def _after_link(state: DesiredState) -> Iterator[Change]:
    """What needs the interface to be up, and what is outside it."""
    if state.dns is not None:
        yield state.dns
    yield from state.guards
    for prefix, table in state.routes:
        device = state.aside.get(prefix, "") if table == MAIN_TABLE else ""
        where = (state.interface, str(prefix), table)
        yield RouteAside(*where, device) if device else RouteAdd(*where)
    for rule in state.rules:
        yield RuleAdd.of(rule)
    yield from state.closed
    yield from (change for change in state.firewall if not change.before_link)
    yield from (change for change in state.sysctls if not isinstance(change, SysctlKept))
    yield from state.forwarding
    if state.watched:
        yield AgentStart(state.interface)


def _missing(
    wanted: Iterable[Change], recorded: Sequence[Change], present: Present
) -> Iterator[Change]:
    """Those that the machine does not have. One that was recorded is done again as it was
    recorded, so that what it puts back stays what was there before the first time."""
    wishes = {change.wish: change for change in recorded}
    slots = {change.slot: change for change in recorded}
    for change in wanted:
        known = wishes.get(change.wish)
        old = slots.get(change.slot) if change.slot is not None else None
        if known is not None:
            if not present.has(known):
                yield known
        elif old is not None:
            yield Replaced(change.inherit(old), old)
        elif not (isinstance(change, AddressAdd | RouteAdd | RuleAdd) and present.has(change)):
            # a setting outside the interface that is right already is written down too: another
            # interface may be the reason, and must not take it away when it goes
            yield change


def _obsolete(wanted: Sequence[Change], recorded: Sequence[Change]) -> Iterator[Change]:
    slots = {change.slot for change in wanted} - {None}
    wishes = {change.wish for change in wanted}
    for change in reversed(recorded):
        kept = isinstance(change, LinkAdd) or change.slot in slots or change.wish in wishes
        if not kept:
            yield Reversed(change)


def differing(found: ChangeSet, facts: FactSet) -> ChangeSet:
    """Those of the changes that the machine does not have, where nothing was written down about
    who made what: all but the settings around the interface that everybody makes in their own
    way (guards of a default route, name servers, the watching of endpoints)."""
    apart = (LinkAdd, TableLoad, DnsSet, SysctlSet, AgentStart)
    present = Present(facts)
    return tuple(c for c in found if not (isinstance(c, apart) or present.has(c)))


class Present:
    """What the machine has, asked by change."""

    def __init__(self, facts: FactSet) -> None:
        self._facts = facts
        self._addresses = {str(address) for address in facts.addresses}
        self._routes = {(str(prefix), table) for prefix, table in facts.own_routes()}
        self._rules = set(facts.rules)

    def has(self, change: Change) -> bool:
        facts = self._facts
        if isinstance(change, AddressAdd):
            return change.address in self._addresses
        if isinstance(change, RouteAdd):
            return (change.prefix, change.table) in self._routes
        if isinstance(change, RouteAside):
            return (change.prefix, change.table) not in self._routes
        if isinstance(change, RuleAdd):
            # a rule that went and came back may have another priority
            return any(change.rule.same_effect(rule) for rule in self._rules)
        if isinstance(change, SysctlKept):
            return True
        if isinstance(change, SysctlSet):
            return facts.sysctls.get(change.key) == change.value
        if isinstance(change, ForwardingOn):
            on = facts.sysctls.get(SWITCH[change.family]) == "1"
            return on and change.family in facts.counted
        if isinstance(change, FirewallLoad):
            have = facts.firewall.get(change.family)
            return have is not None and all(have.has(Chain(*chain)) for chain in change.chains)
        if isinstance(change, TableClosed):
            return (change.family, change.table) in facts.closed_tables
        if isinstance(change, TableLoad):
            return change.nft_name in facts.nft_tables
        if isinstance(change, DnsSet):
            return change.manager != FILE or facts.dns.content == change.encoded()
        return isinstance(change, AgentStart) and facts.agent
