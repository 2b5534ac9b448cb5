"""An arriving packet, as the rules of a foreign firewall see it."""

from __future__ import annotations

import re
from typing import NamedTuple

DROPS = ("DROP", "REJECT", "drop", "reject")
DEEPEST = 16
"""Chains inside of chains, behind which nothing is told."""
PASSES = ("", "")
"""Instead of the chain and the rule that drop it."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


class ArrivingPacket(NamedTuple):
    """A packet as a foreign rule sees it: it begins a connection, from anywhere. `port` is that of
    UDP, None for any; `device` the interface it comes by, empty for one that nobody knows."""

    family: int
    hook: str
    port: int | None = None
    device: str = ""


def shown(text: str) -> str:
    """What somebody else wrote, for a terminal."""
    return _UNPRINTABLE.sub(lambda m: m.group().encode("unicode_escape").decode(), text)[:200]
