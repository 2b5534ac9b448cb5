"""A file after a move says what the device has after it."""

from __future__ import annotations

from pathlib import Path

from meshc.agent import home_table
from meshc.agent.core.effect import MoveDirect, MoveHome, PlaceLeaf
from meshc.agent.moved_files import after_move
from meshc.wg.conf import Conf, PeerConf
from meshc.wg.device_values import DeviceState, PeerState
from tests.agent.test_home_table import after
from tests.support.healing import compiled, device, number, punching_plan


def test_it_is_what_the_device_has(tmp_path: Path) -> None:
    plan = punching_plan()
    for name, effect in (
        ("a", MoveHome(number("r2"), "test")),
        ("a", MoveDirect(number("b"))),
        ("r1", PlaceLeaf(number("b"), number("b"))),
    ):
        roster = compiled(name, tmp_path, plan)
        peers = plan.nodes[name].peers
        conf = Conf(
            peers=tuple(PeerConf(p.public_key, None, p.allowed_ips, None, 0, "", 1) for p in peers)
        )
        moved = after_move(conf, roster, effect)
        state = DeviceState(
            peers=tuple(PeerState(p.public_key, allowed_ips=p.allowed_ips) for p in moved.peers)
        )
        wanted = after(device(name, plan), effect, roster)
        assert home_table.owners(state, roster) == home_table.owners(wanted, roster)
        assert moved != conf
