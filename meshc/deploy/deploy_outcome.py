"""How a deploy ended on a node."""

from __future__ import annotations

from enum import Enum

from meshc.values import dataclass


class End(Enum):
    UNCHANGED = "up to date"
    COMMITTED = "deployed"
    RESTORED = "put back"
    FAILED = "failed, nothing changed"
    UNKNOWN = "not answering"
    SKIPPED = "not begun"
    RETIRED = "taken down"


@dataclass(frozen=True, slots=True)
class DeployOutcome:
    """How it ended on one node; `message` says why where it did not go well."""

    node: str
    end: End
    message: str = ""
    hint: str = ""

    @property
    def good(self) -> bool:
        return self.end in (End.UNCHANGED, End.COMMITTED, End.RETIRED)

    @property
    def changed(self) -> bool:
        return self.end is End.COMMITTED
