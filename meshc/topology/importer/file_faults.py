"""Faults of the imported files themselves; the new topology does not have them any more."""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshc.diagnostics import Diagnostics, Location
from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.importer.sightings import Seen
from meshc.wg.conf import Conf

# where the rules of policies begin, in either dialect
_POLICY = re.compile(r"MESHC-POL-|^#nft chain \w*access\b")


def find_faults(
    seen: Mapping[PublicKey, Seen], names: Mapping[PublicKey, str], diagnostics: Diagnostics
) -> None:
    for key, entry in seen.items():
        for viewer, conf, peer in entry.sightings:
            place = Location(conf.file, peer.line, 1)
            for text in peer.host_bits:
                diagnostics.add(
                    "W902",
                    f"AllowedIPs {text} of peer {names[key]} has host bits set",
                    place,
                    hint=f"wg reads it as {Prefix.parse(text)}",
                )
            if entry.conf is not None and all(
                back.public_key != viewer for back in entry.conf.peers
            ):
                diagnostics.add(
                    "W903",
                    f"{names[viewer]} lists {names[key]} as a peer, but not the other way round",
                    place,
                    hint="no handshake can succeed; the new files list both or neither",
                )
    for entry in seen.values():
        if entry.conf is not None:
            _prefixes_twice(entry.conf, names, diagnostics)
            if entry.conf.save_config:
                _saved(entry.conf, diagnostics)
            if any(map(_POLICY.search, entry.conf.rules)):
                _ruled(entry.conf, diagnostics)


def _prefixes_twice(conf: Conf, names: Mapping[PublicKey, str], diagnostics: Diagnostics) -> None:
    owner: dict[Prefix, PublicKey] = {}
    for peer in conf.peers:
        for prefix in peer.allowed_ips:
            first = owner.setdefault(prefix, peer.public_key)
            if first != peer.public_key:
                diagnostics.add(
                    "W904",
                    f"{prefix} is given to {names[first]} and to {names[peer.public_key]}",
                    Location(conf.file, peer.line, 1),
                    hint="WireGuard silently takes it from the first; a prefix has one peer",
                )


def _saved(conf: Conf, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "W906",
        "SaveConfig is on: its endpoints are where packets came from last",
        Location(conf.file, 1, 1),
        hint="an endpoint is taken only where the node's own file listens on its port; "
        "meshc writes no SaveConfig",
    )


def _ruled(conf: Conf, diagnostics: Diagnostics) -> None:
    diagnostics.add(
        "W910",
        "the file holds access rules, and the new topology has no `policies` for them",
        Location(conf.file, 1, 1),
        hint="write `policies:` before building, or everybody reaches everybody; "
        "`meshc policy --against` compares with the topology that they came from",
    )
