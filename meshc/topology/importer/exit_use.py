"""The use of an exit: who sends the internet to whom, and what is left out of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from meshc.keys import PublicKey
from meshc.prefixes import Prefix
from meshc.topology.importer.foreign_hooks import foreign_hooks
from meshc.topology.importer.partial_defaults import (
    has_parts,
    in_words,
    is_default,
    kept_beside,
    needs_an_app,
    only_family,
    only_family_of_named,
)
from meshc.topology.importer.sightings import Seen, spokes


class ExitUse(NamedTuple):
    """`name` is the exit, None without one; `beside` is its `exit_except`. `app` says that the file
    works on no system but those where an app keeps WireGuard's own packets apart, `family` that it
    works in one family only, `named` that those do who are called by name."""

    name: str | None = None
    beside: tuple[str, ...] = ()
    app: bool = False
    family: int | None = None
    named: int | None = None


NO_EXIT = ExitUse()


def exit_users(seen: Mapping[PublicKey, Seen]) -> dict[PublicKey, PublicKey]:
    """Whose default route goes to whom; its parts are as good as the whole."""
    found = {}
    for key, entry in seen.items():
        for peer in entry.conf.peers if entry.conf else ():
            if is_default(peer) or has_parts(peer):
                found[key] = peer.public_key
    for key, entry in seen.items():
        # it hides its clients from the internet; what those send there is in their files only
        if entry.conf is not None and foreign_hooks(entry.conf).to_internet:
            found.update({spoke: key for spoke in spokes(entry, seen) if spoke not in found})
    return found


def exit_use(
    key: PublicKey,
    exits: Mapping[PublicKey, PublicKey],
    seen: Mapping[PublicKey, Seen],
    names: Mapping[PublicKey, str],
    mesh: Iterable[Prefix],
) -> ExitUse:
    """`mesh` is what the network has itself: addresses, pools, LANs."""
    if key not in exits:
        return NO_EXIT
    name, conf = names[exits[key]], seen[key].conf
    if conf is None:
        return ExitUse(name)
    beside = kept_beside(conf, mesh)
    app = needs_an_app(conf, beside)
    named = only_family_of_named(conf, beside)
    return ExitUse(name, in_words(beside, conf), app, only_family(conf, beside), named)
