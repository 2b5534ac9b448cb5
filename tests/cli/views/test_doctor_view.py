"""What is said of machines: findings about a deploy are no matter of theirs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.cli.views.doctor_view import examined, examined_as_json, print_examined
from meshc.deploy.machine_facts import MachineFacts
from meshc.deploy.plan.difference import Difference
from meshc.deploy.plan.survey import Surveyed
from meshc.diagnostics import Diagnostic
from tests.support.deploys import empty, mesh

DRIFT = Diagnostic("W710", "changed", None, "nodes.hub", "look")
DROP = Diagnostic("W714", "dropped", None, "nodes.hub", "open it")


def test_a_machine_is_told_in_two_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = mesh(tmp_path)["hub"]
    machine = MachineFacts(ipv6=False, tunnels={"tun0\x1b": "tun"})
    facts = empty(machine=machine)
    one = Surveyed(target, facts, Difference(node="hub"), (DRIFT,))
    two = replace(one, findings=(DRIFT, DROP))
    found = examined([one, two, replace(one, facts=None)])
    print_examined(found)
    out, err = capsys.readouterr()
    assert [line for line in out.splitlines() if not line.startswith(" ")] == [
        "hub: nothing in the way",
        "hub: 1 thing in the way",
        "hub: not known",
    ]
    assert "no IPv6, other tunnels: tun0\\x1b (tun)" in out
    assert "W714" in err
    assert "W710" not in err
    rows = json.loads(examined_as_json(found))["nodes"]
    assert [[f["code"] for f in row["findings"]] for row in rows] == [[], ["W714"], []]
    assert rows[0]["machine"]["tunnels"] == {"tun0\x1b": "tun"}
    assert rows[2]["known"] is False
