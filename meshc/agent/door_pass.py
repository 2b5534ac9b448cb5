"""A door's pass: what a relay is given to open a door, and to open it again after a restart.

It holds the keys of the door and nothing of the invitation: with it nobody asks, answers or reads
an answer.
"""

from __future__ import annotations

import json
import re
from typing import Any

from meshc.errors import KeyFormatError, NodeError
from meshc.keys import PresharedKey, PrivateKey, PublicKey
from meshc.values import dataclass

VERSION = 1
MOST_CALLERS = 256
_IDENTIFIER = re.compile(r"[0-9a-f]{16}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class DoorPass:
    """`callers` are the keys that may knock, in the order of their slots; `asked_until` and `until`
    are in seconds since 1970: from the first on nobody new is taken, at the second it closes."""

    identifier: str
    port: int
    private_key: PrivateKey
    preshared_key: PresharedKey
    callers: tuple[PublicKey, ...]
    uses: int
    asked_until: int
    until: int

    def reveal(self) -> dict[str, object]:
        """As JSON, for the file or the pipe that carries it."""
        return {
            "meshc_door": VERSION,
            "identifier": self.identifier,
            "port": self.port,
            "private_key": self.private_key.reveal(),
            "preshared_key": self.preshared_key.reveal(),
            "callers": list(self.callers),
            "uses": self.uses,
            "asked_until": self.asked_until,
            "until": self.until,
        }


def read_pass(data: Any) -> DoorPass:
    """Raises: NodeError for what is no pass of this version."""
    try:
        if data["meshc_door"] != VERSION or not _IDENTIFIER.match(data["identifier"]):
            raise ValueError("another version")
        found = DoorPass(
            data["identifier"],
            int(data["port"]),
            PrivateKey.parse(data["private_key"]),
            PresharedKey.parse(data["preshared_key"]),
            tuple(map(PublicKey.parse, data["callers"])),
            int(data["uses"]),
            int(data["asked_until"]),
            int(data["until"]),
        )
        if not (0 < found.port < 65536 and 0 < len(found.callers) <= MOST_CALLERS):
            raise ValueError("out of range")
    except (ValueError, KeyError, TypeError, AttributeError, KeyFormatError) as error:
        raise NodeError(
            f"this is no pass for a door ({type(error).__name__})",
            hint="both ends need the same version of meshc",
        ) from None
    return found


def pass_text(one: DoorPass) -> bytes:
    return json.dumps(one.reveal()).encode() + b"\n"
