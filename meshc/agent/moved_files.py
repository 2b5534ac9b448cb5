"""Moved files: what a wg-quick file would say after an agent's move, for the proof to walk."""

from __future__ import annotations

from dataclasses import replace

from meshc.agent import home_table
from meshc.agent.compiled_roster import CompiledRoster
from meshc.agent.core.effect import Effect
from meshc.wg.conf import Conf
from meshc.wg.device_values import DeviceState, PeerState

_LINK_LOCAL = 0xFE80


def after_move(conf: Conf, compiled: CompiledRoster, effect: Effect) -> Conf:
    """The very updates that an agent writes to its device. The probe addresses of agents are in
    no file, and the proof knows of none."""
    state = DeviceState(
        peers=tuple(PeerState(p.public_key, allowed_ips=p.allowed_ips) for p in conf.peers)
    )
    home = 0 if compiled.is_relay else home_table.home_of_leaf(state, compiled)
    for update in home_table.updates_of(effect, compiled, state, home):
        wanted = [prefix for prefix in update.allowed_ips if prefix.value >> 112 != _LINK_LOCAL]
        peers = []
        for peer in conf.peers:
            kept = [prefix for prefix in peer.allowed_ips if prefix not in wanted]
            if peer.public_key == update.public_key:
                kept = wanted if update.replace_allowed_ips else [*kept, *wanted]
                if update.endpoint is not None:
                    peer = peer._replace(endpoint=update.endpoint, keepalive=update.keepalive)
            peers.append(peer._replace(allowed_ips=tuple(kept)))
        conf = replace(conf, peers=tuple(peers))
    return conf
