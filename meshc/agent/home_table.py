"""The home table: where leaves live, as the AllowedIPs of a device say it, with whom they have a
direct path, and how that changes.

A prefix that is given to a peer is taken from the one that had it, in one step, so that a move
never leaves a moment without a way; what the device has of other prefixes is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshc.agent.compiled_roster import CompiledRoster, probe_of
from meshc.agent.core.effect import (
    CoolPeer,
    Effect,
    ExpectDirect,
    MoveBack,
    MoveDirect,
    MoveHome,
    PlaceLeaf,
    WarmPeer,
)
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceState, PeerUpdate

KEEPALIVE = 25
"""Seconds; what WireGuard's manual says of NATs."""


def owners(device: DeviceState, compiled: CompiledRoster) -> dict[Prefix, int]:
    """The number of the peer that has each prefix."""
    number = {key: one for one, key in compiled.keys.items()}
    return {
        prefix: number[peer.public_key]
        for peer in device.peers
        if peer.public_key in number
        for prefix in peer.allowed_ips
    }


def home_of_leaf(device: DeviceState, compiled: CompiledRoster) -> int:
    """The relay on which the prefixes of this leaf are; the compiled one where that is unclear."""
    found = owners(device, compiled)
    homes = {found.get(prefix) for prefix in compiled.moving} - compiled.roster.partners.keys()
    home = homes.pop() if len(homes) == 1 else None
    return home if home in compiled.roster.order else compiled.roster.order[0]


def placed_leaves(device: DeviceState, compiled: CompiledRoster) -> dict[int, int]:
    """The relay that each leaf lives with, by the tables of this one. A prefix that has no entry
    of its own is where it was compiled to be."""
    found, me = owners(device, compiled), compiled.roster.me
    placed = {}
    for leaf, home in compiled.roster.leaves.items():
        via = {found.get(prefix) for prefix in compiled.prefixes[leaf]}
        one = via.pop() if len(via) == 1 else None
        if one == leaf:
            placed[leaf] = me
        else:
            placed[leaf] = one if one in compiled.roster.relays else home
    return placed


def direct_partners(device: DeviceState, compiled: CompiledRoster) -> frozenset[int]:
    """The partners whose own session has all that belongs to them."""
    found = owners(device, compiled)
    return frozenset(
        partner
        for partner in compiled.roster.partners
        if {found.get(prefix) for prefix in compiled.prefixes[partner]} == {partner}
    )


def updates_of(
    effect: Effect, compiled: CompiledRoster, device: DeviceState, home: int = 0
) -> tuple[PeerUpdate, ...]:
    """What an effect changes on the device, one update after the other. `home` is where a leaf
    lives; `device` is read for what cannot be made again from what is compiled."""
    keys = compiled.keys
    match effect:
        case MoveHome(relay):
            away = {p for one in direct_partners(device, compiled) for p in compiled.prefixes[one]}
            moving = tuple(prefix for prefix in compiled.moving if prefix not in away)
            return (PeerUpdate(keys[relay], allowed_ips=moving),)
        case PlaceLeaf(leaf, via):
            return (PeerUpdate(keys[via], allowed_ips=compiled.prefixes[leaf]),)
        case WarmPeer(peer, endpoint):
            return (PeerUpdate(keys[peer], endpoint=endpoint, keepalive=KEEPALIVE),)
        case CoolPeer(peer):
            return tuple(_fresh(peer, compiled, device))
        case ExpectDirect(peer):
            # taken and given back at once: who has just had a prefix may send from it
            lent, moving = compiled.prefixes[peer], compiled.moving
            back = tuple(prefix for prefix in lent if prefix in moving)
            gone = tuple(prefix for prefix in lent if prefix not in moving)
            return (
                PeerUpdate(keys[peer], allowed_ips=lent, removed_ips=gone),
                PeerUpdate(keys[home], allowed_ips=back),
            )
        case MoveDirect(peer):
            return (PeerUpdate(keys[peer], allowed_ips=compiled.prefixes[peer]),)
        case MoveBack(peer):
            back = tuple(p for p in compiled.prefixes[peer] if p in compiled.moving)
            own = PeerUpdate(keys[peer], allowed_ips=(probe_of(peer),), replace_allowed_ips=True)
            return (PeerUpdate(keys[home], allowed_ips=back), own)
    return ()


def _fresh(peer: int, compiled: CompiledRoster, device: DeviceState) -> Iterable[PeerUpdate]:
    """Nothing else ends WireGuard's own attempts to reach a peer, nor forgets where it was."""
    key = compiled.keys[peer]
    found = device.peer(key)
    if found is not None:
        yield PeerUpdate(key, remove=True)
        yield PeerUpdate(key, preshared_key=found.preshared_key, allowed_ips=(probe_of(peer),))


def probe_updates(device: DeviceState, compiled: CompiledRoster) -> tuple[PeerUpdate, ...]:
    """What gives each peer that is spoken to its probe address, as far as it has it not. A leaf
    keeps its session with a relay that it cannot call alive already; whoever is not there is left
    alone."""
    return tuple(_missing(device, compiled))


def _missing(device: DeviceState, compiled: CompiledRoster) -> Iterable[PeerUpdate]:
    have = {peer.public_key: peer for peer in device.peers}
    for number in compiled.spoken_to:
        peer, probe = have.get(compiled.keys[number]), probe_of(number)
        if peer is not None and probe not in peer.allowed_ips:
            yield PeerUpdate(peer.public_key, allowed_ips=(probe,))
