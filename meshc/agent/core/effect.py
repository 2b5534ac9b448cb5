"""Effects: what an agent asks its shell to do."""

from __future__ import annotations

from typing import NamedTuple

from meshc.agent.core.control_message import Message


class SendControl(NamedTuple):
    """A message to the node with this number."""

    to: int
    message: Message


class MoveHome(NamedTuple):
    """On a leaf: everything that goes through a relay goes through this one from now on."""

    relay: int
    why: str


class PlaceLeaf(NamedTuple):
    """On a relay: what belongs to a leaf goes to the peer `via`, the leaf itself or a relay."""

    leaf: int
    via: int


Effect = SendControl | MoveHome | PlaceLeaf
