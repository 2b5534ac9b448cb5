"""Which supervisor and engine a node gets."""

from __future__ import annotations

from typing import Any

import pytest

from meshc.deploy.bundle import Bundle
from meshc.deploy.plan.supervisor_choice import ENGINE, PROGRAM, USERSPACE, choose
from meshc.topology.language.spec import Deploy
from tests.support.deploys import TOOLS, empty, programs_of

OWN = "/opt/meshc/interfaces/wg7/bin/meshc-engine"
OURS = "/opt/meshc/interfaces/wg7/bin/meshc"
STOCK = "/usr/bin/meshc-engine"
OLD = {"python": (3, 9, 2)}
TOO_OLD = ("Python 3.11 or later for meshc (it has 3.9.2)",)
HERE = Bundle("1.2", "cpython-311-x86_64-linux-gnu", (2, 34), {}, {}, frozenset())
MESHC = TOOLS | {"meshc", "meshc-engine"}


@pytest.mark.parametrize(
    ("deploy", "facts", "name", "env", "lacks"),
    [
        ({}, {}, "wg-quick", {}, ()),
        ({}, {"systemd": True}, "wg-quick@", {}, ()),
        ({}, {"kernel": False, "tools": TOOLS | {"wireguard-go"}}, "wg-quick", {}, ()),
        (
            {},
            {"kernel": False, "tools": MESHC},
            "wg-quick",
            {USERSPACE: STOCK},
            (),
        ),
        ({}, {"tools": MESHC - {"wg-quick"}}, "meshc", {}, ()),
        ({}, {"tools": frozenset({"ip"})}, "wg-quick", {}, ("wg", "wg-quick")),
        ({"engine": "kernel"}, {"kernel": False}, "wg-quick", {}, ("WireGuard in the kernel",)),
        ({"engine": "bundled"}, {"tools": MESHC}, "meshc", {ENGINE: "bundled"}, ()),
        ({"engine": "/opt/e"}, {"kernel": False}, "wg-quick", {USERSPACE: "/opt/e"}, ()),
        ({"supervisor": "systemd"}, {"systemd": True, "tools": MESHC}, "meshc@", {}, ()),
        ({"watch": False}, {"systemd": True}, "wg-quick@", {"MESHC_WATCH": "off"}, ()),
        ({"watch": False}, {}, "wg-quick", {}, ()),
        ({"supervisor": "systemd"}, {"tools": MESHC}, "meshc", {}, ("systemd",)),
        ({"supervisor": "meshc"}, {"systemd": True, "tools": MESHC}, "meshc", {}, ()),
        ({"supervisor": "meshc"}, {}, "meshc", {}, ()),
        ({"supervisor": "meshc"}, {"tools": frozenset({"ip"})}, "meshc", {}, ("wg",)),
        ({"supervisor": "systemd"}, {"systemd": True}, "meshc@", {PROGRAM: OURS}, ()),
        ({"supervisor": "meshc"}, OLD, "meshc", {}, TOO_OLD),
        ({}, {"kernel": False}, "wg-quick", {USERSPACE: OWN}, ()),
        ({}, {"kernel": False, **OLD}, "wg-quick", {USERSPACE: OWN}, TOO_OLD),
        ({"engine": "bundled"}, {}, "meshc", {ENGINE: "bundled"}, ()),
        ({"engine": "bundled"}, {"kernel": False}, "wg-quick", {USERSPACE: OWN}, ()),
    ],
)
def test_the_choice(
    deploy: dict[str, Any],
    facts: dict[str, Any],
    name: str,
    env: dict[str, str],
    lacks: tuple[str, ...],
) -> None:
    found = choose(Deploy(**deploy), empty(**facts), "wg7", offer=lambda: HERE)
    assert (found.supervisor.value, dict(found.env), found.lacks) == (name, env, lacks)


@pytest.mark.parametrize("tool", ["meshc", "meshc-engine"])
def test_what_the_machine_has_goes_before_what_we_bring(tool: str) -> None:
    deploy = Deploy(supervisor="meshc") if tool == "meshc" else Deploy(engine="bundled")
    stock = programs_of(TOOLS)
    theirs = empty(kernel=False, programs={**stock, tool: f"/usr/local/bin/{tool}"})
    assert choose(deploy, theirs, "wg7", offer=lambda: HERE).meshc is None
    ours = empty(kernel=False, programs={**stock, tool: f"/opt/meshc/interfaces/wg7/bin/{tool}"})
    found = choose(deploy, ours, "wg7", offer=lambda: HERE).meshc
    assert found is not None
    assert found.identity == "1.2-cpython-311-x86_64-linux-gnu"


def test_a_node_whose_agent_has_paths_to_keep_is_run_by_meshc() -> None:
    """wg-quick's unit would start no agent; who asks for it all the same gets it."""
    facts = empty(systemd=True, tools=MESHC)
    assert (
        choose(Deploy(), facts, "wg7", offer=lambda: HERE, agent=True).supervisor.value == "meshc@"
    )
    asked = choose(Deploy(supervisor="wg-quick"), facts, "wg7", offer=lambda: HERE, agent=True)
    assert asked.supervisor.value == "wg-quick@"
