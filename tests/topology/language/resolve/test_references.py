"""Names in a file and the nodes they mean."""

from __future__ import annotations

import pytest

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import read_document
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.topology.language.resolve.references import References

TEXT = """\
meshc: 1
network: {name: demo, addresses: 10.44.0.0/24}
nodes: {a: {direct: [b, nobody]}, b: {}, c: {}}
groups: {g: [b, c], h: {members: [c, ghost]}}
"""


@pytest.fixture
def references() -> References:
    source = parse_source(TEXT, "f", Diagnostics())
    assert source is not None
    document = read_document(source, Diagnostics())
    assert document is not None
    return References(document, Diagnostics())


def test_nodes_and_groups_become_nodes_each_once_in_order(references: References) -> None:
    assert references.nodes(["c", "g", "a", "h"], ()) == ("c", "b", "a")
    assert len(references.diagnostics) == 0


def test_an_unknown_name_is_reported_at_its_place(references: References) -> None:
    assert references.nodes(["b", "nobody"], ("nodes", "a", "direct")) == ("b",)
    (found,) = references.diagnostics
    assert (found.code, found.path) == ("E130", "nodes.a.direct[1]")
    assert found.location is not None
    assert (found.location.line, found.location.column) == (3, 25)


def test_a_group_is_no_node(references: References) -> None:
    assert references.node("g", ("nodes", "a")) is None
    assert [found.message for found in references.diagnostics] == [
        "'g' is a group; one node is meant here"
    ]


def test_members_that_do_not_exist_are_left_out(references: References) -> None:
    assert references.members("h") == ("c",)
