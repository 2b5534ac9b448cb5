"""Agents with a fault each, which the world of agents must find."""

from __future__ import annotations

from collections.abc import Iterator

from meshc.agent.core.direct_path import DirectPath, PairState
from meshc.agent.core.effect import Effect, MoveHome
from meshc.agent.core.leaf_agent import LeafAgent, MoveRequest
from meshc.agent.core.relay_agent import RelayAgent


class MovesAtOnce(LeafAgent):
    """Its prefixes move when it asks, not when the relay has agreed."""

    def tick(self, now: float) -> tuple[Effect, ...]:
        found = super().tick(now)
        if self.claim is not None and self.claim.relay != self.home:
            self.home, self.seq = self.claim.relay, self.claim.seq
            return (*found, MoveHome(self.home, "at once"))
        return found


class ReusesNumbers(LeafAgent):
    """Two moves have one number."""

    def _ask(self, relay: int, why: str) -> None:
        if self.probes[relay].live:
            self.claim = MoveRequest(relay, max(self.highest, self.seq, 1), self.now, why)


class SpeaksForOthers(RelayAgent):
    """It tells of all leaves that they live with it."""

    def _here(self) -> Iterator[int]:
        return iter(self.records)


class TakesLeavesWord(RelayAgent):
    """It believes a leaf what only a relay may say."""

    def receive(self, sender, message, now):  # type: ignore[no-untyped-def]
        if sender not in self.others and self.others:
            other = next(iter(self.others))
            if type(message).__name__ == "Homes":
                return super().receive(other, message, now)
        return super().receive(sender, message, now)


class MovesUnheard(DirectPath):
    """It moves as soon as it hears the other, whether or not that hears it."""

    def _heard(self, flags: int, wait: int) -> Iterator[Effect]:
        if self.probe.live and self.state is PairState.OPENING:
            yield from self._move()
        else:
            yield from super()._heard(flags, wait)
