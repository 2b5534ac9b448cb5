"""Where the relays run agents, every leaf lives with one of them, and others stand by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.spec import LinkSpec, NodeSpec, Spec
from meshc.topology.planner.links.mesh_graph import MeshGraph, build_graph
from tests.support import healing, specs


def graph(spec: Spec) -> MeshGraph:
    return build_graph(spec, Diagnostics())


def test_a_leaf_has_its_home_and_a_session_with_the_others() -> None:
    found = graph(specs.spec(healing.nodes()))
    near = {
        name: [found.names[j] for j in found.neighbours[i]] for i, name in enumerate(found.names)
    }
    assert near == {"a": ["r1"], "b": ["r2"], "phone": ["r1"], "r1": ["a", "phone", "r2"],
                    "r2": ["b", "r1"]}  # fmt: skip
    idle = {found.names[i]: [found.names[j] for j in row] for i, row in enumerate(found.standby)}
    assert idle == {"a": ["r2"], "b": ["r1"], "phone": [], "r1": ["b"], "r2": ["a"]}


def test_the_order_is_that_of_via_and_else_a_stable_one() -> None:
    relays = [
        specs.node(f"r{i}", relay=True, endpoint=f"r{i}.example", agent=True) for i in range(4)
    ]
    found = graph(specs.spec([*relays, healing.leaf("a", via=("r3", "r1", "r0", "r2"))]))
    assert [found.names[j] for j in found.standby[found.number["a"]]] == ["r1", "r0", "r2"]
    leaves = [healing.leaf(f"l{i}") for i in range(40)]
    found = graph(specs.spec([*relays, *leaves]))
    again = graph(specs.spec([*reversed(leaves), *relays]))
    assert found.standby == again.standby
    after = {found.standby[found.number[leaf.name]] for leaf in leaves}
    assert len(after) > 4, "the leaves of a dead relay do not all go to the same one"


def test_who_uses_a_relay_as_its_exit_stays_with_it() -> None:
    both = [
        specs.node(f"r{i}", relay=True, endpoint=f"r{i}.example", agent=True, exit_node=i == 1)
        for i in (1, 2)
    ]
    found = graph(specs.spec([*both, healing.leaf("a", exit="r1"), healing.leaf("b")]))
    assert found.standby[found.number["a"]] == ()
    assert [found.names[j] for j in found.neighbours[found.number["a"]]] == ["r1"]


def with_agents(*names: str) -> list[NodeSpec]:
    return [replace(node, agent=node.name in names) for node in healing.nodes()]


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (specs.spec(with_agents()), "no node runs an agent"),
        (specs.spec(with_agents("r1", "a")), "relay 'r2' runs none"),
        (specs.spec(with_agents("r1", "r2")), "no node but relays runs one"),
        (specs.spec(with_agents("r1", "r2", "a", "b")[1:]), "there is no second relay"),
        (
            specs.spec(healing.nodes(), links=[LinkSpec("r1", "r2", direct=False)]),
            "relays 'r1' and 'r2' have no link",
        ),
    ],
)
def test_else_nothing_changes(spec: Spec, why: str) -> None:
    found = graph(spec)
    without = graph(
        replace(spec, nodes={n: replace(x, agent=False) for n, x in spec.nodes.items()})
    )
    assert found.rigid == why
    assert found.standby == ()
    assert found.neighbours == without.neighbours


def test_why_a_leaf_has_no_link_to_a_relay_that_stands_by_is_said() -> None:
    found = graph(specs.spec(healing.nodes()))
    words = "a lives with another relay, and with r2 if that dies"
    assert found.why_not("a", "r2") == found.why_not("r2", "a") == words
