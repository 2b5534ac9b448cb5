"""The state machine on the node, in a temporary directory: no interface is needed for it."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.connect import sent_program
from meshc.deploy.remote import staging, verbs
from meshc.deploy.remote.base import Refusal, boot

TOKEN = "0123456789abcdef"
OLD, NEW = "[Interface]\nMTU = 1300\n", "[Interface]\nMTU = 1400\n"


class Machine:
    """The verbs with the same request fields each time."""

    def __init__(self, home: Path) -> None:
        self.conf_dir, self.state_dir = home / "wireguard", home / "lib" / "deploy"
        self.conf_dir.mkdir()
        self.conf = self.conf_dir / "wgx9.conf"

    def __call__(self, verb: str, **more: Any) -> dict[str, Any]:
        request = {
            "interface": "wgx9",
            "conf_dir": str(self.conf_dir),
            "state_dir": str(self.state_dir),
            "env_dir": str(self.state_dir.parent / "meshc"),
            "token": TOKEN,
        }
        return verbs.VERBS[verb]({**request, **more})

    def arm(self, **more: Any) -> dict[str, Any]:
        content = self.conf.read_bytes() if self.conf.exists() else None
        request = {
            "window": 60,
            "sha": hashlib.sha256(content).hexdigest() if content is not None else "",
            "how": "file",
            "manner": "wg-quick",
            "env": {},
            "routes": {"add": [], "remove": []},
            "conf": NEW,
            "facts": '{"interface": "wgx9"}',
            "program": sent_program.program(),
        }
        return self("arm", **{**request, **more})

    def listing(self) -> list[str]:
        return sorted(os.listdir(self.conf_dir))

    def phase(self) -> str:
        found: str = self("facts", salt="s")["phase"]
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    made = Machine(tmp_path)
    yield made
    made("rollback", token=None)


def test_a_deployment_from_arm_to_commit(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    assert machine.arm()["phase"] == "armed"
    assert machine.conf.read_text() == OLD
    machine("apply")
    assert machine.conf.read_text() == NEW
    machine("commit")
    assert machine("commit")["phase"] == "committed"
    assert machine.listing() == ["node.json", "wgx9.conf"]
    facts = machine("facts", salt="s")
    assert facts["deployed_sha"] == facts["sha"] == hashlib.sha256(NEW.encode()).hexdigest()
    assert (machine.state_dir.stat().st_mode & 0o777, machine.conf.stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("existed", [False, True])
def test_rollback_leaves_what_was_there(machine: Machine, applied: bool, existed: bool) -> None:
    if existed:
        machine.conf.write_text(OLD)
    before = machine.listing()
    machine.arm()
    if applied:
        machine("apply")
    assert machine("rollback")["phase"] == "restored"
    assert machine.listing() == before
    assert not existed or machine.conf.read_text() == OLD


def test_nobody_commits_and_the_node_restores_by_itself(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    machine.arm(window=0.5)
    machine("apply")
    deadline = time.monotonic() + 30
    while machine.phase() != "restored" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert machine.conf.read_text() == OLD
    assert machine.listing() == ["wgx9.conf"]
    with pytest.raises(Refusal, match="this deployment is over"):
        machine("commit")


def test_a_restore_may_be_interrupted_anywhere(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.conf.write_text(OLD)
    (machine.conf_dir / "node.json").write_text('{"interface": "wgx9", "old": 1}')
    for stop_at in range(12):
        token = f"{stop_at:016x}"
        machine.arm(token=token)
        machine("apply", token=token)
        with contextlib.suppress(KeyboardInterrupt), monkeypatch.context() as patch:
            left = iter(range(stop_at))
            for name in ("replace", "unlink", "listdir"):
                patch.setattr(os, name, _stopping(getattr(os, name), left))
            machine("rollback", token=None)
        machine("rollback", token=None)
        assert machine.conf.read_text() == OLD
        assert '"old"' in (machine.conf_dir / "node.json").read_text()
        assert machine.listing() == ["node.json", "wgx9.conf"]


def _stopping(real: Callable[..., Any], left: Iterator[int]) -> Callable[..., Any]:
    """The function, until nothing is left of its budget."""

    def call(*args: Any, **named: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return real(*args, **named)

    return call


def test_a_full_disk_is_found_before_anything_changes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.conf.write_text(OLD)

    def full(path: str, content: bytes, mode: int = 0o600) -> None:
        if "new" in path:
            raise OSError(errno.ENOSPC, "No space left on device", path)
        real(path, content, mode)

    real = staging.write
    monkeypatch.setattr(staging, "write", full)
    with pytest.raises(OSError, match="No space"):
        machine.arm()
    assert machine.listing() == ["wgx9.conf"]
    assert machine.conf.read_text() == OLD


def test_a_step_that_fails_puts_back_at_once(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    machine.arm(how="sync")  # there is no interface to sync
    with pytest.raises(Refusal) as refused:
        machine("apply")
    assert "has put back what was there" in refused.value.answer["error"]
    assert machine.conf.read_text() == OLD
    assert machine.phase() == "restored"


def test_what_a_restart_left_applied_can_be_kept(machine: Machine) -> None:
    """Where no systemd put it back: deploying that very file again confirms it."""
    machine.conf.write_text(OLD)
    machine.arm()
    machine("apply")
    sha = hashlib.sha256(NEW.encode()).hexdigest()
    with pytest.raises(Refusal, match="changed meanwhile"):
        machine("adopt", sha=sha)  # its watcher will put it back
    state = machine.state_dir / "wgx9" / "state.json"
    state.write_text(state.read_text().replace(boot(), "another boot"))
    assert machine("adopt", sha=sha)["phase"] == "committed"
    facts = machine("facts", salt="s")
    assert (facts["deployed_sha"], facts["pending"]) == (sha, None)
    assert machine.listing() == ["node.json", "wgx9.conf"]


def test_two_deploys_do_not_overlap(machine: Machine) -> None:
    machine.arm()
    with pytest.raises(Refusal, match="under way"):
        machine.arm(token="f" * 16)


def test_a_file_that_changed_since_the_plan_is_not_overwritten(machine: Machine) -> None:
    machine.conf.write_text(OLD)
    with pytest.raises(Refusal, match="changed meanwhile"):
        machine.arm(sha="0" * 64)
    assert machine.listing() == ["wgx9.conf"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "-rf", "a b", "a\nb", "$(id)", "a" * 16, "a;b"])
def test_only_names_of_interfaces_are_taken(machine: Machine, name: str) -> None:
    if name == "-rf":
        assert machine("facts", salt="s", interface=name)["conf"] is None
        return
    with pytest.raises(Refusal, match="name of an interface"):
        machine("facts", salt="s", interface=name)


def test_the_facts_of_another_network_are_left_alone(machine: Machine) -> None:
    (machine.conf_dir / "node.json").write_text('{"interface": "wg7"}')
    machine.arm()
    machine("apply")
    machine("commit")
    assert (machine.conf_dir / "node.json").read_text() == '{"interface": "wg7"}'
