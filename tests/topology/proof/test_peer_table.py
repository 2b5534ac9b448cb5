"""Numbered sections and peers give the same peer table, also for files that nobody should write."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from meshc.render.wgquick import WgQuickRenderer
from meshc.topology.planner.mesh_plan import MeshPlan
from meshc.topology.proof.expectation import NodeFile, expectation
from meshc.topology.proof.peer_table import MeshPeerTable, read_peer_table
from meshc.wg.conf import ConfReader, parse
from tests.support.keyed_plans import full_mesh, secrets_of, small_plan

Change = Callable[[str], str]
CHANGES: dict[str, Change] = {
    "as emitted": lambda text: text,
    "a section twice": lambda text: text + "\n[Peer]\n" + text.split("\n[Peer]\n")[1],
    "a key twice": lambda text: (
        text + "\n[Peer]\n" + text.split("\n[Peer]\n")[1].replace("AllowedIPs", "# AllowedIPs")
    ),
    "host bits": lambda text: text.replace("/128", "/64"),
    "no pre-shared key": lambda text: "".join(
        line for line in text.splitlines(keepends=True) if "PresharedKey" not in line
    ),
    "a comment between": lambda text: text.replace("[Peer]", "# hello\n[Peer]"),
    "an unusual spelling": lambda text: text.replace("PublicKey = ", "publickey=", 1),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("plan", [full_mesh(5), small_plan()], ids=["mesh", "star"])
def test_numbered_sections_and_peers_give_the_same_table(plan: MeshPlan, change: str) -> None:
    secrets, reader = secrets_of(plan), ConfReader()
    renderer = WgQuickRenderer(plan, secrets)
    texts = {
        name: CHANGES[change](renderer.render(node).decode()) for name, node in plan.nodes.items()
    }
    wanted = expectation(plan.spec)
    plain = read_peer_table((NodeFile(name, parse(text)) for name, text in texts.items()), wanted)
    fib = read_peer_table(
        (NodeFile(name, *reader.read_table(text)) for name, text in texts.items()), wanted
    )
    _equal(fib, plain)


def _equal(one: MeshPeerTable, other: MeshPeerTable) -> None:
    for field in ("start", "to", "keepalive", "line", "psk"):
        assert np.array_equal(getattr(one, field), getattr(other, field)), field
    for field in ("names", "repeated", "host_bits", "twins"):
        assert getattr(one, field) == getattr(other, field), field
    for table in (one, other):
        assert len(table.psk) == len(table.to) == table.start[-1]
    sets = [[c.allowed_sets[n] for n in c.allowed] for c in (one, other)]
    ends = [[None if n < 0 else c.endpoints[n] for n in c.endpoint] for c in (one, other)]
    assert sets[0] == sets[1]
    assert ends[0] == ends[1]
