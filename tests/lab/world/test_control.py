"""Labs without engines, from outside: started, found again, given work, ended."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from meshc.errors import NodeError, StateError
from meshc.lab.commands import RunCommand
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.world import lab_state
from meshc.lab.world.control import attach, start_lab
from meshc.lab.world.jobs import PlacedJob
from meshc.lab.world.layout import lay_out
from meshc.lab.world.router_jobs import RouteAddress
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind, relay
from tests.support.running import about_lab, alive, processes_of, running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def test_a_job_that_hangs_or_fails_is_an_outcome() -> None:
    with running(a_spec(relay())) as (lab, _):
        jobs: list[PlacedJob[object]] = [
            PlacedJob("relay", RunCommand(("sleep", "60"))),
            PlacedJob("relay", RouteAddress("192.0.2.1", "nowhere")),
        ]
        errors = {o.number: o.error for o in lab.run(jobs, timeout=10)}
        with pytest.raises(NodeError, match="is not installed"):
            lab.call("relay", RunCommand(("no-such-program",)))
    assert "no answer within 10 s" in errors[0]
    assert "IndexError" in errors[1]


def test_two_labs_run_side_by_side_and_one_id_only_once() -> None:
    spec = a_spec(relay())
    with running(spec, name="one") as (one, world), running(spec, name="two") as (two, _):
        for lab in (one, two):
            ask = Ping((PingTarget(world.hosts[0]),))
            assert lab.call("relay", ask)[0].kind == "reply"
        with pytest.raises(StateError, match="already up"), running(spec, name="two"):
            pass
        assert two.state.alive


def test_down_leaves_nothing() -> None:
    with running(a_spec(relay(), behind("a", Nat.SYMMETRIC))) as (lab, _):
        found = lab.state
        pids = processes_of(found)
        assert len(pids) >= 3
    assert alive(pids) == []
    assert not found.directory.exists()


def test_a_lab_that_is_not_linked_waits_to_be_found_again() -> None:
    world = lay_out(a_spec(relay()), {"relay": 51820})
    about = about_lab(f"kept-{os.getpid()}", ["relay"])
    start_lab(world, {}, about=about, linked=False)
    found = attach(about["id"])
    assert found is not None
    with found:
        assert found.call("relay", RunCommand(("hostname",))).output == "relay\n"
        holders = found.holders()
        assert {name for name, pid in holders.items() if not pid} == {"internet"}
        assert len({holders["relay"], holders["host"]}) == 2
    assert attach(about["id"]) is None


def test_a_lab_that_cannot_be_built_says_why_and_leaves_nothing() -> None:
    world = lay_out(a_spec(relay()), {"relay": 51820})
    places = {**world.places, "relay": replace(world.places["relay"], rules="nonsense")}
    about = about_lab(f"failed-{os.getpid()}", ["relay"])
    told: list[str] = []
    with pytest.raises(NodeError, match="the lab could not be built: nft refused the rules"):
        start_lab(replace(world, places=places), {}, about=about, linked=True, progress=told.append)
    assert told[-1] == "rules"
    assert not lab_state.lab_directory(about["id"]).exists()
