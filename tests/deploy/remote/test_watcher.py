"""Who rolls back what nobody confirms, and lets nobody in meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.deploy.protocol import State, Supervisor
from meshc.deploy.remote import deployment, restoring, watcher
from meshc.deploy.remote.base import Refusal, boot, clock
from tests.support.deployedmachine import NEW, OLD, TOKEN, DeployedMachine


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[DeployedMachine]:
    made = DeployedMachine(tmp_path)
    yield made
    made.roll_back(None)


def test_nobody_confirms_and_the_node_restores_by_itself(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    machine.stage(window=60)
    machine.commit()
    with machine.interface.locked():  # a window that is over, however slow this machine is
        record = machine.interface.load()
        assert 0 < record.staged.deadline - clock() <= 60
        over = replace(record.staged, deadline=clock(), decide_at=clock())
        machine.interface.save(replace(record, candidate=over))
    deadline = time.monotonic() + 60
    while machine.state() is not State.ROLLED_BACK and time.monotonic() < deadline:
        time.sleep(0.05)
    assert machine.conf.read_text() == OLD
    assert machine.listing() == ["wgx9.conf"]
    with pytest.raises(Refusal, match="this deployment is over"):
        machine.confirm()


def test_two_deploys_do_not_overlap(machine: DeployedMachine) -> None:
    machine.stage()
    with pytest.raises(Refusal, match="under way"):
        machine.stage(token="f" * 16)


def test_what_nobody_watches_any_more_is_rolled_back_by_the_next(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    machine.stage()
    machine.commit()
    state = machine.state_dir / "wgx9" / "state.json"
    state.write_text(state.read_text().replace(boot(), "another boot"))
    left = machine.facts().pending
    assert left is not None
    assert not left.watched
    with pytest.raises(Refusal, match="changed meanwhile"):
        machine.stage(token="f" * 16)  # the plan was made for what is not there any more
    assert machine.conf.read_text() == OLD
    assert machine.state() is State.ROLLED_BACK


@pytest.mark.parametrize(
    ("peer", "end", "text"),
    [("127.0.0.1", State.CONFIRMED, NEW), ("192.0.2.99", State.ROLLED_BACK, OLD)],
)
def test_one_behind_others_that_is_restarted_goes_by_what_they_have_done(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch, peer: str, end: State, text: str
) -> None:
    """The hub has confirmed, and then this node lost its power before it was told: with the old
    keys it would be out of reach for good."""
    monkeypatch.setattr(watcher, "BOOTED", 0.0)
    monkeypatch.setattr(watcher, "WAY", 1.0)
    for module in (watcher, deployment):  # no other process decides
        monkeypatch.setattr(module, "start_watcher", lambda *_, **__: None)
    machine.conf.write_text(OLD)
    machine.stage(way={"key": peer}, grace=25)
    machine.commit()
    with machine.interface.locked():
        record = machine.interface.load()
        machine.interface.save(replace(record, candidate=replace(record.staged, boot="before")))
    watcher.at_boot(machine.interface, TOKEN)
    assert machine.state() is State.COMMIT_CONFIRMED
    assert machine.conf.read_text() == NEW  # the boot brings it up
    watcher.watch(machine.interface, TOKEN)
    assert machine.state() is end
    assert machine.conf.read_text() == text


@pytest.mark.parametrize(("silent_after", "end"), [(2, State.ROLLED_BACK), (99, State.CONFIRMED)])
def test_one_on_the_way_that_is_late_with_going_back_does_not_keep_this_one(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch, silent_after: int, end: State
) -> None:
    """It answers at first, and has not kept anything: what counts is that it still does when it
    cannot be late any more."""
    monkeypatch.setattr(watcher, "WAY", 1.0)
    for module in (watcher, deployment):  # no other process decides
        monkeypatch.setattr(module, "start_watcher", lambda *_, **__: None)
    answers = iter([{"key"}] * silent_after)
    monkeypatch.setattr(watcher, "answers", lambda _: next(answers, set()))
    machine.conf.write_text(OLD)
    machine.stage(way={"key": "192.0.2.1"}, grace=0.5)
    machine.commit()
    with machine.interface.locked():
        record = machine.interface.load()
        over = replace(record.staged, deadline=clock() - 0.5, decide_at=clock())
        machine.interface.save(replace(record, candidate=over))
    watcher.watch(machine.interface, TOKEN)
    assert machine.state() is end


class Line:
    """The way to the hub, which has `kept` this text; cut until this node has begun to go back."""

    def __init__(self, machine: DeployedMachine, kept: str, *, turns: int) -> None:
        self.machine, self.kept, self.turns = machine, kept, turns
        self.tried: list[str] = []

    def answers(self, there: dict[str, str]) -> set[str]:
        text = self.machine.conf.read_text()
        self.tried += [text] if self.tried[-1:] != [text] else []
        assert there == {"key": "192.0.2.1" if text == NEW else "192.0.2.9"}
        return {"key"} if text == self.kept and len(self.tried) > self.turns else set()


def doubting(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch, kept: str, turns: int
) -> Line:
    """It has begun to decide, with nobody to tell it anything."""
    line = Line(machine, kept, turns=turns)
    monkeypatch.setattr(watcher, "WAY", 0.5)
    for module in (watcher, deployment):  # no other process decides
        monkeypatch.setattr(module, "start_watcher", lambda *_, **__: None)
    monkeypatch.setattr(watcher, "answers", line.answers)
    monkeypatch.setattr(restoring, "start", lambda *_: None)
    machine.conf.write_text(OLD)
    machine.stage(way={"key": "192.0.2.1"}, way_before={"key": "192.0.2.9"}, grace=25)
    machine.commit()
    with machine.interface.locked():
        record = machine.interface.load()
        before = replace(record.staged.before, supervisor=Supervisor.WG_QUICK)
        now = clock()
        over = replace(record.staged, deadline=now - 0.5, decide_at=now, before=before)
        machine.interface.save(replace(record, candidate=over))
    return line


def test_one_that_was_brought_back_to_an_old_port_is_where_its_file_says_again(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other end changed a moment later than this one, and sent something in between: it is set
    again for as long as nobody answers, and then left alone."""
    line = doubting(machine, monkeypatch, NEW, 0)
    monkeypatch.setattr(watcher, "LOOK", 0.01)
    synced: list[str] = []
    monkeypatch.setattr(watcher, "sync", lambda *_: synced.append(machine.conf.read_text()))

    def answers(there: dict[str, str]) -> set[str]:
        return line.answers(there) if len(synced) >= 3 else set()

    monkeypatch.setattr(watcher, "answers", answers)
    with machine.interface.locked():
        record = machine.interface.load()
        later = replace(record.staged, decide_at=clock() + 0.5)
        machine.interface.save(replace(record, candidate=later))
    watcher.watch(machine.interface, TOKEN)
    assert machine.state() is State.CONFIRMED
    assert synced.pop() == NEW  # once more when it decides
    assert synced == [NEW] * 3


@pytest.mark.parametrize("turns", [1, 2, 4])
@pytest.mark.parametrize(("kept", "end"), [(NEW, State.CONFIRMED), (OLD, State.ROLLED_BACK)])
def test_one_whose_own_line_is_cut_when_it_decides_ends_as_the_others_did(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch, kept: str, end: State, turns: int
) -> None:
    """Silence says nothing: it tries the old and the new in turn until it is answered."""
    line = doubting(machine, monkeypatch, kept, turns)
    watcher.watch(machine.interface, TOKEN)
    assert machine.state() is end
    assert machine.conf.read_text() == kept
    assert not [name for name in machine.listing() if name.startswith(".")]
    assert len(line.tried) in (turns + 1, turns + 2)


def test_one_that_nobody_answers_at_all_ends_with_the_old_one(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "DOUBT", 3.0)
    line = doubting(machine, monkeypatch, "neither", 0)
    watcher.watch(machine.interface, TOKEN)
    assert machine.state() is State.ROLLED_BACK
    assert line.tried[:3] == [NEW, OLD, NEW]
    assert machine.conf.read_text() == OLD
    assert machine.listing() == ["wgx9.conf"]


def test_one_in_doubt_that_is_restarted_goes_on_and_one_that_is_asked_ends(
    machine: DeployedMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = doubting(machine, monkeypatch, NEW, 99)
    monkeypatch.setattr(watcher, "BOOTED", 0.0)
    watcher._end(machine.interface, TOKEN)
    assert watcher.in_doubt(machine.interface.load())
    watcher.at_boot(machine.interface, TOKEN)
    assert watcher.in_doubt(machine.interface.load())
    line.turns = 0
    watcher.watch(machine.interface, TOKEN)
    assert machine.state() is State.CONFIRMED
    machine.conf.write_text(OLD)
    doubting(machine, monkeypatch, NEW, 99)
    watcher._end(machine.interface, TOKEN)
    assert machine.stage(token="f" * 16) is State.CANDIDATE  # somebody is here
    assert machine.conf.read_text() == OLD


def test_one_behind_two_tunnels_does_not_believe_one_that_is_in_doubt_itself() -> None:
    """That one is silent for `WAY` after it has listened for as long, wherever it begins."""
    assert watcher.steady(25) == 0
    nearer = watcher.WAY + watcher.steady(25)
    assert nearer < watcher.steady(50)
    assert watcher.WAY + watcher.steady(50) < watcher.steady(75)


def test_one_that_nobody_stands_before_is_put_back_by_a_restart(machine: DeployedMachine) -> None:
    machine.conf.write_text(OLD)
    machine.stage()
    machine.commit()
    watcher.at_boot(machine.interface, TOKEN)
    assert machine.state() is State.ROLLED_BACK
    assert machine.conf.read_text() == OLD
