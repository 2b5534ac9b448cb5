"""The data path: what is done to every packet, as pure functions over buffers.

`DataPath` is the contract, `road` the choice of an implementation. Packets that come alone go
through `single` and the methods of the keys, one function a step.
"""

from __future__ import annotations

from meshc.engine.proto.datapath import road
from meshc.engine.proto.datapath.arena import Arena, Buffer, Buffers
from meshc.engine.proto.datapath.contract import (
    AnyDataPath,
    Block,
    Delivery,
    Opened,
    PartialChecksum,
    Split,
)

__all__ = [
    "AnyDataPath",
    "Arena",
    "Block",
    "Buffer",
    "Buffers",
    "Delivery",
    "Opened",
    "PartialChecksum",
    "Split",
    "new",
]


def new() -> AnyDataPath:
    """A data path for one engine; it may hold scratch buffers, but no state between calls."""
    return road.taken().path()
