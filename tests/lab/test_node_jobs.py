from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare
from meshc.lab.node_jobs import engine_of
from meshc.lab.report.lab_report import claimed
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import measure_all, subject_of


@pytest.mark.parametrize(
    ("choice", "engines"),
    [
        ("bundled", ["bundled"] * 4),
        ("kernel", ["kernel"] * 4),
        ("mixed", ["bundled", "wireguard-go"] * 2),
    ],
)
def test_mixed_alternates_and_everything_else_is_itself(choice: str, engines: list[str]) -> None:
    assert [engine_of(choice, number) for number in range(4)] == engines


TALKER = """\
meshc: 1
network: {name: t, addresses: 10.71.0.0/24}
sites: {home: {nat: restricted, lan: 192.168.1.0/24}}
nodes:
  server: {endpoint: server.example.com}
  nas: {site: home, lan_endpoint: 192.168.1.22, keepalive: 3600}
  printer: {site: home, keepalive: off}
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.parametrize("engine", ["bundled", "wireguard-go"])
def test_who_forgets_a_caller_is_not_heard_by_others(engine: str, tmp_path: Path) -> None:
    """The server knows the nas no more after a silence. The nas, which forgets the printer at that
    time, must not call the server: a restart would, with its first keepalive."""
    if engine != "bundled" and shutil.which(engine) is None:
        pytest.skip(f"{engine} is not installed")
    file = tmp_path / "mesh.yaml"
    file.write_text(TALKER)
    source = prepare(file, None, lambda _: None)
    session = open_session(source, engine=engine)
    with session.lab:
        known = claimed(Predictor.of(source).pairs())
        cells = measure_all(session, subject_of(session, known), known, lambda _: None, doubt=7)
    asleep = {(key.source, key.target) for key, value in known.items() if value.asleep}
    assert {("server", "nas"), ("nas", "printer")} <= asleep
    assert [cell.problems for cell in cells if not cell.ok] == []
