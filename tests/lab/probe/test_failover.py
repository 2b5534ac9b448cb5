"""A relay dies under pings: agents bring every pair back that has a live path."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import LabSession, open_session
from meshc.lab.lab_source import prepare
from meshc.lab.probe import failover
from meshc.lab.probe.ping_stream import Outage, WatchPings
from meshc.lab.report.predictor import Predictor
from meshc.lab.run import subject_of
from meshc.lab.world.jobs import PlacedJob
from meshc.topology.planner.links.link import make_link

MESH = """
meshc: 1
network: {name: heal, addresses: [10.44.0.0/24], agent: true}
nodes:
  r1: {role: relay, endpoint: 203.0.113.1}
  r2: {role: relay, endpoint: 203.0.113.2}
  a: {nat: symmetric, via: [r1]}
  b: {nat: symmetric, via: [r2]}
  c: {nat: symmetric, via: [r1]}
  phone: {nat: symmetric, via: [r1], platform: ios}
"""

SNIFF = """
import socket, time
from meshc.topology.obligations.control_channel import CONTROL_PORT
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
raw.settimeout(0.2)
end, seen = time.time() + 3, {False: 0, True: 0}
while time.time() < end:
    try:
        data, address = raw.recvfrom(4000)
    except OSError:
        continue
    seen[address[0] == "wg0"] += CONTROL_PORT.to_bytes(2, "big") * 2 in data
print(seen[False], seen[True])
"""
CALL = "from meshc.cli import main; main("

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def lab(tmp_path: Path, *, agents: bool) -> LabSession:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH)
    return open_session(prepare(mesh, None, lambda _: None), agents=agents)


def drain(session: LabSession, relay: str, *, source: str, target: str) -> Outage:
    """What a pair that lives with a relay loses, of fifty pings a second, while all move."""
    address = session.source.addresses(target)[4]
    wait = f"import time; time.sleep(2); {CALL}['drain', 'wg0', '--wait', '60'])"
    jobs: list[PlacedJob[Any]] = [
        PlacedJob(source, WatchPings((address,), seconds=12.0, pace=0.02)),
        PlacedJob(relay, RunCommand((sys.executable, "-c", wait))),
    ]
    pings, said = sorted(session.lab.run(jobs, parallel=2, timeout=120), key=lambda one: one.number)
    assert said.value.code == 0, said.value.output
    assert "wg0: empty" in said.value.output
    (found,) = pings.value
    assert isinstance(found, Outage)
    return found


def exchange_profile(session: LabSession, *, phone: str, relay: str) -> None:
    """As an app does it: one profile is switched off, another on. The lab has keys of its own."""
    spec, confs = session.source.spec, session.source.confs
    (old,) = confs[phone].peers
    known = next(peer for peer in confs[relay].peers if peer.name == phone)
    other = next(peer for peer in confs["a"].peers if peer.name == relay)
    assert known.preshared_key is not None
    link = make_link(spec.nodes[phone], spec.nodes[relay], None, preshared_keys=False)
    assert link is not None
    allowed = ",".join(map(str, old.allowed_ips))
    done = session.lab.call(
        phone,
        RunCommand(
            (
                "sh",
                "-c",
                f"wg set wg0 peer {old.public_key} remove; echo $0 >/run/psk; wg set wg0 peer "
                f"{other.public_key} preshared-key /run/psk endpoint {link.to_b} "
                f"persistent-keepalive 25 allowed-ips {allowed}",
                known.preshared_key.reveal(),
            )
        ),
    )
    assert done.code == 0, done.output


def reached(session: LabSession, source: str, target: str) -> bool:
    address = session.source.addresses(target)[4]
    done = session.lab.call(source, RunCommand(("ping", "-c1", "-w30", address)))
    return done.code == 0


@pytest.mark.slow(seconds=90)
def test_a_relay_gets_sigkill_and_every_pair_with_a_live_path_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four seconds of it are three probes without an answer. The phone has no agent, and nobody
    owes it anything; without agents nothing comes back at all, see `test_dead_nodes`."""
    monkeypatch.setattr(failover, "LONGEST", 30.0)  # a machine that is three times slower
    monkeypatch.setattr(failover, "WATCHED", 36.0)
    session = lab(tmp_path, agents=True)
    with session.lab:
        failover.await_agents(session)
        outside, inside = session.lab.call(
            "r1", RunCommand((sys.executable, "-c", SNIFF))
        ).output.split()
        predicted = Predictor.of(session.source).pairs()
        subject = subject_of(session, predicted)
        (found,) = failover.check_failover(session, subject, "r1", predicted)
        drained = drain(session, "r2", source="a", target="c")
        exchange_profile(session, phone="phone", relay="r2")
        there, back = (reached(session, *pair) for pair in (("phone", "a"), ("a", "phone")))
    assert there, "the phone's second profile works at once"
    assert back, "and so do pairs towards it"
    assert drained.lost <= drained.sent / 100, "a drained relay hands its leaves over"
    assert int(outside) == 0, "no control message leaves a tunnel"
    assert int(inside) > 0
    assert found.passed, found.detail
    assert "12 pairs with a live path" in found.name
    assert found.seconds is not None
    assert found.seconds > 1.0, "it was dead"


def test_who_takes_part_is_read_from_the_files(tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH)
    source = prepare(mesh, None, lambda _: None)
    assert [name for name in source.confs if source.keeps_paths(name)] == [
        "a",
        "b",
        "c",
        "r1",
        "r2",
    ]
    assert source.peers("a") == {"r1", "r2"}
    assert source.peers("phone") == {"r1"}
