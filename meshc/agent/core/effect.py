"""Effects: what an agent asks its shell to do."""

from __future__ import annotations

from typing import NamedTuple

from meshc.agent.core.control_message import Message
from meshc.wg.endpoint import Endpoint


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


class Introduce(NamedTuple):
    """On a relay: `to` is told where `peer` may be reached, which the device knows. `near` are
    endpoints of the peer's own network, of use to those that are in it."""

    to: int
    peer: int
    turn: int
    near: tuple[Endpoint, ...] = ()
    varies: bool = False


class OpenNat(NamedTuple):
    """On a leaf: its own NAT gets a mapping for this endpoint of another, by a packet that ends
    after so many `hops` and is seen by nobody else."""

    endpoint: Endpoint
    hops: int


class WarmPeer(NamedTuple):
    """On a leaf: a session with another is begun and kept alive; it owns no prefix."""

    peer: int
    endpoint: Endpoint


class CoolPeer(NamedTuple):
    """On a leaf: nothing is sent to the other any more, as if it had never been called."""

    peer: int


class ExpectDirect(NamedTuple):
    """On a leaf: a move has been agreed. Where the WireGuard below can, it lets in what the other
    sends over the session with it already, until both have moved."""

    peer: int


class MoveDirect(NamedTuple):
    """On a leaf: what belongs to the other goes over the session with it."""

    peer: int


class MoveBack(NamedTuple):
    """On a leaf: what belongs to the other goes through the home again."""

    peer: int
    why: str


Effect = (
    SendControl
    | MoveHome
    | PlaceLeaf
    | Introduce
    | OpenNat
    | WarmPeer
    | CoolPeer
    | ExpectDirect
    | MoveDirect
    | MoveBack
)
