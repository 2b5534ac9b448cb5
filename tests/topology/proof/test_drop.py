"""Sentences of drops, and which of them are one fault."""

from __future__ import annotations

import pytest

from meshc.topology.proof.drop import Drop, LossReason
from meshc.topology.proof.loss_findings import CODES_OF


@pytest.mark.parametrize("reason", LossReason)
def test_every_reason_has_a_sentence_and_a_code(reason: LossReason) -> None:
    drop = Drop(reason, "here", "there", "→", source="10.0.0.1", target="10.0.0.2")
    assert "{" not in drop.text
    assert "here" in drop.text
    assert reason in CODES_OF


def test_a_mutual_fault_is_one_whoever_sends() -> None:
    one = Drop(LossReason.PRESHARED_KEY, "a", "b")
    assert one.cause == Drop(LossReason.PRESHARED_KEY, "b", "a").cause
    assert one.cause != Drop(LossReason.PRESHARED_KEY, "a", "c").cause
    assert (
        Drop(LossReason.NOT_LISTED, "a", "b").cause != Drop(LossReason.NOT_LISTED, "b", "a").cause
    )


def test_a_circle_is_one_wherever_it_is_entered() -> None:
    one = Drop(LossReason.LOOP, "a", detail="a → b → c → a")
    assert one.cause == Drop(LossReason.LOOP, "b", detail="b → c → a → b").cause


def test_forwarding_is_switched_per_family() -> None:
    four = Drop(LossReason.NO_FORWARDING, "a", family=4)
    assert four.cause != Drop(LossReason.NO_FORWARDING, "a", family=6).cause
