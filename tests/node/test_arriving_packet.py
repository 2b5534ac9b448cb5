"""What somebody else wrote into a rule is shown, and does nothing to a terminal."""

from __future__ import annotations

from meshc.node.arriving_packet import shown


def test_control_characters_and_length_are_tamed() -> None:
    assert shown('-m comment --comment "\x1b[2J\u202e"') == r'-m comment --comment "\x1b[2J\u202e"'
    assert len(shown("x" * 999)) == 200
