"""Changes carried out: written down first, taken back when one fails, undone on the way down."""

from __future__ import annotations

import contextlib

from meshc.errors import MeshcError, NodeError
from meshc.node import learned_endpoints
from meshc.node.change import Change, Replaced, Reversed
from meshc.node.changeset import ChangeSet
from meshc.node.machine import Machine
from meshc.node.state_file import Record, StateFile
from meshc.node.system.hooks import Hook

_FAILURES = (MeshcError, OSError)
"""What one step of the way back may end with, and the others go on: the machine may have become
read-only, or have lost a program, since `up`."""


def attach(machine: Machine, record: Record) -> None:
    """Points the machine at the engine and the processes of a record."""
    machine.token = record.token
    machine.engine = machine.backends(record.engine) if record.engine else None


def apply_plan(machine: Machine, store: StateFile, record: Record, plan: ChangeSet) -> None:
    """Writes down, then does; on a failure takes back what this plan did.

    Raises: NodeError, after taking back."""
    record.intend(plan)
    store.save(record)
    done: list[Change] = []
    try:
        for change in plan:
            done.append(change)
            change.apply(machine)
            if machine.engine is not None and machine.engine.name != record.engine:
                record.engine = machine.engine.name
                store.save(record)
    except BaseException as error:
        for change in reversed(done):
            if _try(machine, change, error):
                record.forget(change.change if isinstance(change, Replaced) else change)
        store.save(record)
        raise
    record.settle(plan)
    store.save(record)


def _try(machine: Machine, change: Change, error: BaseException) -> bool:
    """Reverses one change while another error is on its way up; False when that failed too."""
    try:
        change.reverse(machine)
    except _FAILURES as second:
        error.add_note(f"and it could not be taken back: {change.describe()}: {second}")
        return False
    return True


def undo_all(machine: Machine, store: StateFile, record: Record, error: BaseException) -> None:
    """Takes back an `up` that failed; what cannot be is noted on the error and stays in the state
    file, for the next `down`."""
    left = [change for change in reversed(record.changes) if not _try(machine, change, error)]
    if left:
        record.changes = left[::-1]
        store.save(record)
    else:
        store.remove()


def down_plan(record: Record) -> ChangeSet:
    """The way down: hooks around the reverse of all that does not go with the interface."""
    name = record.interface
    return (
        *(Hook(name, "PreDown", line) for line in record.pre_down),
        *(Reversed(change) for change in reversed(record.changes) if not change.goes_with_link),
        *(Hook(name, "PostDown", line) for line in record.post_down),
    )


def take_down(machine: Machine, store: StateFile, record: Record) -> None:
    """Goes on when a part fails: as much as can be is put back.

    Raises: NodeError that names the parts that failed; the state file keeps those."""
    attach(machine, record)
    if machine.engine is not None:
        with contextlib.suppress(NodeError):  # one that has ended
            learned_endpoints.save(machine.engine, record.interface)
    failed: list[str] = []
    for step in down_plan(record):
        try:
            if not (isinstance(step, Reversed) and store.hand_over(step.change)):
                step.apply(machine)
        except _FAILURES as error:
            failed.append(str(error))
        else:
            if isinstance(step, Reversed):
                record.forget(step.change)
    if any(not change.goes_with_link for change in record.changes):
        store.save(record)
        raise NodeError(f"not everything could be undone: {'; '.join(failed)}")
    store.remove()
    for text in failed:
        machine.note(text)
