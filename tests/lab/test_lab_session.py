"""Examples of the repository as labs: real engines, the very files of a build, the proof."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import prepare, with_nats
from meshc.lab.probe.checks import check_exits
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import run_test
from meshc.lab.world.keeper import HostFiles
from meshc.topology.language.spec import Nat
from meshc.wg.conf import parse

EXAMPLES = Path(__file__).parents[2] / "examples" / "topologies"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]
needs_wireguard_go = pytest.mark.skipif(
    shutil.which("wireguard-go") is None, reason="wireguard-go is not installed"
)


def silent(_: str) -> None:
    """Nobody watches."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "engine"),
    [
        ("client-server", "bundled"),
        ("exit", "bundled"),
        ("nat-to-nat", "bundled"),
        ("lans", "bundled"),
        ("site-lan", "bundled"),
        pytest.param("relay", "mixed", marks=needs_wireguard_go),
        pytest.param("dual-stack", "mixed", marks=needs_wireguard_go),
        pytest.param("two-relays", "mixed", marks=needs_wireguard_go),
    ],
)
def test_measured_equals_proven(example: str, engine: str) -> None:
    source = prepare(EXAMPLES / example / "mesh.yaml", None, silent)
    session = open_session(source, engine=engine)
    with session.lab:
        report = run_test(session)
    assert list(report.failures()) == []
    assert len(report.cells) > 0
    assert any(cell.measured.path for cell in report.cells)


@pytest.mark.slow
def test_nodes_know_each_other_by_name_and_endpoints_from_dns() -> None:
    source = prepare(EXAMPLES / "relay" / "mesh.yaml", None, silent)
    session = open_session(source)
    names = ("laptop", "public-server1", "public-server1.example-vpn.dev")
    with session.lab:
        found = {
            name: session.lab.call(
                "phone", RunCommand(("getent", "ahostsv4", name))
            ).output.split()[0]
            for name in names
        }
    inside = [source.addresses(name)[4] for name in names[:2]]
    assert [found[name] for name in names[:2]] == inside
    assert found[names[2]] in session.world.public["public-server1"]


@pytest.mark.slow
def test_a_lost_relay_takes_down_what_the_proof_says() -> None:
    source = prepare(EXAMPLES / "relay" / "mesh.yaml", None, silent)
    session = open_session(source)
    with session.lab:
        report = run_test(session, kill=("public-server1",))
    assert list(report.failures()) == []
    (lost, healed) = [check for check in report.checks if check.group == "failure"]
    assert "6 of 12 pairs are lost" in lost.name
    assert healed.seconds is not None


@pytest.mark.slow
def test_an_exit_user_that_leaks_is_caught() -> None:
    """Somebody takes ::/0 out of the laptop's file: IPv6 goes past the exit."""
    source = prepare(EXAMPLES / "exit" / "mesh.yaml", None, silent)
    text = source.files["laptop"].files["wg0.conf"].decode()
    leaky = text.replace(", ::/0", "").replace("::/0, ", "")
    assert leaky != text
    source = replace(
        source,
        confs={**source.confs, "laptop": parse(leaky)},
        files={**source.files, "laptop": HostFiles({"wg0.conf": leaky.encode()})},
    )
    session = open_session(source)
    with session.lab:
        checks = check_exits(session, Predictor.of(source))
    failed = [check for check in checks if not check.passed]
    assert "laptop leaks nothing" in [check.name for check in failed]
    assert any("IPv6 TCP to 2001:2::2 port 7707" in check.detail for check in failed)
    assert not any("phone" in check.name for check in failed)


@pytest.mark.slow
def test_a_sleeping_pair_is_measured_after_a_silence() -> None:
    """Found by the agreement run: a relay that has lost an endpoint can answer, but not call."""
    source = prepare(EXAMPLES / "server-server" / "mesh.yaml", None, silent)
    text = source.files["server1"].files["wg0.conf"].decode()
    mute = "".join(
        line for line in text.splitlines(keepends=True) if not line.startswith("Endpoint")
    )
    source = replace(
        source,
        confs={**source.confs, "server1": parse(mute)},
        files={**source.files, "server1": HostFiles({"wg0.conf": mute.encode()})},
    )
    session = open_session(source)
    with session.lab:
        report = run_test(session)
    assert [cell.problems for cell in report.cells] == [(), ()]
    found = {cell.key.source: cell.measured.reachable for cell in report.cells}
    assert found == {"server1": False, "server2": True}


@pytest.mark.slow
def test_what_no_rule_accepts_is_not_forwarded() -> None:
    """Found by the agreement run: a machine that forwards by itself hides a missing rule."""
    source = prepare(EXAMPLES / "lans" / "mesh.yaml", None, silent)
    text = source.files["gw-newyork"].files["wg0.conf"].decode()
    lines = text.splitlines(keepends=True)
    deaf = "".join(line for line in lines if "-o %i -s 192.168.12.0/24 -j ACCEPT" not in line)
    assert deaf != text
    source = replace(
        source,
        confs={**source.confs, "gw-newyork": parse(deaf)},
        files={**source.files, "gw-newyork": HostFiles({"wg0.conf": deaf.encode()})},
    )
    session = open_session(source)
    with session.lab:
        report = run_test(session)
    assert [problem for cell in report.cells for problem in cell.problems] == []
    lost = {cell.key.target for cell in report.cells if not cell.measured.reachable}
    assert lost == {"lan:gw-newyork"}


@pytest.mark.slow
def test_a_wrong_file_is_found_out() -> None:
    """The lab must be able to say no: a NAT that the file does not know cuts a link."""
    source = prepare(EXAMPLES / "nat-to-nat" / "mesh.yaml", None, silent)
    truth = with_nats(source, dict.fromkeys(source.spec.nodes, Nat.SYMMETRIC))
    session = open_session(truth)
    with session.lab:
        session.source = source  # the prediction still believes the file
        report = run_test(session)
    assert not report.passed
    assert any("nothing came back" in line for line in report.failures())
