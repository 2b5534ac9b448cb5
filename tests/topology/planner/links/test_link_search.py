"""The search looks at kinds of nodes, not at pairs of them. What it finds: `test_graph`."""

from __future__ import annotations

import pytest

from meshc.topology.language.spec import NodeSpec
from meshc.topology.planner.links import link_search
from meshc.topology.planner.links.link_search import find_neighbours
from tests.support.specs import node


def leaves_and_relays(count: int) -> list[NodeSpec]:
    relays = [node(f"r{i}", relay=True, endpoint=f"198.51.100.{i + 1}") for i in range(3)]
    return [*(node(f"n{i:05}") for i in range(count)), *relays]


@pytest.mark.parametrize("count", [10, 3000])
def test_the_work_does_not_grow_with_the_leaves(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    real = link_search.directions

    def counting(a: NodeSpec, b: NodeSpec) -> object:
        looks.append(1)
        return real(a, b)

    monkeypatch.setattr(link_search, "directions", counting)
    rows = find_neighbours(leaves_and_relays(count), {})
    assert len(looks) == 4
    assert sum(map(len, rows)) == 2 * (3 * count + 3)


def test_equal_rows_are_one_object() -> None:
    rows = find_neighbours(leaves_and_relays(50), {})
    assert rows[0] is rows[49]
