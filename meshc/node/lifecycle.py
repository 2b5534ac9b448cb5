"""`up`, `reload` and `down` of one interface."""

from __future__ import annotations

from pathlib import Path

from meshc.errors import NodeError
from meshc.node import learned_endpoints, nodefile
from meshc.node.backends import AUTO, BackendFactory, backend
from meshc.node.change import Change
from meshc.node.changeset import ChangeSet, changes, differing
from meshc.node.desired import desire, left_out
from meshc.node.fact_reader import survey
from meshc.node.foreign_firewall import in_the_way
from meshc.node.key_file import stored_key
from meshc.node.machine import RUN_DIRECTORY, Machine
from meshc.node.machine_session import machine_session
from meshc.node.nodefile import InterfaceFile
from meshc.node.state_file import PATIENCE, Record, StateFile, new_record
from meshc.node.system import hooks
from meshc.node.system.hooks import Hook
from meshc.node.transaction import apply_plan, attach, down_plan, take_down, undo_all
from meshc.values import dataclass


@dataclass(frozen=True, slots=True)
class LifecycleOutcome:
    """What a command did, or with a dry run would do. `steps` are sentences in order, `engine`
    the one that runs (empty when none does), `notes` what the user should know besides."""

    interface: str
    node: str = ""
    engine: str = ""
    steps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False

    @property
    def changed(self) -> bool:
        """Whether the machine is not as it was."""
        return bool(self.steps) and not self.dry_run


def up(
    conf_path: str | Path,
    *,
    engine: str = AUTO,
    dry_run: bool = False,
    watch: bool = True,
    backends: BackendFactory = backend,
    run_directory: Path = RUN_DIRECTORY,
    patience: float = PATIENCE,
) -> LifecycleOutcome:
    """Brings up the interface that the wg-quick file is named after, in the network namespace of
    the calling thread. Does nothing when it is up and as the file says.

    `engine` is auto, kernel, bundled, wireguard-go or the path of a program. A background process
    looks after the interface, unless `watch` is False and the caller does
    (`meshc.agent.watch.watch`). `backends` makes the engine of a name. Another command that works
    on the interface is waited for, up to `patience` seconds.

    Raises: NodeError when it cannot be done; everything is as it was then. ConfError.
    """
    file = nodefile.read(Path(conf_path))
    _refuse(file)
    with machine_session(
        file.interface, run_directory, backends, lock=not dry_run, patience=patience
    ) as (machine, store):
        record = store.load()
        if record is not None and _is_up(machine, record):
            return _already_up(machine, file, record)
        if record is not None and not dry_run:
            take_down(machine, store, record)
            machine.note(f"an earlier `up` of {file.interface} had not ended well; cleaned up")
        elif record is None and machine.netlink.link(file.interface) is not None:
            raise NodeError(
                f"{file.interface} exists already and was not made by meshc",
                hint=f"take it down with what made it (`wg-quick down {file.interface}`?)",
            )
        if dry_run:
            plan = _up_plan(machine, file, engine, watch)
            return _outcome(machine, file, "", plan, dry_run=True)
        record = new_record(file.interface, file.path, file.node)
        record.watch = watch
        machine.token = record.token
        return _bring_up(machine, store, record, file, engine)


def reload(
    conf_path: str | Path,
    *,
    dry_run: bool = False,
    backends: BackendFactory = backend,
    run_directory: Path = RUN_DIRECTORY,
) -> LifecycleOutcome:
    """Makes a running interface what the file says now. Peers, addresses and routes that did not
    change are not touched, so that their sessions and connections go on. Hooks are not run.

    Raises: NodeError when it is not up, or something failed (what was done is taken back).
    """
    file = nodefile.read(Path(conf_path))
    _refuse(file)
    with machine_session(file.interface, run_directory, backends, lock=not dry_run) as (
        machine,
        store,
    ):
        record = store.load()
        if record is None or not _is_up(machine, record):
            raise NodeError(
                f"{file.interface} is not up", hint=f"bring it up: `meshc up {file.path}`"
            )
        plan = drift(machine, file, record)
        if dry_run:
            return _outcome(machine, file, record.engine, plan, dry_run=True)
        apply_plan(machine, store, record, plan)
        # removing an IPv4 address can take others of its network along: look once more
        again = drift(machine, file, record)
        apply_plan(machine, store, record, again)
        if _hooks_changed(file, record):
            machine.note("hooks of the file changed; `meshc down` and `up` run them")
        record.endpoints = _endpoints(file)
        record.file, record.node = str(file.path), file.node
        record.pre_down, record.post_down = _down_hooks(file)
        store.save(record)
        return _outcome(machine, file, record.engine, (*plan, *again))


def down(
    interface: str,
    *,
    dry_run: bool = False,
    backends: BackendFactory = backend,
    run_directory: Path = RUN_DIRECTORY,
) -> LifecycleOutcome:
    """Takes back all that `up` and `reload` did to the machine, also after a crash of theirs, and
    nothing else. Does nothing when the interface is not up.

    Raises: NodeError when the interface was made by somebody else, or parts could not be undone.
    """
    with machine_session(interface, run_directory, backends, lock=not dry_run) as (machine, store):
        record = store.load()
        if record is None:
            if machine.netlink.link(interface) is not None:
                raise NodeError(
                    f"{interface} was not brought up by meshc",
                    hint=f"take it down with what made it (`wg-quick down {interface}`?)",
                )
            store.remove()
            return LifecycleOutcome(interface, notes=(f"{interface} is not up",))
        steps = down_plan(record)
        if not dry_run:
            take_down(machine, store, record)
        return LifecycleOutcome(
            interface,
            record.node,
            record.engine,
            tuple(step.describe() for step in steps),
            tuple(machine.notes or ()),
            dry_run,
        )


def drift(
    machine: Machine,
    file: InterfaceFile,
    record: Record,
    *,
    lookup: bool = True,
    engine: str = "",
) -> ChangeSet:
    """What would make the running interface what the file says: what `reload` does, and what
    `status` shows. The machine must be attached to the interface's engine; `engine` names the one
    that makes an interface which is gone."""
    facts = survey(machine, file, applied=record.endpoints, lookup=lookup, recorded=record.changes)
    state = desire(file, facts, applied=record.endpoints, own=True, watch=record.watch)
    return changes(
        state,
        facts,
        private_key=stored_key(file.conf, file.interface, needed=lookup),
        engine=engine or record.engine,
        recorded=tuple(record.changes),
    )


def foreign_drift(machine: Machine, file: InterfaceFile) -> ChangeSet:
    """The same for an interface that wg-quick brought up, as far as it can be told."""
    applied = _endpoints(file)
    facts = survey(machine, file, applied=applied, lookup=False)
    state = desire(file, facts, applied=applied, own=True, watch=False)
    key = stored_key(file.conf, file.interface, needed=False)
    return differing(changes(state, facts, private_key=key, engine=""), facts)


def _refuse(file: InterfaceFile) -> None:
    """Raises: NodeError for what a file asks that meshc does not do."""
    if file.conf.save_config:
        raise NodeError(
            f"{file.path} says SaveConfig = true",
            hint="it would write addresses learned at run time, and lose comments, over the file "
            "that describes the network; take the line out",
        )
    conf = file.conf
    if any(map(file.hooks, (conf.pre_up, conf.post_up, conf.pre_down, conf.post_down))):
        why = hooks.refusal(file.path)
        if why:
            raise NodeError(
                f"the hooks of {file.path} will not be run: {why}",
                hint="`chown root` it and `chmod go-w` it and its directory",
            )


def _is_up(machine: Machine, record: Record) -> bool:
    """Attaches the machine to the engine of a record; False after a crash of either."""
    attach(machine, record)
    return (
        record.complete
        and machine.engine is not None
        and machine.netlink.link(record.interface) is not None
    )


def _up_plan(machine: Machine, file: InterfaceFile, engine: str, watch: bool) -> ChangeSet:
    facts = survey(machine, file)
    gone = left_out(file, facts)
    if gone:
        machine.note(f"IPv6 is off on this machine; left out: {', '.join(gone)}")
    state = desire(file, facts, watch=watch)
    plan = changes(state, facts, private_key=stored_key(file.conf, file.interface), engine=engine)
    conf, name = file.conf, file.interface
    path = str(file.path)
    before = tuple(Hook(name, "PreUp", line, path) for line in file.hooks(conf.pre_up))
    after = tuple(Hook(name, "PostUp", line, path) for line in file.hooks(conf.post_up))
    return (*before, *plan, *after)


def _bring_up(
    machine: Machine, store: StateFile, record: Record, file: InterfaceFile, engine: str
) -> LifecycleOutcome:
    record.pre_down, record.post_down = _down_hooks(file)
    record.endpoints = _endpoints(file)
    store.save(record)
    done: list[Change] = []
    try:
        for line in file.hooks(file.conf.pre_up):
            done.append(_hook(machine, file, "PreUp", line))
        # only now: a PreUp hook may have changed what the facts say
        plan = tuple(
            c for c in _up_plan(machine, file, engine, record.watch) if not isinstance(c, Hook)
        )
        apply_plan(machine, store, record, plan)
        done.extend(plan)
        learned_endpoints.set_again(machine.backend, file.interface)
        for line in file.hooks(file.conf.post_up):
            done.append(_hook(machine, file, "PostUp", line))
        for obstacle in in_the_way(file):
            machine.note(str(obstacle))
        record.complete = True
        store.save(record)
    except BaseException as error:
        undo_all(machine, store, record, error)
        raise
    return _outcome(machine, file, record.engine, tuple(done))


def _hook(machine: Machine, file: InterfaceFile, phase: str, line: str) -> Change:
    hook = Hook(file.interface, phase, line, str(file.path))
    hook.apply(machine)
    return hook


def _already_up(machine: Machine, file: InterfaceFile, record: Record) -> LifecycleOutcome:
    if drift(machine, file, record):
        machine.note(f"the file differs from what runs; `meshc reload {file.path}` applies it")
    return _outcome(machine, file, record.engine, ())


def _down_hooks(file: InterfaceFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return file.hooks(file.conf.pre_down), file.hooks(file.conf.post_down)


def _hooks_changed(file: InterfaceFile, record: Record) -> bool:
    return _down_hooks(file) != (record.pre_down, record.post_down)


def _endpoints(file: InterfaceFile) -> dict[str, str]:
    return {str(peer.public_key): str(peer.endpoint) for peer in file.conf.peers if peer.endpoint}


def _outcome(
    machine: Machine, file: InterfaceFile, engine: str, plan: ChangeSet, *, dry_run: bool = False
) -> LifecycleOutcome:
    return LifecycleOutcome(
        file.interface,
        file.node,
        engine,
        tuple(change.describe() for change in plan),
        tuple(machine.notes or ()),
        dry_run,
    )
