"""Text in any field of the file is refused with its place, or reaches the node as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshc.deploy import program
from meshc.deploy.target import targets
from meshc.errors import Refused
from meshc.topology.schema import SECTIONS, known_keys
from meshc.workspace.compile import compile_file
from tests.deploy.test_rollout import deploy
from tests.support.fakenode import FakeNodes
from tests.support.fields import CANARY, VALUES, Place, fields, placed, renamed

FIELDS = sorted(set(fields()), key=str)


def name(place: Place, listed: bool) -> str:
    return ".".join(map(str, place)) + "[]" * listed


def accepted(directory: Path, tree: dict[str, Any]) -> Path | None:
    """The file of a topology that can be built; else there was a diagnostic."""
    directory.mkdir(exist_ok=True)
    file = directory / "mesh.yaml"
    file.write_text(json.dumps(tree))
    try:
        compile_file(file)
    except Refused:  # it always comes with diagnostics
        return None
    return file


def test_every_key_of_the_language_is_among_the_fields() -> None:
    found = {place[-1] for place, _ in FIELDS}
    wanted = {key for section in SECTIONS for key in known_keys(section)}
    assert wanted - found == {"deploy", "sites", "nodes"}  # they hold fields
    assert len(FIELDS) > 150


@pytest.mark.parametrize(("place", "listed"), FIELDS, ids=[name(*one) for one in FIELDS])
def test_a_value_is_refused_or_sent_as_it_is(tmp_path: Path, place: Place, listed: bool) -> None:
    """Through the whole way but the connection: no value is ever part of a command."""
    for number, value in enumerate(VALUES):
        where = tmp_path / str(number)
        file = accepted(where, placed(place, [value] if listed else value))
        if file is not None:
            _sent_as_it_is(file)
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("section", ["nodes", "sites", "groups"])
def test_a_name_is_refused_or_sent_as_it_is(tmp_path: Path, section: str) -> None:
    for number, value in enumerate(VALUES):
        file = accepted(tmp_path / str(number), renamed(section, value))
        if file is not None:
            _sent_as_it_is(file)
    assert not Path(CANARY).exists()


def _sent_as_it_is(file: Path) -> None:
    nodes = FakeNodes()
    found = targets(compile_file(file, dry_run=True))
    deploy(nodes, {target.name: target for target in found})
    assert set(nodes.argvs) == {program.ARGV}
    sent = {node: one["conf"] for node, one in nodes.requests if one["verb"] == "arm"}
    assert sent == {target.name: target.conf for target in found}
    assert set(sent) == {target.name for target in found if target.plan.spec.deploy.host}
