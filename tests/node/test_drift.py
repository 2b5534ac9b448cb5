"""What somebody changed on a running system is seen, whoever brought it up: meshc or wg-quick.

The node is a relay and an exit user at once, so that all there is to change is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.drifting_machine import CHANGES, drifting_machine
from tests.support.netns import Namespace, needs_root

pytestmark = needs_root


@pytest.fixture(params=["meshc", "wg-quick"])
def node(request: pytest.FixtureRequest) -> Iterator[tuple[Namespace, str]]:
    with drifting_machine(request.param) as made:
        yield made


def test_nothing_was_changed(node: tuple[Namespace, str]) -> None:
    said = node[0].meshc("status", "wg0", "--json", check=False)
    (status,) = json.loads(said.stdout)["interfaces"]
    assert (status["drift"], status["problems"]) == ([], [])


def test_each_change_is_seen(node: tuple[Namespace, str]) -> None:
    """One after the other on one machine: each adds something to what is told."""
    host, conf = node
    seen: set[str] = set()
    missed = []
    for name, command in CHANGES.items():
        host.shell(command.replace("CONF", conf))
        said = host.meshc("status", "wg0", "--json", check=False)
        (status,) = json.loads(said.stdout)["interfaces"]
        now = {*status["drift"], *status["problems"]}
        if not now - seen and name not in ("emptied chain", "a rule before ours"):
            missed.append(name)
        seen = now
        assert said.returncode == 1
    assert missed == []


@pytest.mark.parametrize("name", ["emptied chain", "a rule before ours", "flushed rules"])
def test_each_fault_of_the_firewall_alone_is_seen_and_a_reload_mends_it(
    node: tuple[Namespace, str], name: str, request: pytest.FixtureRequest
) -> None:
    host, conf = node
    host.shell(CHANGES[name])
    said = host.meshc("status", "wg0", check=False)
    assert "MESHC-FWD-wg0" in said.stdout
    if request.node.callspec.params["node"] == "meshc":  # `reload` is of what meshc brought up
        host.meshc("reload", conf)
        rules = host.shell("iptables -S FORWARD; iptables -S MESHC-FWD-wg0").splitlines()
        forward = [rule for rule in rules if rule.startswith("-A FORWARD")]
        assert forward[0] == "-A FORWARD -j MESHC-FWD-wg0"
        assert "-A MESHC-FWD-wg0 -i wg0 -o wg0 -j ACCEPT" in rules
