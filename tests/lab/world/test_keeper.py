"""Whole labs without engines::

node ── nat:SITE ── internet ── host (STUN, DNS, TCP)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import RunCommand
from meshc.lab.probe.lookup import Lookup
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.probe.stun import ClassifyNat
from meshc.lab.probe.tcp import Greet
from meshc.lab.world import lab_state
from meshc.lab.world.jobs import PlacedJob
from meshc.lab.world.layout_options import LayoutOptions
from meshc.lab.world.router_jobs import ForgetMappings
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, home, relay
from tests.support.running import alive, processes_of, running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]

KINDS = (Nat.NONE, Nat.FULL_CONE, Nat.RESTRICTED, Nat.PORT_RESTRICTED, Nat.SYMMETRIC)


def test_each_nat_is_what_a_stun_probe_says_it_is() -> None:
    """Alone behind a router, all behind one router, and behind a carrier's NAT as well."""
    alone = [behind(f"alone-{nat.value.replace('_', '-')}", nat) for nat in KINDS]
    together = [behind(f"site-{nat.value.replace('_', '-')}", nat, "home") for nat in KINDS]
    double = behind("double", Nat.FULL_CONE)
    spec = a_spec(*alone, *together, double, sites=(home(),))
    options = LayoutOptions(carrier=frozenset({"double"}))
    expected = {node.name: node.nat.value for node in (*alone, *together)}
    expected["double"] = "symmetric"
    with running(spec, options) as (lab, world):
        classify = ClassifyNat((world.hosts[0], world.resolvers[0]))
        jobs = [PlacedJob(name, classify) for name in expected]
        found = {o.place: o.value.nat for o in lab.run(jobs, parallel=4)}
    assert found == expected


def test_names_resolve_and_both_families_reach_the_internet() -> None:
    spec = a_spec(relay(), behind("a", Nat.PORT_RESTRICTED, "home"), sites=(home(),))
    with running(spec) as (lab, world):
        answer = lab.call("a", Lookup("relay.example.com"))
        pings = lab.call("a", Ping(tuple(map(PingTarget, world.hosts))))
        seen = lab.call("a", Greet(world.hosts))
    assert answer.addresses == world.names["relay.example.com"]
    assert [ping.kind for ping in pings] == ["reply", "reply"]
    assert tuple(one.peer for one in seen) == world.public["a"]


def test_a_stranger_does_not_get_through_the_ipv6_firewall() -> None:
    spec = a_spec(relay(), behind("a", Nat.PORT_RESTRICTED, "home"), sites=(home(),))
    with running(spec) as (lab, world):
        inside = next(address for address in world.public["a"] if ":" in address)
        (from_outside,) = lab.call("relay", Greet((inside,), seconds=1.0))
    assert from_outside.error


def test_a_router_that_forgets_gives_another_port() -> None:
    from meshc.lab.world.nat import rebound

    spec = a_spec(behind("a", Nat.FULL_CONE))
    with running(spec) as (lab, world):
        ask = ClassifyNat((world.hosts[0], world.resolvers[0]), port=7000)
        before = lab.call("a", ask)
        rules = rebound(world.places["nat:a"].rules, "wan", 40_000, 60_000)
        lab.call("nat:a", ForgetMappings(rules))
        after = lab.call("a", ask)
    assert before.mapped is not None
    assert after.mapped is not None
    assert before.mapped[1] == 7000
    assert after.mapped[1] >= 40_000


def test_what_is_not_registered_is_not_run() -> None:
    """Whoever speaks to the control socket, and not only our own client."""
    with running(a_spec(relay())) as (lab, _), socket.socket(socket.AF_UNIX) as control:
        control.connect(str(lab.state.directory / "control.sock"))
        request = {"place": "relay", "kind": "os:getpid", "job": {}}
        batch = {"op": "run", "jobs": [request], "parallel": 1, "timeout": 5}
        with control.makefile("rwb") as stream:
            stream.write(json.dumps(batch).encode() + b"\n")
            stream.flush()
            answer = json.loads(stream.readline())
        assert lab.call("relay", RunCommand(("true",))).code == 0
    assert answer == {"refused": "'os:getpid' is not a registered job"}


def test_a_killed_process_one_takes_everything_with_it() -> None:
    with running(a_spec(relay(), behind("a", Nat.SYMMETRIC))) as (lab, _):
        pids = processes_of(lab.state)
        os.kill(lab.state.pid, signal.SIGKILL)
        _wait_until(lambda: not alive(pids))
        assert lab.state.id in list(lab_state.leftovers())
        with pytest.raises(NodeError, match="does not answer"):
            lab.call("relay", RunCommand(("true",)))
    assert lab.state.id not in list(lab_state.leftovers())


def test_a_lab_ends_with_the_program_that_asked_for_it() -> None:
    """SIGKILL, which nobody can catch."""
    code = (
        "import time\n"
        "from tests.support.labs import a_spec, relay\n"
        "from tests.support.running import running\n"
        "with running(a_spec(relay()), name='orphan') as (lab, _):\n"
        "    print(lab.state.id, flush=True)\n"
        "    time.sleep(60)\n"
    )
    root = Path(__file__).parents[3]
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert child.stdout is not None
    with child.stdout:
        identity = child.stdout.readline().strip()
    found = lab_state.load(identity)
    assert found is not None
    pids = processes_of(found)
    child.kill()
    child.wait()
    _wait_until(lambda: not alive(pids))
    assert identity in list(lab_state.leftovers())
    lab_state.forget(identity)


def _wait_until(true: object, patience: float = 60.0) -> None:
    assert callable(true)
    deadline = time.monotonic() + patience
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
