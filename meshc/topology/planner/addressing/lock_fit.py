"""How a lock file fits its topology: whose it is, and which of its nodes seem to be renamed."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import Spec
from meshc.topology.language.wording import listing, quote
from meshc.topology.planner.addressing.lock import Lock


def check_lock(spec: Spec, lock: Lock, diagnostics: Diagnostics) -> None:
    """Finds a lock file of another network, and nodes that left while others came."""
    if lock.network and lock.network != spec.network.name:
        diagnostics.add(
            "E315",
            f"the lock file is that of the network {quote(lock.network)}, and this one is "
            f"{quote(spec.network.name)}",
            spec.network.locations.get("name") or spec.network.locations.get(""),
            path="network.name",
            hint="put the network's own lock file back; when the network was renamed, change "
            "`network` in the first line of its lock file too.",
        )
        return
    _check_renamed(spec, lock, diagnostics)


def _check_renamed(spec: Spec, lock: Lock, diagnostics: Diagnostics) -> None:
    """A renamed node is one that left and one that came: the name is all that it is known by."""
    there = spec.nodes.keys() | spec.absent
    gone = [name for name, node in lock.nodes.items() if node.addresses and name not in there]
    new = sorted(spec.nodes.keys() - lock.nodes.keys() - lock.removed.keys())
    if not gone or not new:
        return
    from difflib import get_close_matches  # only for mistakes

    for name in list(new):
        close = gone if len(gone) == len(new) == 1 else get_close_matches(name, gone, 1)
        if close:
            gone, old = [other for other in gone if other != close[0]], close[0]
            new.remove(name)
            _tell(spec, [old], [name], diagnostics)
    if gone and new:
        _tell(spec, gone, new, diagnostics)


def _tell(spec: Spec, gone: list[str], new: list[str], diagnostics: Diagnostics) -> None:
    old, came = listing([quote(name) for name in gone]), listing([quote(name) for name in new])
    one = len(new) == 1
    diagnostics.add(
        "W316",
        f"{old} left the file and {came} came: {'it gets' if one else 'they get'} "
        f"{'a new address and a new key' if one else 'new addresses and new keys'}",
        spec.nodes[new[0]].at(),
        path=f"nodes.{new[0]}",
        hint=f"was it renamed? put {gone[0]} back and run `meshc rename {gone[0]} {new[0]}` before "
        "you build: it keeps key and address.",
    )
