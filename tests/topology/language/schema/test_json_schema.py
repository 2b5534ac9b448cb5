"""The schema for editors says the same as the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from meshc.diagnostics import Diagnostics
from meshc.topology.language.load import load_spec
from meshc.topology.language.read.yaml_reader import parse_source
from meshc.topology.language.schema import sections
from meshc.topology.language.schema.json_schema import json_schema, json_schema_text
from tests.support.hostile import places, put, values

EXAMPLES = sorted(Path("examples/topologies").glob("*/mesh.yaml"))
TREES = [
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in EXAMPLES
    if path.parent.name != "large"
]
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def data_of(text: str) -> Any:
    source = parse_source(text, "f", Diagnostics())
    assert source is not None
    return source.data


def test_the_file_in_the_repository_is_current() -> None:
    """Run `meshc schema > docs/meshc.schema.json` after a change of the language."""
    assert json_schema_text() == Path("docs/meshc.schema.json").read_text(encoding="utf-8")


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_conform(path: Path) -> None:
    VALIDATOR.validate(data_of(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("section", sorted(sections.SECTIONS))
def test_every_key_is_described(section: str) -> None:
    name = sections.SECTIONS[section].name
    properties = json_schema()["$defs"][name]["properties"]
    assert set(properties) == set(sections.SECTIONS[section].fields)
    assert [
        key for key, value in properties.items() if len(value.get("description", "")) < 10
    ] == []


@pytest.mark.parametrize(
    "fragment",
    [
        "nodes: {a: {mtu: 5}}", "nodes: {a: {mtu: big}}", "nodes: {a: {listen_port: 0}}",
        "nodes: {a: {nat: fullcone}}", "nodes: {a: {foo: 1}}", "nodes: {a: {platform: Linux}}",
        "nodes: {a: {exit_node: yes}}", "nodes: {'a b': {}}", "nodes: {'-a': {}}", "nodes: []",
        "nodes: {a: {public_key: short}}", "nodes: {a: {private_key_file: x}}",
        "nodes: {a: {deploy: {host: [a]}}}", "nodes: {a: {}}\nlinks: [{direct: true}]",
        "nodes: {a: {}}\ntests: [{from: a}]", "nodes: {a: {}}\nnetworks: {}",
        "nodes: {a: {underlay: [ipv5]}}", "nodes: {a: {}}\ngroups: {g: {endpoint: x}}",
    ],
)  # fmt: skip
def test_what_the_schema_refuses_the_loader_refuses(fragment: str) -> None:
    text = f"meshc: 1\nnetwork: {{name: x, addresses: [10.0.0.0/8]}}\n{fragment}\n"
    assert not VALIDATOR.is_valid(data_of(text))
    assert load_spec(text, file="f", diagnostics=Diagnostics()) is None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_the_loader_reads_the_schema_accepts(data: st.DataObject) -> None:
    """Examples with a few values replaced; most are refused by both."""
    tree = json.loads(json.dumps(data.draw(st.sampled_from(TREES))))
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(sorted(places(tree), key=repr)))
        put(tree, place, data.draw(values))
    text = json.dumps(tree)
    diagnostics = Diagnostics()
    if load_spec(text, file="f", diagnostics=diagnostics) is not None:
        VALIDATOR.validate(data_of(text))


def test_it_is_json_and_ends_with_a_newline() -> None:
    assert json_schema_text().endswith("}\n")
    assert json.loads(json_schema_text())["$schema"].endswith("2020-12/schema")


def test_every_key_has_an_example() -> None:
    """`examples/topologies/every-key` shows each key of the language once."""
    tree = yaml.safe_load(Path("examples/topologies/every-key/mesh.yaml").read_text("utf-8"))
    used: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            used.update(value)
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(tree)
    names = sections.SECTIONS.keys() - {"accept"}  # nothing in it deserves a warning
    every = {key for name in names for key in sections.SECTIONS[name].fields}
    assert every - used == set()
