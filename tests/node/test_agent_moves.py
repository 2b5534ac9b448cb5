"""What an agent may have moved is no drift, and nothing else is forgiven."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshc.agent import home_table
from meshc.agent.core.effect import Effect, MoveDirect, MoveHome, WarmPeer
from meshc.node.agent_moves import as_agents_left_it
from meshc.node.nodefile import InterfaceFile
from meshc.node.system.wireguard import peer_changes, wishes
from meshc.prefixes import Prefix
from meshc.render.agent_section import agent_section
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.device_values import DeviceState
from meshc.wg.endpoint import Endpoint
from tests.agent.test_home_table import applied
from tests.support.healing import compiled, device, number, punching_plan


def file_of(name: str, directory: Path) -> InterfaceFile:
    plan = punching_plan().nodes[name]
    assert plan.agent is not None
    facts = {"interface": "wg0", "agent": agent_section(plan.agent)}
    (directory / "node.json").write_text(json.dumps(facts))
    peers = tuple(
        PeerConf(p.public_key, None, p.allowed_ips, None, None, p.name, 1) for p in plan.peers
    )
    return InterfaceFile(directory / "wg0.conf", "wg0", Conf(file="", peers=peers))


def differs(file: InterfaceFile, state: DeviceState) -> bool:
    wanted = wishes(file.conf.peers, names={}, resolved={}, applied={})
    return bool(peer_changes("wg0", wanted, state))


@pytest.mark.parametrize(
    "effects",
    [
        (MoveHome(number("r2"), "test"),),
        (WarmPeer(number("b"), Endpoint("192.0.2.1", 1)), MoveDirect(number("b"))),
    ],
)
def test_a_move_of_the_agent_is_none(tmp_path: Path, effects: tuple[Effect, ...]) -> None:
    file, state = file_of("a", tmp_path), device("a", punching_plan())
    assert not differs(file, state)
    roster = compiled("a", tmp_path, punching_plan())
    for effect in effects:
        for update in home_table.updates_of(effect, roster, state, number("r1")):
            state = applied(state, update)
    assert differs(file, state)
    assert not differs(as_agents_left_it(file, state), state)


def test_a_prefix_that_no_agent_may_move_is(tmp_path: Path) -> None:
    file, state = file_of("a", tmp_path), device("a", punching_plan())
    first, *others = state.peers
    more = (*first.allowed_ips, Prefix.parse("172.31.0.0/16"))
    state = DeviceState(peers=(first._replace(allowed_ips=more), *others))
    assert differs(as_agents_left_it(file, state), state)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"interface": "wg0", "agent": {"relays": [1]}}'])
def test_without_an_agent_it_is_the_file(tmp_path: Path, text: str) -> None:
    file = file_of("a", tmp_path)
    (tmp_path / "node.json").write_text(text)
    assert as_agents_left_it(file, DeviceState()) == file
