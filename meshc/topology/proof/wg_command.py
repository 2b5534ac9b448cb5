"""The `wg set` command of a hook: which peers it takes away, and whether it moves packets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from meshc.errors import KeyFormatError
from meshc.keys import PublicKey

_QUIET = frozenset(("peer", "private-key", "preshared-key", "persistent-keepalive"))
_ASKS = frozenset(("show", "showconf", "genkey", "pubkey", "genpsk"))


def is_harmless(words: tuple[str, ...]) -> bool:
    """Keys and keepalives do not move packets; peers, AllowedIPs and endpoints do."""
    if words[1:2] != ("set",):
        return bool(words[1:]) and words[1] in _ASKS
    return {*words[3::2]} <= _QUIET and "remove" not in words


def peers(words: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """The keys that `wg set` names, as they are written, and whether it removes each."""
    if words[1:2] != ("set",):
        return
    starts = [at for at, word in enumerate(words) if word == "peer"]
    for start, end in pairwise((*starts, len(words))):
        part = words[start + 1 : end]
        if part:
            yield part[0], part[1:2] == ("remove",)


def bad_key(text: str) -> bool:
    """Whether wg refuses this word as a key. What bash computes is not known."""
    if "$" in text or "`" in text:
        return False
    try:
        PublicKey.parse(text)
    except KeyFormatError:
        return True
    return False
