"""Sections with mistakes keep what is right about them."""

from __future__ import annotations

from meshc.diagnostics import Diagnostics
from meshc.topology.language.read.document import Document, format_path, read_document
from meshc.topology.language.read.yaml_reader import parse_source

HEAD = "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\n"


def read(text: str) -> tuple[Document, list[str]]:
    diagnostics = Diagnostics()
    source = parse_source(text, "f.yaml", diagnostics)
    assert source is not None
    document = read_document(source, diagnostics)
    assert document is not None
    return document, [found.code for found in diagnostics]


def test_paths() -> None:
    assert format_path(("nodes", "public-server1", "routes", 0)) == "nodes.public-server1.routes[0]"
    assert format_path(("nodes", "a b", "x\n")) == r"nodes.'a b'.'x\n'"
    assert format_path(()) == ""


def test_a_node_loses_only_the_keys_that_are_wrong() -> None:
    document, codes = read(
        HEAD + "nodes: {a: {mtu: big, keepalive: 5, foo: 1, dns: [1.1.1.1, '?']}}"
    )
    assert document.nodes == {"a": {"keepalive": 5}}
    assert codes == ["E112", "E110", "E117"]
    assert document.damaged == {("nodes", "a")}


def test_a_link_or_test_that_is_wrong_is_left_out_and_the_others_keep_their_numbers() -> None:
    document, codes = read(
        HEAD + "nodes: {a: , b: }\nlinks:\n- {endpoints: [a, b], foo: 1}\n- {endpoints: [a, b]}\n"
        "tests: [5, {from: a, to: b}]\n"
    )
    assert [index for index, _ in document.links] == [1]
    assert [index for index, _ in document.tests] == [1]
    assert codes == ["E110", "E112"]


def test_empty_sections_are_sections() -> None:
    document, codes = read(HEAD + "nodes:\nsites:\ngroups:\nlinks:\ntests:\ndefaults:\nlab:\n")
    assert document.nodes == document.sites == document.groups == document.defaults == {}
    assert codes == []


def test_a_group_is_a_list_a_text_or_a_mapping() -> None:
    document, codes = read(
        HEAD + "nodes: {a: , b: }\ngroups: {x: [a, b], y: 'a, b', z: {members: [a, b]}}"
    )
    assert all(group == {"members": ["a", "b"]} for group in document.groups.values())
    assert codes == []


def test_without_a_mapping_there_is_no_document() -> None:
    for text in ("", "a", "[a]", "5"):
        diagnostics = Diagnostics()
        source = parse_source(text, "f", diagnostics)
        assert source is not None
        assert read_document(source, diagnostics) is None
        assert [found.code for found in diagnostics] == ["E112"]
