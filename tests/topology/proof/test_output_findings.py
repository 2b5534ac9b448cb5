"""Findings about outputs: for nodes that ask for them, and told once for each fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.pipeline import compile_file
from meshc.build.verification import open_verification
from meshc.errors import Refused
from meshc.render.outputs import network_manager
from meshc.topology.language.spec import Output
from meshc.topology.proof.output_findings import READERS
from tests.support.outputs import BuiltOutputs


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuiltOutputs:
    return BuiltOutputs(tmp_path_factory.mktemp("outputs"))


def test_every_output_is_read_back() -> None:
    assert set(READERS) == set(Output)


def test_an_output_that_nobody_built_is_an_error(built: BuiltOutputs) -> None:
    said = built.findings("hub", ())
    assert [code for code, _ in said] == ["E456"] * len(said)
    assert "cannot be used: there are no such files" in said[0][1]


def test_verify_reads_them(built: BuiltOutputs) -> None:
    file = built.build / "laptop" / "networkmanager" / "wg0.nmconnection"
    kept = file.read_text()
    try:
        file.write_text(kept.replace("peer-routes=true", "peer-routes=false"))
        found = open_verification(Path(built.build.parent, "mesh.yaml")).prove().findings
        assert {f.code for f in found if "nmconnection" in str(f.location)} == {"E456", "W423"}
        file.write_bytes(b"\xff")
        found = open_verification(Path(built.build.parent, "mesh.yaml")).prove().findings
        assert "E422" in {f.code for f in found}
    finally:
        file.write_text(kept)


def test_a_build_that_would_write_another_tunnel_is_refused(
    built: BuiltOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build itself reads its outputs back, in the process beside it."""
    monkeypatch.setattr(network_manager, "_list", lambda words: ";".join(list(words)[:1]) + ";")
    with pytest.raises(Refused, match=r"E456.*lack the prefix of hub"):
        compile_file(Path(built.build.parent, "mesh.yaml"))
