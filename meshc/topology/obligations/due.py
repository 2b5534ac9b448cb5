"""What is due: a word for every exchange between two parties of a network.

An exchange is a packet and its answer: nobody is reached who cannot be heard.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from meshc.prefixes import Prefix


class Due(Enum):
    """What is owed to the one who speaks first."""

    MUST_REACH = "must reach"
    MAY_SLEEP = "may be asleep by choice"
    APART = "declared apart"
    WAIVED = "waived by a warning"
    UNASKED = "nobody asks for it"


class Party(NamedTuple):
    """One end of an exchange: a node; with `host`, an address on a LAN behind that node; with a
    `host` alone, an address in the internet."""

    node: str = ""
    host: Prefix | None = None

    @property
    def is_node(self) -> bool:
        return self.host is None

    @property
    def in_internet(self) -> bool:
        return not self.node


class Owed(NamedTuple):
    """`code` is the finding that says why an exchange may fail."""

    due: Due
    code: str = ""


MUST_REACH = Owed(Due.MUST_REACH)
APART = Owed(Due.APART)
UNASKED = Owed(Due.UNASKED)
