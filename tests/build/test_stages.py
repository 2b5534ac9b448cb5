"""Each stage by itself: it tells what it finds, and stops where the next could not go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshc.build.stages import SourceFiles, Stages
from meshc.build.worker import InlineWorker
from meshc.build.workspace import Workspace
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused
from meshc.keys import PublicKey
from meshc.keystore.ring import made_up
from meshc.topology.language.load import load_spec
from meshc.topology.planner.addressing.lock import Lock, LockedNode

TEXT = (
    "meshc: 1\nnetwork: {name: demo, addresses: 10.44.0.0/24}\n"
    "nodes:\n  hub: {role: relay, endpoint: hub.demo-vpn.net}\n"
    "  a: {private_key_file: /etc/wireguard/key}\n  b: {}\n"
)
KEY = PublicKey.parse("hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=")
LOCK = Lock(nodes={"a": LockedNode((), None, KEY)})


def of(text: str, lock: Lock) -> tuple[Stages, SourceFiles]:
    diagnostics = Diagnostics()
    spec = load_spec(text, file="f.yaml", diagnostics=diagnostics)
    assert spec is not None
    return Stages(InlineWorker(spec)), SourceFiles(spec, lock)


def test_reading_takes_both_files(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(TEXT)
    workspace = Workspace(tmp_path / "mesh.yaml")
    worker = InlineWorker()
    worker.read(workspace.file)
    stages = Stages(worker)
    source = stages.read(workspace)
    assert sorted(source.spec.nodes) == ["a", "b", "hub"]
    assert source.lock == Lock()
    assert not stages.diagnostics.has_errors


def test_the_analysis_stops_at_errors() -> None:
    stages, source = of(TEXT.replace("role: relay, endpoint: hub.demo-vpn.net", ""), LOCK)
    with pytest.raises(Refused) as refused:
        stages.analyse(source)
    assert list(refused.value.diagnostics) == stages.diagnostics.sorted()


def test_a_plan_needs_every_public_key() -> None:
    stages, source = of(TEXT, Lock())
    with pytest.raises(Refused, match="E352 a has no public key"):
        stages.plan(source, stages.analyse(source), made_up(source.spec, source.lock))


def test_a_proof_in_memory_tells_and_goes_on() -> None:
    for text, codes in (
        (TEXT, []),
        (TEXT + "tests: [{from: a, to: b, expect: unreachable}]\n", ["E419"]),
    ):
        stages, source = of(text, LOCK)
        analysis = stages.analyse(source)
        ring = made_up(source.spec, source.lock)
        plan = stages.plan(source, analysis, ring)
        files = list(stages.rehearse(plan, ring))
        assert [file.name for file in files] == ["a", "b", "hub"]
        verdict = stages.prove(analysis, files)
        assert verdict.holds == (not codes)
        found = [one.code for one in stages.diagnostics if one.code.startswith("E")]
        assert found == codes


def test_who_asks_for_less_loads_less() -> None:
    """Neither the writing of files nor the proof is imported for an analysis."""
    script = (
        "import sys\nfrom meshc.build.check import check_text\n"
        f"checked = check_text({TEXT!r}, file='f', proof=False)\nassert checked.spec\n"
        "print(*[m for m in sys.modules if 'render.node_files' in m or m == 'numpy'"
        " or m == 'meshc.build.directory'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
