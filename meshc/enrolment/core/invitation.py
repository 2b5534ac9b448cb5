"""An invitation, and what becomes of it: its states are a table, its changes are values.

An invitation has as many seats as uses. A seat is taken by the first request that its token proves,
and belongs to that machine's key from then on: the same request asked again finds what was
decided, another one finds the seat taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from types import MappingProxyType

from meshc.enrolment.core.enrolment_message import EnrolmentRequest
from meshc.keys import PrivateKey
from meshc.secret import SecretBytes
from meshc.values import dataclass


class SeatState(Enum):
    """Where a seat is."""

    INVITED = "invited"
    ASKED = "asked"
    ENROLLED = "enrolled"
    REFUSED = "refused"
    EXPIRED = "expired"


class SeatEvent(Enum):
    """What can happen to a seat."""

    ASK = "ask"  # a request that the token proves, of the machine that has the seat, or the first
    GRANT = "grant"  # the person at the controller agrees, and the network is built
    REFUSE = "refuse"  # the person does not, or takes the invitation back
    LATE = "late"  # the date has passed


_S, _E = SeatState, SeatEvent
NEXT: Mapping[tuple[SeatState, SeatEvent], SeatState] = MappingProxyType(
    {
        (_S.INVITED, _E.ASK): _S.ASKED,
        (_S.INVITED, _E.REFUSE): _S.REFUSED,
        (_S.INVITED, _E.LATE): _S.EXPIRED,
        (_S.ASKED, _E.ASK): _S.ASKED,
        (_S.ASKED, _E.GRANT): _S.ENROLLED,
        (_S.ASKED, _E.REFUSE): _S.REFUSED,
        (_S.ASKED, _E.LATE): _S.ASKED,  # it was asked in time; the person may take longer
        (_S.ENROLLED, _E.ASK): _S.ENROLLED,
        (_S.ENROLLED, _E.GRANT): _S.ENROLLED,  # the same answer again
        (_S.ENROLLED, _E.LATE): _S.ENROLLED,
        (_S.REFUSED, _E.ASK): _S.REFUSED,
        (_S.REFUSED, _E.REFUSE): _S.REFUSED,
        (_S.REFUSED, _E.LATE): _S.REFUSED,
        (_S.EXPIRED, _E.LATE): _S.EXPIRED,
        (_S.EXPIRED, _E.REFUSE): _S.EXPIRED,
    }
)
"""What is not in it cannot be: an expired seat is not asked for, a refused one not granted."""


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one node. `request` is that of the machine which has it."""

    node: str
    state: SeatState = SeatState.INVITED
    request: EnrolmentRequest | None = None

    def after(self, event: SeatEvent, request: EnrolmentRequest | None = None) -> Seat | None:
        """The seat after an event; None where it cannot happen."""
        state = NEXT.get((self.state, event))
        return (
            None if state is None else replace(self, state=state, request=request or self.request)
        )


@dataclass(frozen=True, slots=True)
class InvitationDoor:
    """The door of an invitation: at which relay, at which port, with which key."""

    relay: str
    port: int
    private_key: PrivateKey


@dataclass(frozen=True, slots=True)
class Invitation:
    """`settings` is what the node gets in the topology, YAML on one line. `expires` is in seconds
    since 1970, `lifetime` in days from the enrolment on (0: for good)."""

    identifier: str
    secret: SecretBytes
    private_key: PrivateKey
    expires: int
    seats: tuple[Seat, ...]
    settings: str = ""
    group: str = ""
    lifetime: int = 0
    door: InvitationDoor | None = None

    def at(self, now: int) -> Invitation:
        """What time has made of it."""
        if now <= self.expires:
            return self
        return replace(self, seats=tuple(seat.after(SeatEvent.LATE) or seat for seat in self.seats))

    def seat_of(self, request: EnrolmentRequest) -> Seat | None:
        """The seat that belongs to the machine of a request."""
        return next((seat for seat in self.seats if seat.request == request), None)

    def asked(self, request: EnrolmentRequest) -> tuple[Invitation, Seat] | str:
        """With the request in a seat; or in a few words why it gets none."""
        seat = self.seat_of(request) or next(
            (one for one in self.seats if one.state is SeatState.INVITED), None
        )
        taken = None if seat is None else seat.after(SeatEvent.ASK, request)
        if seat is not None and taken is not None:
            return self.with_seat(taken), taken
        if any(one.state is SeatState.EXPIRED for one in self.seats):
            return "the invitation has expired"
        return "another machine has asked with this invitation already"

    def with_seat(self, seat: Seat) -> Invitation:
        """With the seat of that node exchanged."""
        seats = tuple(seat if one.node == seat.node else one for one in self.seats)
        return replace(self, seats=seats)

    def seat(self, node: str) -> Seat | None:
        return next((seat for seat in self.seats if seat.node == node), None)

    @property
    def open(self) -> bool:
        """Whether anybody can still ask, or waits for an answer."""
        return any(one.state in (SeatState.INVITED, SeatState.ASKED) for one in self.seats)
