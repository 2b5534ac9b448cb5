"""The data path: what is done to every packet, as pure functions over buffers.

`DataPath` is the contract, `new` chooses the implementation: the one place that would know of
another. Packets that come alone go through `single`, one function a step.
"""

from __future__ import annotations

from meshc.engine.proto.datapath.arena import Arena, Buffer, Buffers
from meshc.engine.proto.datapath.contract import (
    Block,
    DataPath,
    Delivery,
    Opened,
    PartialChecksum,
    Split,
)
from meshc.engine.proto.datapath.portable import PortableDataPath

__all__ = [
    "Arena",
    "Block",
    "Buffer",
    "Buffers",
    "DataPath",
    "Delivery",
    "Opened",
    "PartialChecksum",
    "Split",
    "new",
]


def new() -> DataPath:
    """A data path for one engine; it may hold scratch buffers, but no state between calls."""
    return PortableDataPath()
