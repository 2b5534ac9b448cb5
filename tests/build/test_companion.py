"""The prover beside the compiler: the same verdict from either, errors here, no process left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from meshc.build.companion import Companion, ForkedCompanion, LocalCompanion
from meshc.build.pipeline import compile_file
from meshc.build.proving import Emitted
from meshc.diagnostics import Diagnostics, Location
from meshc.errors import ConfError, Refused, StateError
from meshc.keys import PublicKey
from meshc.secret import SecretBytes
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock_text import parse_lock

COMPANIONS: list[Callable[[], Companion]] = [LocalCompanion, ForkedCompanion]
MESH = """\
meshc: 1
network: {name: test, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: hub.example.com}
  laptop: {}
  phone: {platform: ios}
"""


def children() -> list[str]:
    """The process ids of this process's children."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() == before


class Built(NamedTuple):
    """A network that was built: its file, its public keys, and what the companion is given."""

    mesh: Path
    keys: dict[str, PublicKey]
    files: list[Emitted]

    def begin(self, companion: Companion) -> None:
        companion.read(self.mesh)
        companion.topology()
        companion.expect(self.keys, {})


@pytest.fixture
def built(tmp_path: Path) -> Built:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH)
    compile_file(mesh)
    lock = parse_lock((tmp_path / "mesh.lock").read_text(), "mesh.lock", Diagnostics())
    assert lock is not None
    keys = {name: n.public_key for name, n in lock.nodes.items() if n.public_key is not None}
    files = [
        Emitted(name, f"{name}/wg0.conf", str(tmp_path / "build" / name / "wg0.conf"))
        for name in ("hub", "laptop", "phone")
    ]
    return Built(mesh, keys, files)


@pytest.mark.parametrize("make", COMPANIONS)
def test_the_topology_is_read(make: Callable[[], Companion], built: Built) -> None:
    """With its findings, and every setting knows its place in the file afterwards."""
    built.mesh.write_text(MESH.replace("{}", "{keepalive: 0}"))
    with closing(make()) as companion:
        companion.read(built.mesh)
        spec, found = companion.topology()
    diagnostics = Diagnostics()
    expected = load_spec(built.mesh.read_text(), file=str(built.mesh), diagnostics=diagnostics)
    assert spec == expected
    assert sorted(map(str, found)) == sorted(map(str, diagnostics))
    assert expected is not None
    for name, node in expected.nodes.items():
        assert dict(spec.nodes[name].locations) == dict(node.locations)
        assert node.at() is not None
        assert spec.nodes[name].at() == node.at()


@pytest.mark.parametrize("make", COMPANIONS)
def test_a_file_that_is_refused_is_refused_here(
    make: Callable[[], Companion], tmp_path: Path
) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH.replace("phone:", "hub:"))
    with closing(make()) as companion:
        companion.read(mesh)
        with pytest.raises(Refused) as refused:
            companion.topology()
    errors = [(d.code, d.location) for d in refused.value.diagnostics if d.code[0] == "E"]
    assert errors == [("E103", Location(str(mesh), 6, 3))]
    with closing(make()) as companion:
        companion.read(tmp_path / "none.yaml")
        with pytest.raises(StateError, match="there is no file") as missing:
            companion.topology()
    assert "meshc init" in missing.value.hint


@pytest.mark.parametrize("make", COMPANIONS)
def test_a_good_build_is_proven(make: Callable[[], Companion], built: Built) -> None:
    files = built.files
    with closing(make()) as companion:
        built.begin(companion)
        for file in files:
            companion.take(file)
        verdict = companion.verdict()
    assert verdict.holds
    assert verdict.pairs == {4: (6, 6, 4), 6: (6, 6, 4)}
    assert verdict.paths is not None
    assert verdict.paths["laptop", "phone"] == ("laptop", "hub", "phone")


def test_both_provers_say_the_same_of_a_bad_build(
    built: Built,
) -> None:
    """Also when the content is handed over, as in a dry run."""
    files = built.files
    broken = [
        file._replace(content=SecretBytes(file.text().replace("PostUp = ", "# ").encode()))
        for file in files
    ]
    verdicts = []
    for make in COMPANIONS:
        with closing(make()) as companion:
            built.begin(companion)
            for file in broken:
                companion.take(file)
            verdicts.append(companion.verdict())
    assert not verdicts[0].holds
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].findings[0].trace


@pytest.mark.parametrize("make", COMPANIONS)
def test_an_error_there_is_raised_here(make: Callable[[], Companion], built: Built) -> None:
    """With more files after it than fit into a pipe, and nobody left to read them."""
    files = built.files
    with closing(make()) as companion:
        built.begin(companion)
        companion.take(files[0]._replace(content=SecretBytes(b"[Interface]\nNonsense\n")))
        for _ in range(2000):
            companion.take(files[1])
        with pytest.raises(ConfError):
            companion.verdict()


def test_a_process_that_dies_is_told() -> None:
    with closing(ForkedCompanion()) as companion:
        os.kill(companion._child, 9)
        with pytest.raises(RuntimeError, match="has died"):
            companion.verdict()


def test_a_prover_that_is_not_asked_ends() -> None:
    with closing(ForkedCompanion()) as companion:
        child = companion._child
        os.kill(child, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
