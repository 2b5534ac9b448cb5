"""The road: which implementation of the data path this process takes, compiled or portable.

A session's keys belong to the implementation that made them, so that there is one for a process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from meshc.engine.proto.datapath import compiled
from meshc.engine.proto.datapath.contract import AnyDataPath, OpeningKey, SealingKey
from meshc.engine.proto.datapath.portable import PortableDataPath
from meshc.engine.proto.datapath.session_keys import PortableOpeningKey, PortableSealingKey


class Road(NamedTuple):
    """An implementation: its functions, and the keys that they take."""

    name: str
    path: Callable[[], AnyDataPath]
    sealing_key: Callable[[bytes, int], SealingKey]
    opening_key: Callable[[bytes], OpeningKey]


PORTABLE = Road("portable", PortableDataPath, PortableSealingKey, PortableOpeningKey)
COMPILED = Road("compiled", compiled.CompiledDataPath, compiled.sealing_key, compiled.opening_key)

_taken = [COMPILED if compiled.AVAILABLE else PORTABLE]


def taken() -> Road:
    """The road of this process: the compiled one where it is installed, unless `take` says else."""
    return _taken[0]


def take(road: Road) -> None:
    """Take this road from now on; sessions that exist keep to theirs."""
    _taken[0] = road
