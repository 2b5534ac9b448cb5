"""A plan that was kept is carried out as it is, or not at all."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.plan.difference import difference
from meshc.deploy.plan.saved_plan import SavedPlan, keep_plan, planned, read_plan
from meshc.deploy.plan.survey import Surveyed
from meshc.deploy.protocol import Facts
from meshc.errors import StateError
from tests.support.deploys import SALT, deployed, empty, mesh


def surveyed(target: Any, facts: Facts) -> Surveyed:
    return Surveyed(target, facts, difference(target, facts, SALT))


@pytest.fixture
def found(tmp_path: Path) -> list[Surveyed]:
    """hub runs what it ran before, leaf is a machine without anything."""
    before = mesh(tmp_path)
    after = mesh(tmp_path, more="  other: {endpoint: 198.51.100.9}\n")
    return [surveyed(after["hub"], deployed(before["hub"])), surveyed(after["leaf"], empty())]


@pytest.fixture
def plan(found: list[Surveyed], tmp_path: Path) -> SavedPlan:
    return SavedPlan(tmp_path / "mesh.yaml", "b1", True, planned(found), ("gone",))


def test_what_is_kept_is_read_again(
    plan: SavedPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also elsewhere: the topology is found from where the plan lies."""
    (tmp_path / "plans").mkdir()
    kept = tmp_path / "plans" / "monday.plan"
    keep_plan(kept, plan)
    monkeypatch.chdir(tmp_path / "plans")
    again = read_plan(Path("monday.plan"))
    assert again is not None
    assert again.topology == Path("../mesh.yaml")
    assert replace(again, topology=plan.topology) == plan


def test_it_holds_no_secret(plan: SavedPlan, found: list[Surveyed], tmp_path: Path) -> None:
    keep_plan(tmp_path / "a.plan", plan)
    text = (tmp_path / "a.plan").read_text()
    for one in found:
        conf = one.target.values
        secrets = [conf.private_key, *(peer.preshared_key for peer in conf.peers)]
        assert secrets[0] is not None
        assert [key for key in secrets if key is not None and key.reveal() in text] == []


def test_nothing_has_moved(plan: SavedPlan, found: list[Surveyed]) -> None:
    assert plan.moved(found, "b1", ["gone"]) == ()


def _another_file_there(one: Surveyed) -> Surveyed:
    assert one.facts is not None
    return surveyed(one.target, replace(one.facts, sha="0" * 64))


def _deployed_since(one: Surveyed) -> Surveyed:
    assert one.facts is not None
    return surveyed(one.target, replace(one.facts, deployed_sha="1" * 64))


def _down(one: Surveyed) -> Surveyed:
    assert one.facts is not None
    running = replace(one.facts.running, up=False)
    return surveyed(one.target, replace(one.facts, running=running))


def _silent(one: Surveyed) -> Surveyed:
    return replace(one, facts=None)


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (_another_file_there, "hub: another file lies there now"),
        (_deployed_since, "hub: something was deployed there since"),
        (_down, "hub: runs otherwise than when it was planned"),
        (_silent, "hub: cannot be asked now"),
    ],
)
def test_a_machine_that_moved_is_named(
    plan: SavedPlan, found: list[Surveyed], move: Callable[[Surveyed], Surveyed], said: str
) -> None:
    assert plan.moved([move(found[0]), found[1]], "b1", ["gone"]) == (said,)


def test_who_does_not_answer_may_be_left_out(plan: SavedPlan, found: list[Surveyed]) -> None:
    now = [found[0], _silent(found[1])]
    assert plan.moved(now, "b1", ["gone"]) == ("leaf: cannot be asked now",)
    assert plan.moved(now, "b1", ["gone"], skip_unreachable=True) == ()


def test_another_build_is_named_by_the_nodes_that_it_changes(
    plan: SavedPlan, found: list[Surveyed], tmp_path: Path
) -> None:
    later = mesh(tmp_path, leaf=", keepalive: 7")
    now = [found[0], surveyed(later["leaf"], empty())]
    assert plan.moved(now, "b2", ["gone"]) == ("leaf: would get another file than was planned",)
    (told,) = plan.moved(found, "b2", ["gone"])
    assert told == "the build is another one than was planned"


def test_nodes_that_come_and_go_are_named(plan: SavedPlan, found: list[Surveyed]) -> None:
    fewer = replace(plan, nodes=plan.nodes[:1])
    assert fewer.moved(found, "b1", ["gone"]) == ("leaf was not in the plan",)
    (told,) = plan.moved(found, "b1", ["gone", "later"])
    assert told.endswith(": later")


def test_a_topology_is_no_plan(tmp_path: Path) -> None:
    mesh(tmp_path)
    assert read_plan(tmp_path / "mesh.yaml") is None
    assert read_plan(tmp_path / "missing.plan") is None


@pytest.mark.parametrize(
    "content",
    [
        '{"meshc_plan": 2}',
        '{"meshc_plan": 1, "nodes": {}',
        '{"meshc_plan": 1, "topology": 7, "nodes": [], "left": [], "build": "", "whole": true}',
        '{"meshc_plan": 1, "topology": "a", "nodes": [[]], "left": [], "build": "", "whole": 1}',
        '{"meshc_plan": ' + "[" * 5000,
    ],
)
def test_a_damaged_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.plan").write_text(content)
    with pytest.raises(StateError, match="damaged"):
        read_plan(tmp_path / "a.plan")


def test_a_plan_is_a_file_like_others(plan: SavedPlan, tmp_path: Path) -> None:
    keep_plan(tmp_path / "a.plan", plan)
    assert json.loads((tmp_path / "a.plan").read_text())["meshc_plan"] == 1
    assert not stat.S_IMODE((tmp_path / "a.plan").stat().st_mode) & 0o022
