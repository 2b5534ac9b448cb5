"""Mermaid: complete, and safe with hostile names."""

from __future__ import annotations

from meshc.render.diagram.mermaid import mermaid
from meshc.render.diagram.picture import picture
from tests.support.hostile_picture import hostile
from tests.support.plans import star


def test_mermaid_draws_direct_and_bounced_differently() -> None:
    text = mermaid(picture(star()))
    assert text.count(" --- ") == 7
    assert text.count(" -.- ") == 3
    assert 'n3{{"public-server1<br/>10.0.44.13"}}' in text


def test_mermaid_keeps_hostile_names_in_their_label() -> None:
    for line in mermaid(hostile()).splitlines():
        assert line.count('"') in (0, 2)
