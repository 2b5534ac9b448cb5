"""What `plan` and `deploy` print."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.cli.views.deploy_view import plan_as_json, print_outcomes, print_plan
from meshc.deploy.deploy_journal import DeployJournal
from meshc.deploy.deploy_outcome import DeployOutcome, End
from meshc.deploy.end_check import Traffic
from meshc.deploy.plan.difference import difference
from meshc.deploy.plan.refusals import refusals
from meshc.deploy.plan.surroundings import Surroundings
from meshc.deploy.plan.survey import Surveyed
from tests.support.deploys import SALT, deployed, empty, mesh


def surveyed(tmp_path: Path) -> list[Surveyed]:
    """A hub where all is done, a leaf where nothing runs yet, and a router without tools."""
    found = []
    targets = mesh(tmp_path)
    router = empty(programs={})
    for name, facts in (
        ("hub", deployed(targets["hub"])),
        ("leaf", empty()),
        ("router", router),
    ):
        change = difference(targets[name], facts, SALT)
        told = tuple(refusals(targets[name], facts, change))
        found.append(Surveyed(targets[name], facts, change, told))
    return found


def test_the_plan_names_what_changes_and_what_is_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_plan(surveyed(tmp_path))
    said = capsys.readouterr()
    assert "hub: up to date" in said.out
    assert "leaf: starts: nothing runs there now" in said.out
    assert said.out.splitlines()[-1].endswith("of 3 nodes change.")
    assert "E703" in said.err


def test_json_has_a_row_for_each_node(tmp_path: Path) -> None:
    rows = {row["node"]: row for row in json.loads(plan_as_json(surveyed(tmp_path)))["nodes"]}
    assert list(rows) == ["hub", "leaf", "router"]
    assert (rows["hub"]["cost"], rows["leaf"]["cost"]) == ("nothing", "start")
    assert "E703" in {found["code"] for found in rows["router"]["findings"]}


def test_a_node_that_was_not_reached_is_not_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hub, *_) = surveyed(tmp_path)
    print_plan([Surveyed(hub.target, None, hub.difference, ())])
    assert capsys.readouterr().out.startswith("hub: not known\n")


def test_what_many_nodes_have_in_common_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    ends = [DeployOutcome(f"n{number}", End.SKIPPED, "why", "what to do") for number in range(3)]
    ends.insert(1, DeployOutcome("hub", End.COMMITTED))
    print_outcomes(ends, [Traffic("hub", ("n1",), ("n2",))])
    assert capsys.readouterr().out.splitlines() == [
        "hub: deployed",
        *(f"n{number}: not begun" for number in range(3)),
        "  why",
        "  hint: what to do",
        "1 of 2 pings through the tunnels were answered.",
        "  hub: no answer from n2",
    ]


def test_what_changes_in_one_moment_and_what_is_beside_the_nodes_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hub, leaf, _) = surveyed(tmp_path)
    cutting = replace(hub, difference=replace(leaf.difference, cuts=frozenset({"leaf"})))
    around = Surroundings(DeployJournal(), "", {}, ("old",), ("nas", "phone"))
    print_plan([cutting, leaf], around)
    said = " ".join(capsys.readouterr().out.split())
    assert "In one moment, because the way there is what changes: hub, leaf." in said
    assert "old: left the topology, and is taken down" in said
    assert "a new file for nas, phone." in said
    row = json.loads(plan_as_json([leaf], around))
    assert (row["left"], row["by_hand"]) == (["old"], ["nas", "phone"])
