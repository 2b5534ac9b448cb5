"""Spare relays: over which relays a pair could meet, by the sessions that stand both ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshc.topology.proof.peer_table import Bools, Ints
from meshc.topology.proof.trace_batch import DataPlane

Words = NDArray[np.uint64]
_CHUNK = 1 << 20


class SpareRelays:
    """Whether a pair could meet over other relays. Sets of relays are rows of words, a bit each."""

    def __init__(self, plane: DataPlane) -> None:
        sessions = plane.sessions
        models = plane.models
        relays = [n for n, s in enumerate(models) if s.facts.relay]
        self.index = {node: k for k, node in enumerate(relays)}
        sound = (sessions.fault == 0) & (sessions.back >= 0)
        sound &= np.where(sessions.back >= 0, sessions.fault[sessions.back] == 0, False)
        number = np.full(len(models), -1, np.int32)
        number[relays] = np.arange(len(relays))
        use = np.flatnonzero(sound & (number[sessions.to] >= 0))
        link = np.zeros((len(models), len(relays)), bool)
        link[sessions.frm[use], number[sessions.to[use]]] = True
        link[relays, range(len(relays))] = True
        self.relays = relays
        self.links = _words(link)
        self._link = link
        self._without: dict[int, Words] = {}

    def reconnects(self, relay: int, source: Ints, target: Ints) -> Bools:
        """Whether each pair could meet without one relay."""
        reach, links = self.without(relay), self.links
        result = np.zeros(len(source), bool)
        step = _CHUNK // max(1, links.shape[1])
        for at in range(0, len(source), step):
            part = slice(at, at + step)
            result[part] = (reach[source[part]] & links[target[part]]).any(axis=1)
        return result

    def without(self, relay: int) -> Words:
        """Which relays each node gets to, over any number of relays, when one is dead."""
        known = self._without.get(relay)
        if known is None:
            between = self._link[self.relays].astype(np.float32)
            reach = self._link.copy()
            dead = self.index.get(relay)
            if dead is not None:
                between[dead, :] = 0
                between[:, dead] = 0
                reach[:, dead] = False
            while True:
                wider = reach | ((reach.astype(np.float32) @ between) > 0)
                if bool((wider == reach).all()):
                    break
                reach = wider
            known = self._without[relay] = _words(reach)
        return known


def _words(rows: Bools) -> Words:
    bits = np.packbits(rows, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)
