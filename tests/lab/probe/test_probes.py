"""How long a probe waits. That it hears right is tested in whole labs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from meshc.lab.probe import probes


class SlowProber:
    """Answers one target a round, and the last one never: a machine that is busy."""

    def __init__(self, targets: Sequence[Mapping[str, Any]]) -> None:
        self.targets = targets
        self.sent = [0] * len(targets)
        self.answers: dict[int, dict[str, Any]] = {}

    def round(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.sent[number] += 1

    def listen(self, seconds: float) -> None:
        time.sleep(seconds)
        if len(self.answers) < len(self.targets) - 1:
            self.answers[len(self.answers)] = {"kind": "reply"}

    def result(self, number: int) -> dict[str, Any]:
        return self.answers.get(number, {"kind": "none"})

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(("most", "answered"), [(10.0, 9), (0.5, 6)])
def test_who_answers_slowly_is_waited_for_but_not_for_ever(
    most: float, answered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_Prober", SlowProber)
    begun = time.monotonic()
    options = {"targets": [{}] * 10, "seconds": 0.25, "most": most, "interval": 0.1}
    found = [answer["kind"] for answer in probes.ping(options)]
    assert answered - 1 <= found.count("reply") <= answered
    assert time.monotonic() - begun < 5
