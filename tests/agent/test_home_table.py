"""A move is one change of AllowedIPs, and the tables say who lives where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from meshc.agent import home_table
from meshc.agent.compiled_roster import CompiledRoster, probe_of
from meshc.agent.core.control_message import Move
from meshc.agent.core.effect import (
    CoolPeer,
    Effect,
    ExpectDirect,
    MoveBack,
    MoveDirect,
    MoveHome,
    PlaceLeaf,
    SendControl,
    WarmPeer,
)
from meshc.keys import PresharedKey
from meshc.wg.device_values import DeviceState, PeerState, PeerUpdate
from meshc.wg.endpoint import Endpoint
from tests.support.healing import compiled, device, number, punching_plan


def applied(state: DeviceState, update: PeerUpdate | None) -> DeviceState:
    """As WireGuard does it: a prefix is taken from the peer that had it."""
    assert update is not None
    known = any(peer.public_key == update.public_key for peer in state.peers)
    peers = []
    for peer in (*state.peers, *([] if known else [PeerState(update.public_key)])):
        kept = {prefix for prefix in peer.allowed_ips if prefix not in update.allowed_ips}
        if peer.public_key == update.public_key:
            if update.remove:
                continue
            kept = set() if update.replace_allowed_ips else kept
            kept |= set(update.allowed_ips)
            kept -= set(update.removed_ips)
            peer = peer._replace(
                endpoint=update.endpoint or peer.endpoint,
                keepalive=peer.keepalive if update.keepalive is None else update.keepalive,
                preshared_key=update.preshared_key or peer.preshared_key,
            )
        peers.append(peer._replace(allowed_ips=tuple(sorted(kept))))
    return DeviceState(peers=tuple(peers))


def after(state: DeviceState, effect: Effect, roster: CompiledRoster) -> DeviceState:
    for update in home_table.updates_of(effect, roster, state, number("r1")):
        state = applied(state, update)
    return state


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
        number("phone"): number("r1"),
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
    said = SendControl(number("r1"), Move(1))
    assert home_table.updates_of(said, roster, device("a")) == ()


def test_a_pair_that_moves_takes_its_own_prefixes_and_gives_them_back(tmp_path: Path) -> None:
    plan, b = punching_plan(), number("b")
    roster, state = compiled("a", tmp_path, plan), device("a", plan)
    for update in home_table.probe_updates(state, roster):
        state = applied(state, update)
    direct = after(state, MoveDirect(b), roster)
    assert home_table.direct_partners(state, roster) == frozenset()
    assert home_table.direct_partners(direct, roster) == {b}
    assert home_table.home_of_leaf(direct, roster) == number("r1")
    moved = after(direct, MoveHome(number("r2"), "test"), roster)
    assert home_table.direct_partners(moved, roster) == {b}, "a home moves nothing that is direct"
    assert home_table.home_of_leaf(moved, roster) == number("r2")
    assert after(direct, MoveBack(b, "test"), roster) == state


def test_a_pair_whose_prefixes_stand_on_the_home_gets_back_just_those(tmp_path: Path) -> None:
    plan, b = punching_plan(), number("b")
    roster = compiled("a", tmp_path, plan)
    roster = replace(roster, moving=(*roster.moving, roster.prefixes[b][0]))
    state = after(device("a", plan), MoveHome(number("r1"), "as compiled"), roster)
    direct = after(state, MoveDirect(b), roster)
    back = after(direct, MoveBack(b, "test"), roster)
    assert home_table.owners(back, roster)[roster.prefixes[b][0]] == number("r1")


def test_what_is_lent_for_the_moment_of_a_move_is_given_back_in_the_same_change(
    tmp_path: Path,
) -> None:
    """So that a WireGuard which can let the pair in from both sides does, and all else is as it
    was, whether the prefix has an entry of its own or lies in a wider one."""
    plan, b = punching_plan(), number("b")
    for own in (False, True):
        roster = compiled("a", tmp_path, plan)
        if own:
            roster = replace(roster, moving=(*roster.moving, roster.prefixes[b][0]))
        state = after(device("a", plan), MoveHome(number("r1"), "as compiled"), roster)
        lent, _ = home_table.updates_of(ExpectDirect(b), roster, state, number("r1"))
        assert lent.allowed_ips == roster.prefixes[b]
        assert after(state, ExpectDirect(b), roster) == state


def test_a_session_that_failed_is_made_new_and_keeps_its_key(tmp_path: Path) -> None:
    plan, b = punching_plan(), number("b")
    roster, state = compiled("a", tmp_path, plan), device("a", plan)
    key = PresharedKey(b"k" * 32)
    state = DeviceState(peers=tuple(p._replace(preshared_key=key) for p in state.peers))
    warm = after(state, WarmPeer(b, Endpoint("192.0.2.1", 7)), roster)
    peer = warm.peer(roster.keys[b])
    assert peer is not None
    assert (peer.endpoint, peer.keepalive) == (Endpoint("192.0.2.1", 7), home_table.KEEPALIVE)
    cool = after(warm, CoolPeer(b), roster).peer(roster.keys[b])
    assert cool is not None
    assert (cool.endpoint, cool.keepalive, cool.preshared_key) == (None, 0, key)
    assert cool.allowed_ips == (probe_of(b),)
