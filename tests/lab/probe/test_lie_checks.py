"""A node that lies to an exit, held against rules that stop it and rules that do not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import LabSession, open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe.lie_checks import SURROUNDINGS, check_lies
from meshc.lab.report.predictor import Predictor
from tests.support.workspaces import write_topology

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]
TOPOLOGY = """\
meshc: 1
network: {name: lies, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true}
  leaf: {nat: symmetric}
  user: {nat: symmetric, exit: hub, dns: 9.9.9.9}
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabSession]:
    file = write_topology(tmp_path_factory.mktemp("lies"), TOPOLOGY)
    session = open_session(prepare(file, None, lambda _: None))
    with session.lab:
        yield session


def test_nothing_of_what_a_liar_sends_gets_out(session: LabSession) -> None:
    before = {name: _routes(session, name) for name in ("leaf", "user")}
    checks = check_lies(session, Predictor.of(session.source))
    assert [check.name for check in checks] == [
        "user lies to hub: none of 6 packets gets out",
        "leaf lies to hub: none of 8 packets gets out",
    ]
    assert [check.detail for check in checks] == ["", ""]
    assert {name: _routes(session, name) for name in before} == before


def test_an_exit_that_lets_everything_through_is_found_out(session: LabSession) -> None:
    """Only what WireGuard's own filter stops, the addresses of others, stays inside."""
    opened = RunCommand(("iptables", "-w", "-I", "FORWARD", "-j", "ACCEPT"))
    assert session.lab.call("hub", opened).code == 0
    user, leaf = check_lies(session, Predictor.of(session.source))
    closed = RunCommand(("iptables", "-w", "-D", "FORWARD", "-j", "ACCEPT"))
    assert session.lab.call("hub", closed).code == 0
    own = {name: session.source.addresses(name)[4] for name in ("leaf", "user")}
    internet = session.world.hosts[0]
    assert set(user.detail.split("; ")) == {
        f"{own['user']} → {target} left hub" for target in SURROUNDINGS[4]
    }
    assert set(leaf.detail.split("; ")) == {
        f"{own['leaf']} → {target} left hub" for target in (*SURROUNDINGS[4], internet)
    }


def test_a_liar_who_is_not_heard_proves_nothing(session: LabSession) -> None:
    cut = ("iptables", "-w", "-t", "raw", "-I", "OUTPUT", "-o", "wg0", "-p", "udp", "-j", "DROP")
    assert session.lab.call("leaf", RunCommand(cut)).code == 0
    user, leaf = check_lies(session, Predictor.of(session.source))
    mend = tuple("-D" if word == "-I" else word for word in cut)
    assert session.lab.call("leaf", RunCommand(mend)).code == 0
    assert user.passed
    assert not leaf.passed


def _routes(session: LabSession, name: str) -> str:
    """Routes and AllowedIPs."""
    both = "ip route; ip -6 route show table main; wg show wg0 allowed-ips"
    return session.lab.call(name, RunCommand(("sh", "-c", both))).output
