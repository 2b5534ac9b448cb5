"""Upkeep of a running interface: an engine that ended, flushed rules, an uplink that moved.

Others on a machine flush what they did not make (systemd-networkd when it restarts,
`iptables-restore`, `nft flush ruleset`), and programs end. What was written down when the
interface came up is put back as it was written down; what somebody changed otherwise is drift,
which `status` tells and `reload` mends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from meshc.keys import PublicKey
from meshc.node import learned_endpoints, lifecycle, nodefile
from meshc.node.backends import KERNEL, BackendFactory, backend
from meshc.node.change import Change, Replaced
from meshc.node.changeset import ChangeSet, Present
from meshc.node.fact_reader import survey
from meshc.node.fact_set import FactSet
from meshc.node.learned_endpoints import LearnedEndpoint, begin_again
from meshc.node.machine import RUN_DIRECTORY, Machine
from meshc.node.machine_session import machine_session
from meshc.node.nodefile import InterfaceFile
from meshc.node.state_file import Record
from meshc.node.system import processes
from meshc.node.system.agent_process import AgentStart
from meshc.node.system.closed_table import TableClosed
from meshc.node.system.firewall import INET, FirewallLoad, TableLoad
from meshc.node.system.interface import LinkAdd
from meshc.node.system.route import RouteAdd, RouteAside
from meshc.node.system.rule import RuleAdd
from meshc.node.system_values import MAIN_TABLE
from meshc.node.transaction import apply_plan, attach
from meshc.prefixes import Prefix

NOBODY: Mapping[PublicKey, LearnedEndpoint] = {}
_FLUSHED_BY_OTHERS = (FirewallLoad, TableLoad, TableClosed, RuleAdd, RouteAdd)
_DEVICE = re.compile(r"(?<=-[io] )\S+")
_NFT_DEVICE = re.compile(r'(?<=[io]ifname )"[^"]*"')


def keep_up(
    interface: str,
    *,
    backends: BackendFactory = backend,
    run_directory: Path = RUN_DIRECTORY,
    kept: Mapping[PublicKey, LearnedEndpoint] = NOBODY,
) -> tuple[str, ...]:
    """Puts back what is amiss with an interface that meshc brought up, and says what that was.
    `kept` is where its peers were, should its engine have to be started again.

    Raises: NodeError, also while another command works on the interface; ConfError."""
    with machine_session(interface, run_directory, backends, lock=False) as (machine, store):
        record = store.load()
        if record is None or not record.complete:
            return ()
        attach(machine, record)
        if not _ended(machine, record) and not amiss(machine, record):
            return ()
    # a command of the user comes first, and is what makes things look amiss for a moment
    with machine_session(interface, run_directory, backends, lock=True, patience=0) as (
        machine,
        store,
    ):
        record = store.load()  # what another command did in between counts
        if record is None or not record.complete:
            return ()
        attach(machine, record)
        if not _ended(machine, record):
            plan = amiss(machine, record)
            apply_plan(machine, store, record, plan)
            return tuple(change.describe() for change in plan)
        file = nodefile.read(Path(record.file))
        if not _has_hooks(file):
            machine.backend.destroy(machine, interface)
            apply_plan(machine, store, record, _anew(machine, file, record))
            learned_endpoints.set_again(machine.backend, interface)
            begin_again(machine.backend, interface, kept)
            return (f"{record.engine} had ended; started again",)
    # hooks come in pairs: those of the way down before those of the way up
    lifecycle.up(
        record.file,
        engine=record.engine,
        watch=record.watch,
        backends=backends,
        run_directory=run_directory,
        patience=0,  # after somebody's `down` it would bring the interface back
    )
    begin_again(backends(record.engine), interface, kept)
    return (f"{record.engine} had ended; brought up again, with the hooks of the file",)


def amiss(machine: Machine, record: Record) -> ChangeSet:
    """What others flushed of an interface that is there, and rules that name an uplink which is
    none any more."""
    file = nodefile.read(Path(record.file))
    facts = survey(machine, file, applied=record.endpoints, lookup=False)
    if facts.link is None or not facts.link.up:
        return ()
    return (
        *flushed(record.changes, facts),
        *moved_uplink(record.changes, file, facts),
        *own_lans(record.changes, facts),
    )


def flushed(recorded: Sequence[Change], facts: FactSet) -> ChangeSet:
    """Those of the recorded changes that the machine has no more, in their order."""
    present = Present(facts)
    return tuple(
        change
        for change in recorded
        if isinstance(change, _FLUSHED_BY_OTHERS)
        and not present.has(change)
        and not (isinstance(change, RouteAdd) and facts.own_lan(Prefix.parse(change.prefix)))
    )


def moved_uplink(
    recorded: Sequence[Change], file: InterfaceFile, facts: FactSet
) -> Iterator[Replaced]:
    """Own chains that differ from what the file asks for in nothing but the interface of the
    default route. While there is none, nothing changes."""
    kinds = (FirewallLoad, TableLoad)
    loaded = {change.slot: change for change in recorded if isinstance(change, kinds)}
    for load in file.firewall.loads(facts):
        old = loaded.get(load.slot)
        if old is None or old.wish == load.wish or _shape(old) != _shape(load):
            continue
        families = (4, 6) if load.family == INET else (load.family,)
        if any(facts.default_route(family) is not None for family in families):
            yield Replaced(load.inherit(old), old)


def own_lans(recorded: Sequence[Change], facts: FactSet) -> Iterator[Replaced]:
    """Routes that must go because the machine came into that very network, and those that may come
    because it left."""
    for change in recorded:
        if not isinstance(change, RouteAdd | RouteAside) or change.table != MAIN_TABLE:
            continue
        device = facts.own_lan(Prefix.parse(change.prefix))
        where = (change.interface, change.prefix, change.table)
        if device and isinstance(change, RouteAdd):
            yield Replaced(RouteAside(*where, device), change)
        elif not device and isinstance(change, RouteAside):
            yield Replaced(RouteAdd(*where), change)


def _shape(load: FirewallLoad | TableLoad) -> tuple[object, ...]:
    """The rules with no names of interfaces in them."""
    if isinstance(load, TableLoad):
        return (load.name, _NFT_DEVICE.sub("*", load.text))
    return tuple(
        (table, name, hook, tuple(_DEVICE.sub("*", rule) for rule in rules))
        for table, name, hook, rules in load.chains
    )


def _ended(machine: Machine, record: Record) -> bool:
    """Whether the program behind the interface is gone. A kernel's WireGuard that is not there was
    removed, or moved to another namespace, by somebody who wanted that; so was an interface whose
    program still runs."""
    return (
        record.engine not in ("", KERNEL)
        and machine.netlink.link(record.interface) is None
        and not processes.find(record.token)
    )


def _has_hooks(file: InterfaceFile) -> bool:
    conf = file.conf
    return any(map(file.hooks, (conf.pre_up, conf.post_up, conf.pre_down, conf.post_down)))


def _anew(machine: Machine, file: InterfaceFile, record: Record) -> ChangeSet:
    """The interface and all that went with it; what is outside of it stayed and is kept. The loop
    that looks after it is who asks."""
    engine = next(c.engine for c in record.changes if isinstance(c, LinkAdd))
    plan = lifecycle.drift(machine, file, record, engine=engine)
    return tuple(change for change in plan if not isinstance(change, AgentStart))
