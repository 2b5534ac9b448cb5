"""What a network goes through: it comes back where nodes have tunnels, and is missed where not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import LabSession, open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.probe import recovery
from meshc.lab.probe.recovery import NOTICE, SLACK, check_recovery
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import subject_of
from tests.support.running import outside, without_engines
from tests.support.workspaces import write_topology

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]

TOPOLOGY = """\
meshc: 1
network: {name: recovery, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, keepalive: 2}
  leaf: {nat: port_restricted, keepalive: 2}
"""
FORWARDED = TOPOLOGY.replace(
    "restricted,", "restricted, endpoint: leaf.example-vpn.dev, listen_port: 12000,"
)


def a_source(directory: Path, text: str = TOPOLOGY) -> LabSource:
    return prepare(write_topology(directory, text), None, lambda _: None)


def wan_of(session: LabSession) -> str:
    show = RunCommand(("ip", "-4", "-br", "address", "show", "wan"))
    return session.lab.call("nat:leaf", show).output.split()[2]


@pytest.fixture
def short_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing will come back: nobody need wait for it."""
    monkeypatch.setattr(recovery, "NOTICE", 0.5)
    monkeypatch.setattr(recovery, "SLACK", 0.5)


@pytest.mark.slow(seconds=40)
def test_a_network_recovers_from_everything_in_the_bounds_of_wireguard(tmp_path: Path) -> None:
    session = open_session(a_source(tmp_path))
    with session.lab:
        checks = check_recovery(session, subject_of(session), Predictor.of(session.source).pairs())
    assert [check.name for check in checks] == [
        "nat:leaf has new mappings",
        "nat:leaf has a new address",
        "hub restarted its engine",
        "hub restarted its engine, and calls who is idle",
        "leaf restarted its engine",
    ]
    assert [check.detail for check in checks if not check.passed] == []
    keepalive = max(node.keepalive for node in session.source.spec.nodes.values())
    assert all((check.seconds or 0) < NOTICE + SLACK + keepalive + 5 for check in checks)
    (idle,) = [check.seconds for check in checks if "who is idle" in check.name]
    assert idle is not None
    assert idle < NOTICE, "it has kept where they are"


@pytest.mark.usefixtures("short_bounds")
def test_who_keeps_to_an_address_that_has_moved_is_lost(tmp_path: Path) -> None:
    """No tunnel here that would follow: the router still answers under its address, then not."""
    source = a_source(tmp_path, TOPOLOGY)
    with without_engines(source) as session:
        before = wan_of(session)
        pairs = Predictor.of(source).pairs()
        (same, moved) = check_recovery(session, outside(session.world), pairs)
        after = wan_of(session)
    assert same.passed
    assert not moved.passed
    assert moved.detail.endswith("still lost: hub → leaf")
    assert before != after


@pytest.mark.usefixtures("short_bounds")
def test_an_address_that_the_file_names_does_not_move(tmp_path: Path) -> None:
    source = a_source(tmp_path, FORWARDED)
    with without_engines(source) as session:
        before = wan_of(session)
        pairs = Predictor.of(source).pairs()
        checks = check_recovery(session, outside(session.world), pairs)
        assert wan_of(session) == before
    assert [check.name for check in checks] == ["nat:leaf has new mappings"]
