"""Where peers were last, kept over a restart of the interface.

A peer behind NAT is known by where it last sent from, and only to the interface that runs. After a
restart nobody can begin: this end has no address, and the peer, which sends keepalives only, has
no reason to make a new session for two minutes (whitepaper 6.1, 6.5). So the addresses are
written down before the interface goes and set when it is back, and a session is begun from here.
"""

from __future__ import annotations

import os
import tempfile
import time
from typing import NamedTuple

from meshc.deploy.remote.base import read, run, write
from meshc.deploy.remote.conf_lines import sections, settings
from meshc.deploy.remote.managed_interface import ManagedInterface

_SESSION = 180  # seconds; a session that is older is none (REJECT_AFTER_TIME)
_NONE = "(none)"
_PART = 100  # peers of one command line


class LastSeen(NamedTuple):
    """Where a peer was, and when the last handshake with it was, in seconds since 1970."""

    endpoint: str
    handshake: int


def save(interface: ManagedInterface) -> None:
    """Writes down where the peers are. What was written down of others that are still there
    stays: they may not have been back since the last restart."""
    peers = run(["wg", "show", interface.name, "dump"], check=False).splitlines()[1:]
    before, now = saved(interface), {}
    for line in peers:
        key, _, endpoint, _, handshake = line.split("\t")[:5]
        if endpoint != _NONE:
            now[key] = LastSeen(endpoint, int(handshake))
        elif key in before:
            now[key] = before[key]
    if now and now != before:
        interface.make_home()
        lines = (f"{key}\t{seen.endpoint}\t{seen.handshake}\n" for key, seen in now.items())
        write(_path(interface), "".join(lines).encode())


def saved(interface: ManagedInterface) -> dict[str, LastSeen]:
    """By public key. A line that is not ours says nothing."""
    found = {}
    for line in (read(_path(interface)) or b"").decode("utf-8", "replace").splitlines():
        words = line.split("\t")
        if len(words) == 3 and words[2].isdigit():
            found[words[0]] = LastSeen(words[1], int(words[2]))
    return found


def set_again(interface: ManagedInterface) -> None:
    """Gives peers that have no address the one they had; one that the file names stays. With
    those that had a session a new one is begun, by a keepalive that is switched on."""
    known = saved(interface)
    dump = (
        run(["wg", "show", interface.name, "dump"], check=False).splitlines()[1:] if known else ()
    )
    quiet: list[str] = []
    anew: dict[str, str] = {}
    begin: list[str] = []
    after: list[str] = []
    for line in dump:
        key, _, endpoint, _, handshake, _, _, keepalive = line.split("\t")[:8]
        seen = known.get(key)
        if seen is None or int(handshake):
            continue
        address = ["endpoint", seen.endpoint] if endpoint == _NONE else []
        if time.time() - seen.handshake >= _SESSION:
            quiet += ["peer", key, *address] if address else []
            continue
        if address:
            anew[key] = seen.endpoint
        quiet += ["peer", key, *address, "persistent-keepalive", "off"]
        begin += ["peer", key, "persistent-keepalive", "25" if keepalive == "off" else keepalive]
        after += ["peer", key, "persistent-keepalive", "off"] if keepalive == "off" else []
    _make_anew(interface, anew)
    for words in (quiet, begin, after):
        _set(interface, words)


def _make_anew(interface: ManagedInterface, where: dict[str, str]) -> None:
    """The same peers, each at its address from its first moment on. What was sent to one without an
    address counts as the beginning of a session, and no other is begun for five seconds
    (REKEY_TIMEOUT)."""
    if not where:
        return
    parts: dict[str, str] = {}
    for section in sections(run(["wg", "showconf", interface.name])):
        key = "".join(settings("[" + section, "PublicKey"))
        if key in where:
            lines = [line for line in section.strip().splitlines() if "Keepalive" not in line]
            parts[key] = "[" + "\n".join([*lines, f"Endpoint = {where[key]}", ""])
    _set(interface, [word for key in parts for word in ("peer", key, "remove")])
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.NamedTemporaryFile(dir=place) as file:
        file.write("".join(parts.values()).encode())
        file.flush()
        run(["wg", "addconf", interface.name, file.name])


def _set(interface: ManagedInterface, words: list[str]) -> None:
    """`wg set`, of so many peers at once that a command line holds them."""
    starts = [at for at, word in enumerate(words) if word == "peer"]
    for first in range(0, len(starts), _PART):
        end = starts[first + _PART] if first + _PART < len(starts) else len(words)
        run(["wg", "set", interface.name, *words[starts[first] : end]], check=False)


def _path(interface: ManagedInterface) -> str:
    return os.path.join(interface.home, "endpoints")
