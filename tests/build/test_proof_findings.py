"""What the proof finds in a file is told at the line of the topology that caused it."""

from __future__ import annotations

import pytest

from meshc.build.proof_findings import placed
from meshc.diagnostics import Diagnostic, Location
from tests.support.specs import FILE, node, spec

SPEC = spec([node("a.b", endpoint="a.example"), node("c")])
SEEN = Location("a.b/wg0.conf", 7, 1)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("nodes.a.b", 10),
        ("nodes.a.b.endpoint", 12),
        ("nodes.c.mtu", 20),
        ("nodes.nobody", 1),
        ("", 1),
    ],
)
def test_at_the_key_or_the_node_else_at_the_file(path: str, line: int) -> None:
    (found,) = placed([Diagnostic("E417", "m", SEEN, path)], SPEC, [])
    assert found.location is not None
    assert (found.location.file, found.location.line) == (FILE, line)
    assert found.trace == ("seen in what would be a.b/wg0.conf:7:1",)


def test_what_has_a_place_in_the_topology_keeps_it() -> None:
    told = Diagnostic("E419", "m", Location(FILE, 33, 5), "tests[0]")
    assert list(placed([told], SPEC, [])) == [told]


def test_what_the_graph_has_said_is_not_said_again() -> None:
    again = Diagnostic("W418", "m", None, "nodes.c")
    other = Diagnostic("W418", "m", None, "nodes.a.b")
    known = [Diagnostic("W220", "m", Location(FILE, 20, 1), "nodes.c.role")]
    assert [found.path for found in placed([again, other], SPEC, known)] == ["nodes.a.b"]
