"""The star drawn with texts that want out of their places, for the tests of each document."""

from __future__ import annotations

from dataclasses import replace

from meshc.render.diagram.picture import Picture, picture
from tests.support.plans import star

HOSTILE = "</script><img src=x onerror=alert(1)>\"\\]'&#{{ 7*7 }}"


def hostile() -> Picture:
    """The star with every text replaced by something that wants out of its place."""
    drawn = picture(star())
    nodes = tuple(
        replace(n, name=HOSTILE + str(i), site=HOSTILE if n.site else "", notes=(HOSTILE,))
        for i, n in enumerate(drawn.nodes)
    )
    return replace(drawn, title=HOSTILE, nodes=nodes, sites={HOSTILE: "symmetric"})
