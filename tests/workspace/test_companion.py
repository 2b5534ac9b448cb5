"""The prover beside the compiler: the same verdict from either, errors here, no process left."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meshc.diagnostics import Diagnostics
from meshc.errors import ConfError
from meshc.topology.load import load_spec
from meshc.topology.lock import parse_lock
from meshc.topology.verify import Expectation, expectation
from meshc.workspace.companion import Companion, ForkedCompanion, LocalCompanion
from meshc.workspace.compile import compile_file
from meshc.workspace.proving import Emitted

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


@pytest.fixture
def built(tmp_path: Path) -> tuple[Expectation, list[Emitted]]:
    (tmp_path / "mesh.yaml").write_text(MESH)
    compile_file(tmp_path / "mesh.yaml")
    diagnostics = Diagnostics()
    spec = load_spec(MESH, file="mesh.yaml", diagnostics=diagnostics)
    lock = parse_lock((tmp_path / "mesh.lock").read_text(), "mesh.lock", diagnostics)
    assert spec is not None
    assert lock is not None
    keys = {name: n.public_key for name, n in lock.nodes.items() if n.public_key is not None}
    files = [
        Emitted(name, f"{name}/wg0.conf", str(tmp_path / "build" / name / "wg0.conf"))
        for name in ("hub", "laptop", "phone")
    ]
    return expectation(spec, public_keys=keys), files


@pytest.mark.parametrize("make", COMPANIONS)
def test_a_good_build_is_proven(
    make: Callable[[], Companion], built: tuple[Expectation, list[Emitted]]
) -> None:
    wanted, files = built
    with closing(make()) as companion:
        companion.expect(wanted)
        for file in files:
            companion.take(file)
        verdict = companion.verdict()
    assert verdict.holds
    assert verdict.pairs == {4: (6, 6, 4), 6: (6, 6, 4)}
    assert verdict.paths is not None
    assert verdict.paths["laptop", "phone"] == ("laptop", "hub", "phone")


def test_both_provers_say_the_same_of_a_bad_build(
    built: tuple[Expectation, list[Emitted]],
) -> None:
    """Also when the content is handed over, as in a dry run."""
    wanted, files = built
    broken = [
        file._replace(content=file.text().replace("PostUp = ", "# ").encode()) for file in files
    ]
    verdicts = []
    for make in COMPANIONS:
        with closing(make()) as companion:
            companion.expect(wanted)
            for file in broken:
                companion.take(file)
            verdicts.append(companion.verdict())
    assert not verdicts[0].holds
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].findings[0].trace


@pytest.mark.parametrize("make", COMPANIONS)
def test_an_error_there_is_raised_here(
    make: Callable[[], Companion], built: tuple[Expectation, list[Emitted]]
) -> None:
    """With more files after it than fit into a pipe, and nobody left to read them."""
    wanted, files = built
    with closing(make()) as companion:
        companion.expect(wanted)
        companion.take(files[0]._replace(content=b"[Interface]\nNonsense\n"))
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
    with closing(ForkedCompanion()):
        pass


def test_the_expectation_travels_whole(built: tuple[Expectation, list[Emitted]]) -> None:
    assert pickle.loads(pickle.dumps(built[0])) == built[0]
