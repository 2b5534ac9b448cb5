"""A comment in a peer's section says that it may be asleep; nothing else does."""

from __future__ import annotations

from meshc.wg.sleeping_peers import sleeping_peers
from tests.support import wgconf

KEY = str(wgconf.PEER_KEY.public_key())


def test_the_comment_counts_before_and_after_the_key() -> None:
    assert sleeping_peers(f"[Peer]\n# AlwaysOn = false\nPublicKey = {KEY}\n") == {KEY}
    assert sleeping_peers(f"[Peer]\npublickey={KEY} # x\n#alwayson=FALSE\n") == {KEY}


def test_it_counts_for_its_own_section_alone() -> None:
    text = f"[Peer]\nPublicKey = {KEY}\n[Peer]\n# AlwaysOn = false\nPublicKey = other=\n"
    assert sleeping_peers(text) == {"other="}


def test_other_words_are_no_reason_to_sleep() -> None:
    for line in ("# AlwaysOn = true", "AlwaysOn = false", "# Name = false", "#"):
        assert sleeping_peers(f"[Peer]\n{line}\nPublicKey = {KEY}\n") == frozenset()
