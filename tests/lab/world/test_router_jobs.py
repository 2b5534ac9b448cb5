"""Jobs of routers, in a lab without engines. What they do to mappings is in `test_keeper.py`."""

from __future__ import annotations

import os
import shutil

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import RunCommand
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.world.draft import INTERNET
from meshc.lab.world.router_jobs import ForgetMappings, LoadRules, MoveAddress, RouteAddress
from meshc.topology.language.spec import Nat
from tests.support.labs import a_spec, behind
from tests.support.running import running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def test_rules_are_replaced_and_nonsense_is_refused() -> None:
    with running(a_spec(behind("a", Nat.SYMMETRIC))) as (lab, _):
        lab.call("nat:a", LoadRules("table inet mine { }"))
        found = lab.call("nat:a", RunCommand(("nft", "list", "tables"))).output
        with pytest.raises(NodeError, match="nft refused the rules"):
            lab.call("nat:a", ForgetMappings("nonsense"))
    assert "table inet mine" in found


def test_a_router_with_a_new_address_is_seen_under_it() -> None:
    with running(a_spec(behind("a", Nat.SYMMETRIC))) as (lab, world):
        (old,) = [
            a.address
            for name, a in world.places["nat:a"].addresses
            if name == "wan" and a.family == 4
        ]
        gateway = next(
            r.via for r in world.places["nat:a"].routes if r.via and r.prefix.length == 0
        )
        new = old.rpartition(".")[0] + ".250"
        port = next(cable for cable in world.cables if cable.right.place == "nat:a").left
        lab.call(INTERNET, RouteAddress(new, port.interface))
        lab.call("nat:a", MoveAddress("wan", old, new, gateway))
        (answer,) = lab.call("a", Ping((PingTarget(world.hosts[0]),)))
        own = lab.call("nat:a", RunCommand(("ip", "-4", "-br", "addr", "show", "wan"))).output
    assert answer.kind == "reply"
    assert new in own
    assert old not in own
