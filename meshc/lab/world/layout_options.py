"""The layout's options: what a user may ask of the simulated internet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meshc.lab.world.places import Shape


class LayoutOptions(NamedTuple):
    """Beside the `lab:` section of the file.

    `shapes` maps a cable (a node's or a site's name) to its shape, `shape` is for every uplink
    that nothing else is said about; `carrier` names the sites and lone nodes that sit behind a
    carrier's NAT as well, `accepting` those whose router lets strangers' packets in to itself.
    """

    shape: Shape = Shape()
    shapes: Mapping[str, Shape] = {}
    carrier: frozenset[str] = frozenset()
    accepting: frozenset[str] = frozenset()


PLAIN = LayoutOptions()
