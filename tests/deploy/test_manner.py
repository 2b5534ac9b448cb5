"""Which supervisor and engine a node gets."""

from __future__ import annotations

from typing import Any

import pytest

from meshc.deploy.manner import ENGINE, USERSPACE, choose
from meshc.topology.spec import Deploy
from tests.support.deploys import TOOLS, empty

MESHC = TOOLS | {"meshc", "meshc-engine"}


@pytest.mark.parametrize(
    ("deploy", "facts", "name", "env", "lacks"),
    [
        ({}, {}, "wg-quick", {}, ()),
        ({}, {"systemd": True}, "wg-quick@", {}, ()),
        ({}, {"kernel": False, "tools": TOOLS | {"wireguard-go"}}, "wg-quick", {}, ()),
        ({}, {"kernel": False, "tools": MESHC}, "wg-quick", {USERSPACE: "meshc-engine"}, ()),
        ({}, {"tools": MESHC - {"wg-quick"}}, "meshc", {}, ()),
        ({}, {"tools": frozenset({"ip"})}, "wg-quick", {}, ("wg", "wg-quick")),
        ({"engine": "kernel"}, {"kernel": False}, "wg-quick", {}, ("WireGuard in the kernel",)),
        ({"engine": "bundled"}, {"tools": MESHC}, "meshc", {ENGINE: "bundled"}, ()),
        ({"engine": "/opt/e"}, {"kernel": False}, "wg-quick", {USERSPACE: "/opt/e"}, ()),
        ({"supervisor": "systemd"}, {"systemd": True, "tools": MESHC}, "meshc@", {}, ()),
        ({"supervisor": "systemd"}, {"tools": MESHC}, "meshc", {}, ("systemd",)),
        ({"supervisor": "meshc"}, {"systemd": True, "tools": MESHC}, "meshc", {}, ()),
        ({"supervisor": "meshc"}, {}, "meshc", {}, ("meshc",)),
    ],
)
def test_the_choice(
    deploy: dict[str, Any],
    facts: dict[str, Any],
    name: str,
    env: dict[str, str],
    lacks: tuple[str, ...],
) -> None:
    found = choose(Deploy(**deploy), empty(**facts))
    assert (found.name, dict(found.env), found.lacks) == (name, env, lacks)
