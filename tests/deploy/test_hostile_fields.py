"""Text in any field of the file is refused with its place, or reaches the node as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from meshc.build.pipeline import compare_file, compile_file
from meshc.deploy.connect import sent_program
from meshc.deploy.plan.target import targets
from meshc.deploy.protocol import StageCandidate
from meshc.errors import Refused
from meshc.topology.language.schema.sections import SECTIONS
from tests.deploy.test_rollout import deploy
from tests.support.fakenode import FACTS, FakeNodes
from tests.support.fields import CANARY, COMMANDS, VALUES, Place, fields, placed, renamed

FIELDS = sorted(set(fields()), key=str)
# it fetches what meshc requires: to pack that here takes seconds
ELSEWHERE = replace(FACTS, meshc=replace(FACTS.meshc, soabi="another"))


def name(places: tuple[Place, ...], listed: bool) -> str:
    keys = "+".join(str(place[-1]) for place in places)
    return ".".join(map(str, (*places[0][:-1], keys))) + "[]" * listed


def together() -> Iterator[tuple[tuple[Place, ...], bool]]:
    """The fields of a section that take nearly every value, because a shell runs them, get each
    of them at once; every other field is alone."""
    found: dict[tuple[Any, ...], list[Place]] = {}
    for place, listed in FIELDS:
        section = place[:-1] if place[-1] in COMMANDS else place
        found.setdefault((section, listed), []).append(place)
    for (_, listed), places in found.items():
        yield tuple(places), listed


TOGETHER = list(together())


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
    wanted = {key for section in SECTIONS.values() for key in section.fields}
    assert wanted - found == {"deploy", "sites", "nodes"}  # they hold fields
    assert len(FIELDS) > 150
    assert (
        sorted(((place, listed) for many, listed in TOGETHER for place in many), key=str) == FIELDS
    )


@pytest.mark.parametrize(("places", "listed"), TOGETHER, ids=[name(*one) for one in TOGETHER])
def test_a_value_is_refused_or_sent_as_it_is(
    tmp_path: Path, places: tuple[Place, ...], listed: bool
) -> None:
    """Through the whole way but the connection: no value is ever part of a command."""

    def tree(value: str, *places: Place) -> dict[str, Any]:
        return placed([value] if listed else value, *places)

    for value in VALUES:
        if not _is_sent_as_it_is(tmp_path, tree(value, *places)) and len(places) > 1:
            for place in places:
                _is_sent_as_it_is(tmp_path, tree(value, place))
    assert not Path(CANARY).exists()


@pytest.mark.parametrize("section", ["nodes", "sites", "groups"])
def test_a_name_is_refused_or_sent_as_it_is(tmp_path: Path, section: str) -> None:
    for value in VALUES:
        _is_sent_as_it_is(tmp_path, renamed(section, value))
    assert not Path(CANARY).exists()


def _is_sent_as_it_is(directory: Path, tree: dict[str, Any]) -> bool:
    """False: it was refused."""
    file = accepted(_unused(directory), tree)
    if file is not None:
        _sent_as_it_is(file)
    return file is not None


def _unused(directory: Path) -> Path:
    """The last one, where a file that was refused has left nothing but itself; else a new one."""
    number = len(list(directory.iterdir()))
    last = directory / str(number)
    return last if last.is_dir() and len(list(last.iterdir())) == 1 else directory / str(number + 1)


def _sent_as_it_is(file: Path) -> None:
    found = targets(compare_file(file))
    nodes = FakeNodes({(target.name, "facts"): ELSEWHERE for target in found})
    deploy(nodes, {target.name: target for target in found})
    assert set(nodes.argvs) == {sent_program.ARGV}
    sent = {node: one.conf for node, one in nodes.requests if isinstance(one, StageCandidate)}
    assert sent == {target.name: target.conf.reveal() for target in found}
    assert set(sent) == {target.name for target in found if target.plan.spec.deploy.host}
