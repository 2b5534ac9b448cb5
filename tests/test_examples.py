"""Every example builds to exactly the files that were read and approved.

`./dev test tests/test_examples.py --update-golden` writes them anew; read the difference before
you commit it. Keys are derived from names here, and never shown: what the golden files hold in
their place is `(hidden)`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from meshc.build.pipeline import compile_file
from meshc.keys import NetworkSecret, PrivateKey, clamp
from meshc.keystore.key_files import KeyFiles
from meshc.topology.planner.addressing.lock_text import Lock, format_lock

ROOT = Path(__file__).resolve().parent.parent
TOPOLOGIES = ROOT / "examples" / "topologies"
GOLDEN = ROOT / "tests" / "golden"
EXAMPLES = sorted(path.parent.name for path in TOPOLOGIES.glob("*/mesh.yaml"))
assert EXAMPLES, "no example"

# Of the large example only these are kept; its manifest holds the hashes of the rest.
LARGE = ("manifest.json", "hosts", "relay-asia/wg0.conf", "leaf000/wg0.conf", "leaf000/node.json")


def private_key(name: str) -> PrivateKey:
    """A key that depends on the name alone. Only for tests."""
    return PrivateKey(clamp(hashlib.sha256(b"golden " + name.encode()).digest()))


def prepared(example: str, folder: Path) -> Path:
    """The example in a folder of its own, with its keys made."""
    file = folder / "mesh.yaml"
    shutil.copy(TOPOLOGIES / example / "mesh.yaml", file)
    content = yaml.safe_load(file.read_text())
    own = {name for name, node in content["nodes"].items() if "public_key" not in (node or {})}
    store = KeyFiles(folder / "keys", content["network"]["name"])
    store.create({name: private_key(name) for name in own})
    store.create_secret(NetworkSecret(hashlib.sha256(b"golden network").digest()))
    # keys that are given come with a lock file: a network with a secret and without one was built,
    # and has lost it
    (folder / "mesh.lock").write_text(format_lock(Lock(content["network"]["name"])))
    return file


def without_secrets(text: str) -> str:
    return re.sub(r"^(PrivateKey|PresharedKey) = .*$", r"\1 = (hidden)", text, flags=re.M)


def built(example: str, folder: Path) -> dict[str, str]:
    """The files of the build that are kept as golden ones, by path."""
    compile_file(prepared(example, folder))
    out = folder / "build"
    files = {str(p.relative_to(out)): p for p in sorted(out.rglob("*")) if p.is_file()}
    del files[".gitignore"]
    return {
        name: without_secrets(path.read_text())
        for name, path in files.items()
        if example != "large" or name in LARGE
    }


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_build_is_the_golden_one(
    example: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    files = built(example, tmp_path)
    golden = GOLDEN / example
    if request.config.getoption("--update-golden"):
        shutil.rmtree(golden, ignore_errors=True)
        for name, text in files.items():
            (golden / name).parent.mkdir(parents=True, exist_ok=True)
            (golden / name).write_text(text)
    expected = {
        str(p.relative_to(golden)): p.read_text() for p in sorted(golden.rglob("*")) if p.is_file()
    }
    assert expected, f"{golden} is empty"
    assert list(files) == list(expected)
    for name, text in expected.items():
        assert files[name] == text, f"{example}/{name}"


def test_no_file_has_a_line_that_wg_quick_would_chew_on() -> None:
    """What it needs for a line grows with the square of its length: a second for 2,500 letters."""
    files = [*GOLDEN.rglob("*.conf")]
    assert len(files) > 40
    longest = max(len(line) for file in files for line in file.read_text().splitlines())
    assert longest <= 1100


def reordered(text: str) -> str:
    """The same document with its top level, nodes, sites and groups the other way round."""
    document = yaml.compose(text)
    sections = {key.value: value for key, value in document.value}
    for mapping in (
        document,
        *(sections[k] for k in ("nodes", "sites", "groups") if k in sections),
    ):
        mapping.value.reverse()
    return yaml.serialize(document)


@pytest.mark.parametrize("example", EXAMPLES)
def test_reordering_the_file_changes_no_byte(example: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = prepared(example, tmp_path / "a"), prepared(example, tmp_path / "b")
    two.write_text(reordered(two.read_text()))
    compile_file(one)
    compile_file(two)
    assert one.read_bytes() != two.read_bytes()
    first, second = (_files(tmp_path / folder, but="mesh.yaml") for folder in ("a", "b"))
    assert "mesh.lock" in first
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []


def _files(folder: Path, *, but: str) -> dict[str, bytes]:
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != but]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.slow(30)
def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    """Sets and dictionaries of text have another order in each: none of it reaches a file."""
    trees = []
    for seed in ("0", "1", "2"):
        subprocess.run(
            [sys.executable, "-m", "tests.support.build_all", str(tmp_path / seed)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            timeout=600,
        )
        files = [path for path in sorted((tmp_path / seed).rglob("*")) if path.is_file()]
        trees.append({path.relative_to(tmp_path / seed): path.read_bytes() for path in files})
    assert {path.parts[0] for path in trees[0]} == set(EXAMPLES)
    for other in trees[1:]:
        assert list(other) == list(trees[0])
        assert [path for path in other if other[path] != trees[0][path]] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_second_build_changes_nothing(example: str, tmp_path: Path) -> None:
    file = prepared(example, tmp_path)
    compile_file(file)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "build").rglob("*") if p.is_file()}
    assert not compile_file(file).changes.nodes
    assert before
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "build").rglob("*") if p.is_file()}
    assert before == after


def test_the_main_example_has_exactly_these_peers(tmp_path: Path) -> None:
    """As the WireGuard documentation describes it, with both ends of each link listed."""
    plan = compile_file(prepared("relay", tmp_path)).plan
    relay, server = "public-server1", "public-server2"
    hidden = {"home-server", "laptop", "phone"}
    peers = {
        name: {peer.name: [str(p) for p in peer.allowed_ips] for peer in node.peers}
        for name, node in plan.nodes.items()
    }
    own = {name: str(node.addresses[0]) for name, node in plan.nodes.items()}
    pool = ["10.0.44.0/24"]
    assert peers[relay] == {name: [own[name]] for name in (*sorted(hidden), server)}
    assert peers[server] == {**{name: [own[name]] for name in hidden}, relay: pool}
    for name in hidden:
        assert peers[name] == {relay: pool, server: [own[server]]}


def test_a_new_leaf_touches_only_itself_and_its_direct_neighbours(tmp_path: Path) -> None:
    file = prepared("two-relays", tmp_path)
    compile_file(file)
    text = file.read_text()
    file.write_text(text.replace("  paris:", "  lisbon: {site: europe}\n  paris:"))
    changes = compile_file(file).changes
    touched = {node.node for node in changes.nodes if any(f.endswith(".conf") for f in node.files)}
    # lisbon is linked to relay-eu; relay-us learns that it lies behind relay-eu
    assert touched == {"lisbon", "relay-eu", "relay-us"}


def test_the_large_example_is_what_its_generator_writes() -> None:
    spec = importlib.util.spec_from_file_location("generate", TOPOLOGIES / "large/generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (TOPOLOGIES / "large/mesh.yaml").read_text() == module.topology()
