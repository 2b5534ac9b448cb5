"""The usage of a relay: which pairs it carries, and for which of them there is no other."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

from meshc.values import dataclass, field

EXAMPLES = 3  # as many are kept


class Examples(list[tuple[int, int]]):
    """The first pairs of nodes, in the order of the `places` of those who stand for them."""

    def __init__(self) -> None:
        super().__init__()
        self._places: list[int] = []

    @property
    def full(self) -> bool:
        return len(self) == EXAMPLES

    def note(self, place: int, pair: Callable[[], tuple[int, int]]) -> None:
        """Keeps a pair if it is among the first."""
        at = bisect_left(self._places, place)
        if at < EXAMPLES:
            self._places.insert(at, place)
            self.insert(at, pair())
            del self._places[EXAMPLES:], self[EXAMPLES:]


@dataclass(slots=True)
class RelayUsage:
    """What one relay carries: ordered pairs through it, those that no other relay could carry
    (over the sessions that stand in the files), and some examples of each."""

    pairs: int = 0
    stranded: int = 0
    examples: Examples = field(default_factory=Examples)
    stranded_examples: Examples = field(default_factory=Examples)
