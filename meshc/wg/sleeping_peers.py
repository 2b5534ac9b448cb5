"""Peers that may be asleep: their section says so, in a comment that `meshc build` writes."""

from __future__ import annotations

from collections.abc import Iterator

_COMMENT = ("alwayson", "false")


def sleeping_peers(text: str) -> frozenset[str]:
    """The public keys of the [Peer] sections of a wg-quick file that hold `# AlwaysOn = false`."""
    return frozenset(_sleepers(text))


def _sleepers(text: str) -> Iterator[str]:
    key, sleeps = "", False
    for line in (*text.splitlines(), "["):
        word = line.strip()
        if word.startswith("["):
            if key and sleeps:
                yield key
            key, sleeps = "", False
            continue
        name, _, value = word.removeprefix("#").partition("=")
        pair = (name.strip().lower(), value.strip())
        if word.startswith("#"):
            sleeps = sleeps or (pair[0], pair[1].lower()) == _COMMENT
        elif pair[0] == "publickey":
            key = pair[1].partition("#")[0].strip()
