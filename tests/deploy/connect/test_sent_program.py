"""The program is whole, and Python 3.8 with nothing but its own library can run it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import meshc
from meshc.deploy.connect import sent_program
from meshc.deploy.protocol import AskFacts, Call, Directories, Facts
from meshc.deploy.protocol_json import decode_answer

ROOT = Path(meshc.__file__).parent
SENT = dict(sent_program.paths())


def imported(tree: ast.AST) -> list[str]:
    """The modules that a module needs when it is loaded or later."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            below = [f"{module}.{alias.name}" for alias in node.names]
            package = module in ("meshc.deploy", "meshc.deploy.remote")
            found += below if package else [module]
    return found


def test_every_module_that_runs_on_the_node_is_sent() -> None:
    remote = "deploy/remote"
    there = {f"{remote}/{path.name}" for path in (ROOT / remote).glob("*.py")}
    beside = {path for path in SENT.values() if not path.startswith(remote)}
    assert set(SENT.values()) - beside == there - {f"{remote}/__init__.py"}
    assert beside == {
        *(f"deploy/{name}.py" for name in ("machine_facts", "protocol", "protocol_json")),
        *(f"node/{name}.py" for name in ("arriving_packet", "firewall_obstacle")),
        *(f"node/{name}.py" for name in ("iptables_verdict", "nft_verdict")),
    }


@pytest.mark.parametrize("name", SENT)
def test_each_needs_the_library_and_what_was_sent_before_it(name: str) -> None:
    before = {f"meshc.{one}" for one in list(SENT)[: list(SENT).index(name)]}
    for module in imported(ast.parse((ROOT / SENT[name]).read_text())):
        assert module in before or module.partition(".")[0] in sys.stdlib_module_names, module


@pytest.mark.parametrize("name", SENT)
def test_it_is_written_for_python_3_8(name: str) -> None:
    """Also what Python evaluates of its annotations: all of them without the future import."""
    tree = ast.parse((ROOT / SENT[name]).read_text(), feature_version=(3, 8))
    if "__future__" in imported(tree):
        return
    said = [
        getattr(node, word, None) for node in ast.walk(tree) for word in ("annotation", "returns")
    ]
    annotations = [one for one in said if one is not None]
    assert annotations
    for node in (inner for one in annotations for inner in ast.walk(one)):
        assert not isinstance(node, ast.BinOp), ast.unparse(node)
        if isinstance(node, ast.Subscript):
            assert ast.unparse(node.value)[0].isupper(), ast.unparse(node)


@pytest.mark.parametrize("version", ["this", "another"])
def test_a_python_of_another_version_gets_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """Of what is sent the other half may be anything."""
    sources, compiled = sent_program.packed()
    kept = (b"", compiled) if version == "this" else (sources, b"\0damaged")
    monkeypatch.setattr(sent_program, "packed", lambda: kept)
    if version == "another":
        monkeypatch.setattr(sent_program, "MAGIC_NUMBER", b"1234")
    places = Directories(str(tmp_path), str(tmp_path), str(tmp_path))
    request = AskFacts("s")
    done = subprocess.run(
        [sys.executable, "-I", "-S", *sent_program.ARGV[1:]],
        input=sent_program.stdin(Call("wgx9", places, request)),
        capture_output=True,
        check=True,
    )
    assert isinstance(decode_answer(done.stdout, request), Facts)
