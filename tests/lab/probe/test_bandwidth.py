"""iperf3 on the simulated internet itself: the pairs that are chosen, and what failure says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.lab_session import LabSession
from meshc.lab.lab_source import prepare
from meshc.lab.probe import bandwidth
from meshc.lab.probe.bandwidth import measure_bandwidth
from meshc.lab.report.lab_report import Cell, Key, Measured, Predicted
from meshc.lab.world.router_jobs import LoadRules
from tests.support.running import outside, without_engines

EXAMPLE = Path(__file__).parents[3] / "examples/topologies/server-server/mesh.yaml"
DEAF = """\
table inet deaf {
  chain input { type filter hook input priority 0; meta l4proto tcp drop; }
}
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
    pytest.mark.skipif(shutil.which("iperf3") is None, reason="iperf3 is not installed"),
]


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[LabSession]:
    monkeypatch.setattr(bandwidth, "SECONDS", 1)
    source = prepare(EXAMPLE, None, lambda _: None)
    with without_engines(source) as session:
        yield replace(session, engines=dict.fromkeys(source.confs, "none"))


def a_cell(source: str, target: str, family: int, reachable: bool = True) -> Cell:
    predicted = Predicted(reachable, (source, target))
    return Cell(Key(source, target, family), predicted, Measured(reachable, ms=1.0))


def test_a_pair_is_measured_once_and_only_where_something_arrives(session: LabSession) -> None:
    """Over IPv4 where there is IPv4; and no server is started on a host that is no node."""
    cells = (
        a_cell("server1", "server2", 4),
        a_cell("server1", "server2", 6),
        a_cell("server2", "server1", 4, reachable=False),
        a_cell("server1", "lan:server2", 4),
    )
    told: list[str] = []
    found = measure_bandwidth(session, outside(session.world), cells, told.append)
    assert told == ["iperf3 server1 → server2"]
    rate = found[0].measured.mbit
    assert rate is not None
    assert rate > 1
    assert found == (replace(cells[0], measured=Measured(True, ms=1.0, mbit=rate)), *cells[1:])


def test_a_pair_without_ipv4_is_measured_over_ipv6(session: LabSession) -> None:
    cells = (a_cell("server2", "server1", 6),)
    (found,) = measure_bandwidth(session, outside(session.world), cells)
    assert (found.measured.mbit or 0) > 1


def test_a_pair_that_tcp_does_not_reach_is_named(session: LabSession) -> None:
    session.lab.call("server2", LoadRules(DEAF))
    with pytest.raises(NodeError, match=r"(?s)iperf3 server1 → server2: .*timed out"):
        measure_bandwidth(session, outside(session.world), (a_cell("server1", "server2", 4),))
