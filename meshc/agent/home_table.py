"""The home table: where leaves live, as the AllowedIPs of a device say it, and how that changes.

A prefix that is given to a peer is taken from the one that had it, in one step, so that a move
never leaves a moment without a way; what the device has of other prefixes is not touched.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshc.agent.compiled_roster import CompiledRoster, probe_of
from meshc.agent.core.effect import Effect, MoveHome, PlaceLeaf
from meshc.prefixes import Prefix
from meshc.wg.device_values import DeviceState, PeerUpdate


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
    homes = {found.get(prefix) for prefix in compiled.moving}
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


def update_of(effect: Effect, compiled: CompiledRoster) -> PeerUpdate | None:
    """What an effect changes on the device."""
    if isinstance(effect, MoveHome):
        return PeerUpdate(compiled.keys[effect.relay], allowed_ips=compiled.moving)
    if isinstance(effect, PlaceLeaf):
        return PeerUpdate(compiled.keys[effect.via], allowed_ips=compiled.prefixes[effect.leaf])
    return None


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
