"""Every node asks the name servers that its file names; who answers is who would."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from meshc.lab import lab_session
from meshc.lab.lab_session import LabSession, open_session
from meshc.lab.lab_source import LabSource, prepare
from meshc.lab.probe.name_server_checks import check_name_servers
from meshc.lab.probe.patience import Patience
from meshc.lab.report.lab_report import Check
from meshc.lab.report.predictor import Predictor
from tests.support.workspaces import write_topology

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]
TOPOLOGY = """\
meshc: 1
network: {name: names, addresses: 10.44.0.0/24, dns: hub}
sites:
  home: {nat: symmetric, lan: 192.168.8.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true}
  router: {site: home, routes: 192.168.8.0/24}
  beside: {site: home, dns: 192.168.8.1}
  through: {nat: symmetric, dns: 192.168.8.1}
  office: {nat: symmetric, routes: 172.20.0.0/24, dns: 9.9.9.9}
  abroad: {nat: symmetric, dns: 172.20.0.1, exit: hub}
  nobody: {nat: symmetric, dns: 10.44.0.99}
  stranger: {nat: symmetric, dns: 10.20.30.40}
  asks-a-phone: {nat: symmetric, dns: phone}
  phone: {platform: ios, dns: 9.9.9.9, exit: hub}
"""
IN_VAIN = {"nobody", "stranger", "asks-a-phone"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> LabSource:
    file = write_topology(tmp_path_factory.mktemp("names"), TOPOLOGY)
    return prepare(file, None, lambda _: None)


@pytest.fixture(scope="module")
def session(source: LabSource) -> Iterator[LabSession]:
    session = open_session(source)
    with session.lab:
        yield session


def checked(session: LabSession) -> dict[str, Check]:
    found = check_name_servers(session, Predictor.of(session.source), Patience())
    return {check.name.split(" ")[0]: check for check in found}


def test_who_is_named_answers_wherever_it_is(session: LabSession) -> None:
    """A node, a host in the LAN beside or behind a router, and one on the internet."""
    found = checked(session)
    assert found.keys() == session.source.confs.keys() - {"hub"}
    assert {name for name, check in found.items() if not check.passed} == IN_VAIN


def test_who_asks_in_vain_is_told_why(session: LabSession) -> None:
    found = checked(session)
    assert all(found[name].proven for name in IN_VAIN)
    assert found["nobody"].detail.endswith("has no route into the tunnel for 10.44.0.99")
    assert found["stranger"].detail == "no node has 10.20.30.40, and none routes it"
    assert found["asks-a-phone"].detail == "a node on ios serves no names"


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_no_part_of_the_proof(
    source: LabSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_session, "serving_nodes", lambda _: {})
    mute = open_session(source)
    with mute.lab:
        (router,) = [check for name, check in checked(mute).items() if name == "router"]
    assert (router.passed, router.proven) == (False, False)
    assert router.detail.startswith("nobody answers")
