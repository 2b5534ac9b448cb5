"""The outputs of one node: what it gets beside its wg-quick file, which is for Linux alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshc.topology.language.spec import Output, Platform

_LINUX = Platform.LINUX.value


def node_outputs(data: Mapping[str, Any]) -> tuple[Output, ...]:
    """In the order of `Output`, each once. `defaults` may well be for other nodes: where nothing
    is written, or another system runs, there are none."""
    if not data.get("managed", True) or data.get("platform", _LINUX) != _LINUX:
        return ()
    asked = {*data.get("outputs", ())}
    return tuple(output for output in Output if output.value in asked)
