"""Changes carried out: on disk before they are done, taken back when one fails, undone at the end.

Kernel settings are files in a directory here, and the firewall a program that can be broken.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.change import Change
from meshc.node.machine import Machine
from meshc.node.state_file import Record, StateFile, new_record
from meshc.node.system import sysctl
from meshc.node.system.address import AddressAdd
from meshc.node.system.firewall import Chain, FirewallLoad
from meshc.node.system.hooks import Hook
from meshc.node.system.rtnetlink import Netlink
from meshc.node.system.sysctl import SysctlSet
from meshc.node.transaction import apply_plan, attach, down_plan, take_down, undo_all
from meshc.values import dataclass

FIRST, SECOND, OTHER = SysctlSet("a", "1", "0"), SysctlSet("a", "2", "1"), SysctlSet("b", "1", "0")
RULES = FirewallLoad(4, "wall", (Chain("filter", "MESHC-X", "FORWARD", ()),))
FAIL = Hook("wg9", "PostUp", "false")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Its `wall` fails as long as there is a file `broken`."""
    for key in "ab":
        (tmp_path / key).write_text("0")
    for name in ("wall-save", "wall-restore"):
        (tmp_path / name).write_text(f"#!/bin/sh\nif [ -e {tmp_path}/broken ]; then exit 1; fi\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(sysctl, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with Netlink() as netlink:
        yield Machine(netlink, tmp_path, "", notes=[])


@pytest.fixture
def store(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path, "wg9")


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return new_record("wg9", tmp_path / "wg9.conf", "")


def values(machine: Machine) -> str:
    return " ".join((machine.run_directory / key).read_text() for key in "ab")


def loaded(store: StateFile) -> Record:
    found = store.load()
    assert found is not None
    return found


def hook(line: str, machine: Machine) -> Hook:
    return Hook("wg9", "PreUp", f"cd {machine.run_directory}; {line}")


def test_all_of_a_plan_is_on_disk_before_any_of_it_is_done(
    machine: Machine, store: StateFile, record: Record
) -> None:
    look = hook("cat wg9.json a b > seen", machine)
    apply_plan(machine, store, record, (look, FIRST, OTHER))
    seen = (machine.run_directory / "seen").read_text()
    assert seen.count("SysctlSet") == 2
    assert seen.endswith("00"), "neither was set yet"
    assert values(machine) == "1 1"
    assert loaded(store).changes == [FIRST, OTHER]


def test_what_failed_is_taken_back_last_first(
    machine: Machine, store: StateFile, record: Record
) -> None:
    apply_plan(machine, store, record, (OTHER,))
    with pytest.raises(NodeError, match="PostUp failed"):
        apply_plan(machine, store, record, (FIRST, SECOND, FAIL, SysctlSet("b", "7", "1")))
    assert values(machine) == "0 1", "the plan before this one stays"
    assert loaded(store).changes[0] == OTHER
    assert not {FIRST, SECOND} & {*loaded(store).changes}


def test_what_cannot_be_taken_back_is_told_beside_the_reason(
    machine: Machine, store: StateFile, record: Record
) -> None:
    plan = (FIRST, RULES, hook("touch broken; false", machine))
    with pytest.raises(NodeError, match="PreUp failed") as caught:
        apply_plan(machine, store, record, plan)
    (note,) = caught.value.__notes__
    assert note.startswith("and it could not be taken back: wall: load 0 rules")
    assert values(machine) == "0 0", "the rest is taken back all the same"


def test_a_failed_up_is_undone_and_forgotten(
    machine: Machine, store: StateFile, record: Record
) -> None:
    apply_plan(machine, store, record, (FIRST, RULES, SECOND))
    undo_all(machine, store, record, NodeError("the reason"))
    assert values(machine) == "0 0"
    assert not store.path.exists()


def test_what_a_failed_up_could_not_take_back_is_left_to_the_next_down(
    machine: Machine, store: StateFile, record: Record
) -> None:
    apply_plan(machine, store, record, (FIRST, RULES, SECOND))
    broken = machine.run_directory / "broken"
    broken.touch()
    error = NodeError("the reason")
    undo_all(machine, store, record, error)
    assert values(machine) == "0 0"
    assert len(error.__notes__) == 1
    assert loaded(store).changes == [RULES]
    broken.unlink()
    take_down(machine, store, loaded(store))
    assert not store.path.exists()


@dataclass(frozen=True, slots=True)
class OnAReadOnlyPath(Change):
    """A change whose way back meets the operating system's own error while `lock` exists."""

    path: str

    def describe(self) -> str:
        return f"write {self.path}"

    def apply(self, machine: Machine) -> None:
        Path(self.path).write_text("x")

    def reverse(self, machine: Machine) -> None:
        if Path(self.path + ".lock").exists():
            raise OSError(errno.EROFS, "Read-only file system", self.path)
        Path(self.path).unlink(missing_ok=True)


def test_a_path_that_became_read_only_stops_nothing_but_itself(
    machine: Machine, store: StateFile, record: Record
) -> None:
    file = machine.run_directory / "resolv.conf"
    stuck = OnAReadOnlyPath(str(file))
    lock = machine.run_directory / "resolv.conf.lock"
    apply_plan(machine, store, record, (FIRST, stuck, OTHER))
    lock.touch()
    with pytest.raises(NodeError, match=r"not everything could be undone: .*Read-only"):
        take_down(machine, store, loaded(store))
    assert values(machine) == "0 0"
    assert loaded(store).changes == [stuck]
    lock.unlink()
    take_down(machine, store, loaded(store))
    assert not file.exists()
    assert not store.path.exists()


def test_the_way_down_is_the_way_up_backwards_between_its_hooks(record: Record) -> None:
    record.intend((FIRST, AddressAdd("wg9", "10.0.0.1/32"), OTHER))
    record.pre_down, record.post_down = ("one",), ("two", "three")
    assert [step.describe() for step in down_plan(record)] == [
        "PreDown: one",
        f"take back: {OTHER.describe()}",
        f"take back: {FIRST.describe()}",
        "PostDown: two",
        "PostDown: three",
    ], "an address goes with the interface"


def test_down_goes_on_and_the_next_down_does_the_rest(
    machine: Machine, store: StateFile, record: Record
) -> None:
    apply_plan(machine, store, record, (FIRST, RULES, OTHER))
    broken = machine.run_directory / "broken"
    broken.touch()
    with pytest.raises(NodeError, match="not everything could be undone: wall-save failed"):
        take_down(machine, store, loaded(store))
    assert values(machine) == "0 0"
    assert loaded(store).changes == [RULES]
    broken.unlink()
    take_down(machine, store, loaded(store))
    assert not store.path.exists()


def test_a_hook_that_fails_on_the_way_down_is_a_note(
    machine: Machine, store: StateFile, record: Record
) -> None:
    record.pre_down = ("exit 7",)
    apply_plan(machine, store, record, (FIRST,))
    take_down(machine, store, record)
    assert values(machine) == "0 0"
    assert machine.notes == ["PreDown failed (exit 7): exit 7"]
    assert not store.path.exists()


def test_the_machine_is_pointed_at_what_the_record_knows(machine: Machine, record: Record) -> None:
    record.engine = "bundled"
    attach(machine, record)
    assert (machine.token, machine.backend.name) == (record.token, "bundled")
    record.engine = ""
    attach(machine, record)
    assert machine.engine is None
