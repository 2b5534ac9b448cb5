"""What is in the way on a node is said before anything is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy.plan.difference import difference
from meshc.deploy.plan.refusals import refusals
from meshc.deploy.protocol import DirectoryFacts, Pending, RunningInterface, Supervisor
from tests.support.deploys import PYTHON, SALT, TOOLS, deployed, empty, mesh


def found(target: Any, facts: Any) -> list[str]:
    return [one.code for one in refusals(target, facts, difference(target, facts, SALT))]


@pytest.fixture
def hub(tmp_path: Path) -> Any:
    return mesh(tmp_path)["hub"]


def test_nothing_is_in_the_way_of_a_good_machine(hub: Any) -> None:
    assert found(hub, empty()) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"uid": 1000}, "E702"),
        ({"tools": TOOLS - {"wg-quick"}}, "E703"),
        ({"python": (3, 7, 16)}, "E703"),
        ({"kernel": False, "python": (3, 9, 2)}, "E703"),
        ({"tools": TOOLS - {"iptables"}}, "E704"),
        ({"conf_dir": DirectoryFacts(writable=False)}, "E705"),
        ({"conf_dir": DirectoryFacts(free=100)}, "E705"),
        ({"state_dir": DirectoryFacts("/var/lib", free=100)}, "E705"),
        ({"running": RunningInterface(up=True, supervisor=Supervisor.WG_QUICK)}, "E706"),
        ({"pending": Pending(watched=True, seconds=30)}, "E707"),
    ],
)
def test_each_has_its_code(hub: Any, changes: dict[str, Any], code: str) -> None:
    assert found(hub, empty(**changes)) == [code]


def test_meshc_itself_needs_room_where_it_goes(hub: Any) -> None:
    assert found(hub, empty(kernel=False)) == []
    small = replace(PYTHON, place=DirectoryFacts("/opt", free=1 << 20))
    assert found(hub, empty(kernel=False, meshc=small)) == ["E705"]
    assert found(hub, empty(meshc=small)) == []


def test_a_leaf_needs_no_iptables(tmp_path: Path) -> None:
    assert found(mesh(tmp_path)["leaf"], empty(tools=TOOLS - {"iptables"})) == []


def test_an_abandoned_deploy_is_not_in_the_way(hub: Any) -> None:
    assert found(hub, empty(pending=Pending(watched=False, seconds=0))) == []


def test_a_full_disk_is_not_in_the_way_of_nothing(hub: Any) -> None:
    assert found(hub, deployed(hub, conf_dir=DirectoryFacts(free=0))) == []


def test_drift_is_a_warning(hub: Any) -> None:
    facts = deployed(hub, sha="1" * 64, deployed_sha="")
    assert found(hub, facts) == ["W710"]
