"""Facts in, changes out: what a deploy does, and what it says that costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.machine_facts import Drift, Mending
from meshc.deploy.plan.difference import Cost, difference
from meshc.deploy.protocol import Activation, Routes, Supervisor
from meshc.deploy.remote.base import redact
from meshc.secret import SecretText
from tests.support.deploys import PYTHON, SALT, TOOLS, deployed, empty, mesh, programs_of


@pytest.fixture
def before(tmp_path: Path) -> Any:
    return mesh(tmp_path)


def test_a_machine_that_has_it_all_is_up_to_date(before: Any) -> None:
    found = difference(before["leaf"], deployed(before["leaf"]), SALT)
    assert not found
    assert found.cost is Cost.NOTHING
    assert found.describe() == ("leaf: up to date",)


def test_an_empty_machine_starts(before: Any) -> None:
    found = difference(before["leaf"], empty(), SALT)
    assert (found.activation, found.cost) == (Activation.START, Cost.START)
    assert found.changes == (
        "new file /etc/wireguard/wg0.conf",
        "wg0 comes up through wg-quick",
    )


@pytest.mark.parametrize("name", ["hub", "leaf", "exit"])
def test_a_new_peer_costs_peers_only_and_brings_its_route(
    before: Any, tmp_path: Path, name: str
) -> None:
    after = mesh(tmp_path, more="  other: {endpoint: 198.51.100.9}\n")
    found = difference(after[name], deployed(before[name]), SALT)
    assert (found.activation, found.cost) == (Activation.SYNC, Cost.PEERS)
    assert "peer + other" in found.changes
    (other,) = (peer for peer in after[name].plan.peers if peer.name == "other")
    assert found.routes == Routes(tuple(map(str, other.allowed_ips)))
    assert found.steady == {str(peer.public_key) for peer in before[name].plan.peers}


def test_a_default_route_that_comes_is_a_restart(before: Any, tmp_path: Path) -> None:
    after = mesh(tmp_path, leaf=", exit: exit")
    found = difference(after["leaf"], deployed(before["leaf"]), SALT)
    assert (found.activation, found.routes) == (Activation.RESTART, Routes())


@pytest.mark.parametrize(
    ("leaf", "activation", "word"),
    [
        (", keepalive: 7", Activation.SYNC, "peer ~"),
        (", mtu: 1300", Activation.RESTART, "mtu"),
        (", post_up: [date]", Activation.RESTART, "post up"),
        (", listen_port: 4444", Activation.SYNC, "listen port"),
    ],
)
def test_the_cost_follows_from_what_changed(
    before: Any, tmp_path: Path, leaf: str, activation: Activation, word: str
) -> None:
    after = mesh(tmp_path, leaf=leaf)
    found = difference(after["leaf"], deployed(before["leaf"]), SALT)
    assert found.activation is activation
    assert word in "".join(found.changes)
    assert found.cost is {Activation.SYNC: Cost.PEERS, Activation.RESTART: Cost.RESTART}[activation]


def test_another_key_ends_every_session_and_says_so(before: Any) -> None:
    text = before["hub"].conf.reveal()
    key = next(line for line in text.splitlines() if line.startswith("PrivateKey"))
    other = redact(text.replace(key, f"PrivateKey = {'A' * 43}="), SALT)
    found = difference(before["hub"], deployed(before["hub"], sha="1", conf=other), SALT)
    assert (found.activation, found.cost) == (Activation.SYNC, Cost.RENEWED)
    assert "every session of this node begins anew" in found.describe()[0]


def test_meshc_changes_everything_while_it_runs(before: Any, tmp_path: Path) -> None:
    after = mesh(tmp_path, leaf=", mtu: 1300", way=", supervisor: meshc")["leaf"]
    facts = deployed(before["leaf"])
    running = replace(facts.running, supervisor=Supervisor.MESHC)
    programs = programs_of(facts.tools | {"meshc"})
    found = difference(after, replace(facts, running=running, programs=programs), SALT)
    assert (found.activation, found.cost) == (Activation.RELOAD, Cost.LIVE)


def test_another_supervisor_restarts(before: Any) -> None:
    facts = deployed(before["leaf"], systemd=True)
    found = difference(before["leaf"], facts, SALT)
    assert found.activation is Activation.RESTART
    assert found.changes == (
        "run by wg-quick@ instead of wg-quick",
        "comes up again after a reboot",
    )


@pytest.mark.parametrize(
    ("enabled", "told"),
    [
        ({Supervisor.WG_QUICK_UNIT}, ()),
        (set(), ("comes up again after a reboot",)),
        (
            {Supervisor.WG_QUICK_UNIT, Supervisor.MESHC_UNIT},
            ("a reboot does not start meshc@ any more",),
        ),
    ],
)
def test_a_reboot_starts_the_unit_and_no_other(
    before: Any, enabled: set[Supervisor], told: tuple[str, ...]
) -> None:
    facts = deployed(before["leaf"], systemd=True, enabled=frozenset(enabled))
    facts = replace(facts, running=replace(facts.running, supervisor=Supervisor.WG_QUICK_UNIT))
    found = difference(before["leaf"], facts, SALT)
    assert (found.activation, found.changes) == (Activation.FILE if told else None, told)


def test_without_a_unit_a_reboot_starts_none(before: Any, tmp_path: Path) -> None:
    """`supervisor: meshc` on a machine with systemd: nothing to change a second time."""
    target = mesh(tmp_path, way=", supervisor: meshc")["leaf"]
    facts = deployed(target, systemd=True)
    running = replace(facts.running, supervisor=Supervisor.MESHC)
    facts = replace(facts, running=running, programs=programs_of(facts.tools | {"meshc"}))
    assert not difference(target, facts, SALT)
    found = difference(target, replace(facts, enabled=frozenset({Supervisor.MESHC_UNIT})), SALT)
    assert found.changes == ("a reboot does not start meshc@ any more",)


def test_another_engine_is_a_restart(before: Any, tmp_path: Path) -> None:
    target = mesh(tmp_path, way=", engine: /opt/engine")["leaf"]
    facts = deployed(target, kernel=False, deployed_env={})
    found = difference(target, facts, SALT)
    assert (found.activation, found.changes) == (Activation.RESTART, ("run by another engine",))
    engine = {"WG_QUICK_USERSPACE_IMPLEMENTATION": "/opt/engine"}
    assert not difference(target, replace(facts, deployed_env=engine), SALT)
    assert not difference(target, replace(facts, deployed_env=None), SALT)


def test_an_engine_of_its_own_is_part_of_the_plan(before: Any) -> None:
    """First it comes, then there is nothing to do, and another version is a restart."""
    target = before["leaf"]
    first = difference(target, empty(kernel=False), SALT)
    assert first.activation is Activation.START
    assert any("in /opt/meshc (" in line for line in first.changes)
    assert first.choice is not None
    assert first.choice.meshc is not None
    name = first.choice.meshc.identity
    own = replace(PYTHON, there=frozenset({name}), used=name)
    assert not difference(target, deployed(target, kernel=False, meshc=own), SALT)
    older = replace(PYTHON, there=frozenset({"0.0.1-x"}), used="0.0.1-x")
    found = difference(target, deployed(target, kernel=False, meshc=older), SALT)
    assert (found.activation, found.cost) == (Activation.RESTART, Cost.RESTART)
    assert "in the place of 0.0.1" in found.changes[0]


def test_an_interface_that_is_down_comes_up_again(before: Any) -> None:
    facts = deployed(before["leaf"])
    found = difference(before["leaf"], replace(facts, running=empty().running), SALT)
    assert found.activation is Activation.START


def test_peers_changed_by_hand_are_put_right(before: Any) -> None:
    facts = deployed(before["leaf"])
    found = difference(
        before["leaf"], replace(facts, running=replace(facts.running, peers={})), SALT
    )
    assert found.activation is Activation.SYNC
    assert found.changes == ("the peers that run are not those of the file",)


def test_comments_alone_disturb_nobody(before: Any) -> None:
    target = before["leaf"]
    facts = deployed(replace(target, conf=SecretText("# older\n" + target.conf.reveal())))
    found = difference(target, facts, SALT)
    assert (found.activation, found.cost) == (Activation.FILE, Cost.QUIET)


def test_a_file_edited_there_is_drift_with_its_lines(before: Any) -> None:
    target = before["leaf"]
    edited = replace(target, conf=SecretText(target.conf.reveal().replace("MTU = 1", "MTU = 9")))
    facts = deployed(edited, deployed_sha="0" * 64, deployed=deployed(target).conf)
    found = difference(target, facts, SALT)
    assert found.drift == ("settings: mtu",)


def test_a_file_that_meshc_did_not_put_there_is_drift(before: Any) -> None:
    facts = deployed(
        replace(before["leaf"], conf=SecretText("[Interface]\n")), deployed_sha="", deployed=None
    )
    assert difference(before["leaf"], facts, SALT).drift == ("a file that meshc did not put there",)


def test_an_equal_file_is_no_drift_and_is_adopted(before: Any) -> None:
    found = difference(before["leaf"], deployed(before["leaf"], deployed_sha=""), SALT)
    assert not found
    assert found.drift == ()
    assert found.adopt


def test_no_key_of_a_target_shows_in_its_repr(before: Any) -> None:
    secrets = [
        line.partition("= ")[2]
        for line in before["leaf"].conf.reveal().splitlines()
        if line.startswith(("PrivateKey", "PresharedKey"))
    ]
    assert len(secrets) > 1
    assert not any(secret in repr(before["leaf"]) for secret in secrets)


def test_a_new_phone_is_told_to_scan_its_code(before: Any, tmp_path: Path) -> None:
    after = mesh(tmp_path, more="  phone: {platform: ios}\n")
    found = difference(after["hub"], deployed(before["hub"]), SALT)
    assert found.rescan == ("phone",)
    assert "  phone must scan its code again" in found.describe()
    assert difference(after["hub"], deployed(after["hub"]), SALT).rescan == ()


@pytest.mark.parametrize(
    ("mending", "supervisor", "activation", "cost"),
    [
        (Mending.FILE, Supervisor.WG_QUICK, Activation.FILE, Cost.QUIET),
        (Mending.PEERS, Supervisor.WG_QUICK, Activation.SYNC, Cost.PEERS),
        (Mending.ALL, Supervisor.WG_QUICK, Activation.RESTART, Cost.RESTART),
        (Mending.FILE, Supervisor.MESHC, Activation.FILE, Cost.QUIET),
        (Mending.PEERS, Supervisor.MESHC, Activation.RELOAD, Cost.LIVE),
        (Mending.ALL, Supervisor.MESHC, Activation.RELOAD, Cost.LIVE),
    ],
)
def test_what_was_changed_on_a_running_system_is_planned_by_what_mends_it(
    tmp_path: Path, mending: Mending, supervisor: Supervisor, activation: Activation, cost: Cost
) -> None:
    way = ", supervisor: meshc" if supervisor is Supervisor.MESHC else ""
    target = mesh(tmp_path, way=way)["leaf"]
    facts = deployed(target, deployed_env={}, tools={*TOOLS, "meshc"})
    drift = (Drift(mending, "MTU\x1b 1420 (now 1300)", "10.9.0.0/16"),)
    running = replace(facts.running, supervisor=supervisor, drift=drift)
    found = difference(target, replace(facts, running=running), SALT)
    assert (found.activation, found.cost) == (activation, cost)
    assert "MTU\\x1b 1420 (now 1300)" in found.changes
    wanted = ("10.9.0.0/16",) if activation is Activation.SYNC else ()
    assert found.routes.add == wanted
