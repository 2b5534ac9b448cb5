"""How long a probe waits. That it hears right is tested in whole labs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from meshc.lab.probe import ping
from meshc.lab.probe.ping import Echo, Ping, PingTarget


class Clock:
    """In place of the module `time`: it goes on while somebody listens, on a busy machine too."""

    now = 100.0

    @classmethod
    def monotonic(cls) -> float:
        return cls.now


class SlowProber:
    """Answers one target a round, and the last one never: a machine that is busy."""

    def __init__(self, targets: Sequence[PingTarget], mark: int, interface: str = "") -> None:
        assert mark == 0, "nobody asked for another"
        self.targets = targets
        self.sent = [0] * len(targets)
        self.answers: dict[int, Echo] = {}

    def round(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.sent[number] += 1

    def listen(self, seconds: float) -> None:
        Clock.now += seconds + 0.001
        if len(self.answers) < len(self.targets) - 1:
            self.answers[len(self.answers)] = Echo("reply")

    def result(self, number: int) -> Echo:
        return self.answers.get(number, Echo())

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(("most", "answered"), [(10.0, 9), (0.5, 6)])
def test_who_answers_slowly_is_waited_for_but_not_for_ever(
    most: float, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ping, "_Prober", SlowProber)
    monkeypatch.setattr(ping, "time", Clock)
    begun = Clock.now
    targets = (PingTarget("192.0.2.1"),) * 10
    found = [answer.kind for answer in Ping(targets, 0.25, most, 0.1).run()]
    assert found.count("reply") == answered
    assert Clock.now - begun < 2
