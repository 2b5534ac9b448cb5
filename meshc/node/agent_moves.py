"""The agent's moves: what an agent may have changed on a device, which is no drift."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from meshc.errors import MeshcError
from meshc.keys import PublicKey
from meshc.node.nodefile import FACTS_NAME, InterfaceFile
from meshc.prefixes import Prefix
from meshc.wg.conf import PeerConf
from meshc.wg.device_values import DeviceState


def as_agents_left_it(file: InterfaceFile, device: DeviceState) -> InterfaceFile:
    """The file as if it said of what an agent may move where that is: which of the peers that it
    talks to has which of the prefixes that belong to nodes with agents, and whether a session with
    a partner is kept alive. Without an agent it is the file."""
    section = _section(file)
    try:
        partners = {PublicKey.parse(one["public_key"]) for one in section.get("partners", ())}
        keys = {PublicKey.parse(one["public_key"]) for one in _spoken_to(section)}
        movable = {Prefix.parse(text) for text in _movable(section)}
    except (MeshcError, LookupError, TypeError, AttributeError):
        return file  # `meshc agent` says what is wrong with it

    def moved(peer: PeerConf) -> PeerConf:
        found = device.peer(peer.public_key)
        if found is None or peer.public_key not in keys:
            return peer
        kept = [prefix for prefix in peer.allowed_ips if prefix not in movable]
        have = [prefix for prefix in found.allowed_ips if prefix in movable]
        alive = peer.keepalive
        if peer.public_key in partners:
            alive = found.keepalive or None
        return peer._replace(allowed_ips=(*kept, *have), keepalive=alive)

    peers = tuple(map(moved, file.conf.peers)) if keys else file.conf.peers
    return replace(file, conf=replace(file.conf, peers=peers))


def _section(file: InterfaceFile) -> Mapping[str, Any]:
    try:
        facts = json.loads((file.path.parent / FACTS_NAME).read_text(encoding="utf-8"))
        section = facts.get("agent", {}) if facts.get("interface") == file.path.stem else {}
    except (OSError, ValueError, AttributeError):
        return {}
    return section if isinstance(section, dict) else {}


def _spoken_to(section: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("relays", "leaves", "partners"):
        yield from section.get(kind, ())


def _movable(section: Mapping[str, Any]) -> Iterator[str]:
    yield from section.get("moving", ())
    for kind in ("leaves", "partners"):
        for one in section.get(kind, ()):
            yield from one["prefixes"]
