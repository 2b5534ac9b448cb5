"""The topology file: read, or refused with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.topology_file import read_spec
from meshc.diagnostics import Diagnostics
from meshc.errors import Refused, StateError
from tests.support.workspaces import write_topology


def test_it_is_read(tmp_path: Path) -> None:
    spec = read_spec(write_topology(tmp_path), Diagnostics())
    assert sorted(spec.nodes) == ["hub", "laptop", "phone"]


def test_a_missing_file_and_a_lock_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="there is no file") as error:
        read_spec(tmp_path / "mesh.yaml", Diagnostics())
    assert "meshc init" in error.value.hint
    (tmp_path / "mesh.lock").write_text("{}")
    with pytest.raises(StateError, match="name of a lock file"):
        read_spec(tmp_path / "mesh.lock", Diagnostics())


def test_a_file_with_errors_is_refused(tmp_path: Path) -> None:
    diagnostics = Diagnostics()
    with pytest.raises(Refused) as refused:
        read_spec(write_topology(tmp_path, "meshc: 1\nnodes: 7\n"), diagnostics)
    assert list(refused.value.diagnostics) == diagnostics.sorted() != []
