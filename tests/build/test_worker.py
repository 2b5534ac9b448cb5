"""The prover beside the compiler: the same verdict from either, errors here, no process left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from meshc.build.pipeline import compile_file
from meshc.build.worker import EmittedFile, ForkedWorker, InlineWorker, Promises, Worker, _portable
from meshc.diagnostics import Diagnostics, Location
from meshc.errors import ConfError, Refused, StateError
from meshc.keys import PublicKey
from meshc.secret import SecretBytes
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock_text import parse_lock
from tests.support.workspaces import snapshot

WORKERS: list[Callable[[], Worker]] = [InlineWorker, ForkedWorker]
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
    """A network that was built: its file, its public keys, and what the worker is given."""

    mesh: Path
    keys: dict[str, PublicKey]
    files: list[EmittedFile]

    def begin(self, worker: Worker) -> None:
        worker.read(self.mesh)
        worker.topology()
        worker.promise(Promises(self.keys, {}))


@pytest.fixture
def built(tmp_path: Path) -> Built:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH)
    compile_file(mesh)
    lock = parse_lock((tmp_path / "mesh.lock").read_text(), "mesh.lock", Diagnostics())
    assert lock is not None
    keys = {name: n.public_key for name, n in lock.nodes.items() if n.public_key is not None}
    files = [
        EmittedFile(name, f"{name}/wg0.conf", str(tmp_path / "build" / name / "wg0.conf"))
        for name in ("hub", "laptop", "phone")
    ]
    return Built(mesh, keys, files)


@pytest.mark.parametrize("make", WORKERS)
def test_the_topology_is_read(make: Callable[[], Worker], built: Built) -> None:
    """With its findings, and every setting knows its place in the file afterwards."""
    built.mesh.write_text(MESH.replace("{}", "{keepalive: 0}"))
    with closing(make()) as worker:
        worker.read(built.mesh)
        spec, found = worker.topology()
    diagnostics = Diagnostics()
    expected = load_spec(built.mesh.read_text(), file=str(built.mesh), diagnostics=diagnostics)
    assert spec == expected
    assert sorted(map(str, found)) == sorted(map(str, diagnostics))
    assert expected is not None
    for name, node in expected.nodes.items():
        assert dict(spec.nodes[name].locations) == dict(node.locations)
        assert node.at() is not None
        assert spec.nodes[name].at() == node.at()


@pytest.mark.parametrize("make", WORKERS)
def test_a_file_that_is_refused_is_refused_here(make: Callable[[], Worker], tmp_path: Path) -> None:
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(MESH.replace("phone:", "hub:"))
    with closing(make()) as worker:
        worker.read(mesh)
        with pytest.raises(Refused) as refused:
            worker.topology()
    errors = [(d.code, d.location) for d in refused.value.diagnostics if d.code[0] == "E"]
    assert errors == [("E103", Location(str(mesh), 6, 3))]
    with closing(make()) as worker:
        worker.read(tmp_path / "none.yaml")
        with pytest.raises(StateError, match="there is no file") as missing:
            worker.topology()
    assert "meshc init" in missing.value.hint


@pytest.mark.parametrize("make", WORKERS)
def test_a_good_build_is_proven(make: Callable[[], Worker], built: Built) -> None:
    files = built.files
    with closing(make()) as worker:
        built.begin(worker)
        verdict = worker.prove(files)
    assert verdict.holds
    assert verdict.pairs == {4: (6, 6, 4, 0, 0), 6: (6, 6, 4, 0, 0)}
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
    for make in WORKERS:
        with closing(make()) as worker:
            built.begin(worker)
            verdicts.append(worker.prove(broken))
    assert not verdicts[0].holds
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].findings[0].trace


@pytest.mark.parametrize("make", WORKERS)
def test_an_error_there_is_raised_here(make: Callable[[], Worker], built: Built) -> None:
    """With more files after it than fit into a pipe, and nobody left to read them."""
    files = built.files
    with closing(make()) as worker:
        built.begin(worker)
        broken = files[0]._replace(content=SecretBytes(b"[Interface]\nNonsense\n"))
        with pytest.raises(ConfError):
            worker.prove([broken, *[files[1]] * 2000])


def test_a_process_that_dies_is_told() -> None:
    with closing(ForkedWorker()) as worker:
        os.kill(worker._child, 9)
        with pytest.raises(RuntimeError, match="has died"):
            worker.topology()


def test_one_that_is_not_asked_is_gone_after_close() -> None:
    with closing(ForkedWorker()) as worker:
        child = worker._child
        os.kill(child, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    worker.close()


def test_an_error_that_cannot_travel_is_told_all_the_same(built: Built) -> None:
    """What cannot be pickled comes back as its words."""

    class OfHere(Exception):
        pass

    assert str(_portable(OfHere("why"))) == "OfHere: why"
    known = StateError("why", hint="how")
    assert _portable(known) is known


def test_a_build_is_the_same_with_either(built: Built) -> None:
    before = snapshot(built.mesh.parent)
    results = []
    for make in WORKERS:
        with closing(make()) as worker:
            worker.read(built.mesh)
            results.append(compile_file(built.mesh, worker=worker))
            assert snapshot(built.mesh.parent) == before
    assert results[0] == results[1]


def test_no_content_is_shown(built: Built) -> None:
    secret = built.files[0].text()
    assert "PrivateKey" in secret
    assert "PrivateKey" not in repr(built.files[0]._replace(content=SecretBytes(secret.encode())))
