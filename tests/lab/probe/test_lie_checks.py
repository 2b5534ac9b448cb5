"""A node that lies to an exit, held against rules that stop it and rules that do not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

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


ENGINES = [
    "bundled",
    pytest.param(
        "wireguard-go",
        marks=pytest.mark.skipif(
            shutil.which("wireguard-go") is None, reason="wireguard-go is not installed"
        ),
    ),
]


@pytest.fixture(scope="module", params=ENGINES)
def session(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabSession]:
    file = write_topology(tmp_path_factory.mktemp("lies"), TOPOLOGY)
    session = open_session(prepare(file, None, lambda _: None), engine=request.param)
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
    with _dropping(session, "leaf", "!", "-o", "wg0", "-p", "udp"):
        user, leaf = check_lies(session, Predictor.of(session.source))
    assert user.passed
    assert (leaf.passed, leaf.detail) == (False, "hub has heard none of them")


def test_the_rules_of_the_liar_itself_are_no_obstacle(session: LabSession) -> None:
    """Policies give every node such rules; who lies has removed them."""
    with _dropping(session, "leaf", "-o", "wg0"):
        user, leaf = check_lies(session, Predictor.of(session.source))
    assert (user.detail, leaf.detail) == ("", "")


@contextmanager
def _dropping(session: LabSession, place: str, *what: str) -> Iterator[None]:
    _rules(session, place, "-I", what)
    try:
        yield
    finally:
        _rules(session, place, "-D", what)


def _rules(session: LabSession, place: str, verb: str, what: tuple[str, ...]) -> None:
    for program in ("iptables", "ip6tables"):
        rule = (program, "-w", "-t", "raw", verb, "OUTPUT", *what, "-j", "DROP")
        assert session.lab.call(place, RunCommand(rule)).code == 0


def _routes(session: LabSession, name: str) -> str:
    """Routes and AllowedIPs."""
    both = "ip route; ip -6 route show table main; wg show wg0 allowed-ips"
    return session.lab.call(name, RunCommand(("sh", "-c", both))).output
