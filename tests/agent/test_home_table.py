"""A move is one change of AllowedIPs, and the tables say who lives where."""

from __future__ import annotations

from pathlib import Path

from meshc.agent import home_table
from meshc.agent.compiled_roster import CompiledRoster, probe_of
from meshc.agent.core.control_message import Move
from meshc.agent.core.effect import Effect, MoveHome, PlaceLeaf, SendControl
from meshc.wg.device_values import DeviceState, PeerUpdate
from tests.support.healing import compiled, device, number


def applied(state: DeviceState, update: PeerUpdate | None) -> DeviceState:
    """As WireGuard does it: a prefix is taken from the peer that had it."""
    assert update is not None
    assert not update.replace_allowed_ips
    assert any(peer.public_key == update.public_key for peer in state.peers)
    peers = []
    for peer in state.peers:
        kept = {prefix for prefix in peer.allowed_ips if prefix not in update.allowed_ips}
        if peer.public_key == update.public_key:
            kept |= set(update.allowed_ips)
        peers.append(peer._replace(allowed_ips=tuple(sorted(kept))))
    return DeviceState(peers=tuple(peers))


def after(state: DeviceState, effect: Effect, roster: CompiledRoster) -> DeviceState:
    return applied(state, home_table.update_of(effect, roster))


def test_a_leaf_lives_where_its_prefixes_are(tmp_path: Path) -> None:
    roster, state = compiled("a", tmp_path), device("a")
    assert home_table.home_of_leaf(state, roster) == number("r1")
    moved = after(state, MoveHome(number("r2"), "test"), roster)
    assert home_table.home_of_leaf(moved, roster) == number("r2")
    assert after(moved, MoveHome(number("r1"), "test"), roster) == state


def test_a_device_that_is_half_of_each_counts_as_compiled(tmp_path: Path) -> None:
    roster, state = compiled("a", tmp_path), device("a")
    half = PeerUpdate(roster.keys[number("r2")], allowed_ips=roster.moving[:1])
    if len(roster.moving) > 1:
        assert home_table.home_of_leaf(applied(state, half), roster) == number("r1")
    assert home_table.home_of_leaf(DeviceState(), roster) == number("r1")


def test_a_relay_reads_where_each_leaf_lives_from_its_own_tables(tmp_path: Path) -> None:
    roster, state = compiled("r1", tmp_path), device("r1")
    assert home_table.placed_leaves(state, roster) == {
        number("a"): number("r1"),
        number("b"): number("r2"),
    }
    state = after(state, PlaceLeaf(number("b"), number("b")), roster)
    assert home_table.placed_leaves(state, roster)[number("b")] == number("r1")
    state = after(state, PlaceLeaf(number("a"), number("r2")), roster)
    assert home_table.placed_leaves(state, roster)[number("a")] == number("r2")
    assert home_table.placed_leaves(DeviceState(), roster)[number("a")] == number("r1")


def test_each_peer_that_is_spoken_to_gets_its_probe_address_once(tmp_path: Path) -> None:
    for name in ("a", "r1"):
        roster, state = compiled(name, tmp_path), device(name)
        for update in home_table.probe_updates(state, roster):
            state = applied(state, update)
        assert home_table.probe_updates(state, roster) == ()
        have = {prefix for peer in state.peers for prefix in peer.allowed_ips}
        assert {probe_of(one) for one in roster.spoken_to} <= have


def test_what_is_sent_changes_no_device(tmp_path: Path) -> None:
    roster = compiled("a", tmp_path)
    assert home_table.update_of(SendControl(number("r1"), Move(1)), roster) is None
