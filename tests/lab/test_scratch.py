"""Builds for the lab alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.errors import Refused
from meshc.lab.scratch import scratch_build
from meshc.lab.world import lab_state


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_state, "base_directory", lambda: tmp_path / "labs")


def test_findings_are_at_the_user_s_own_file(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: [10.0.0.0/24]}\nnodes: {a: {rolle: x}}\n"
    )
    with pytest.raises(Refused) as refused, scratch_build(file, lambda _: None):
        raise AssertionError("it was built")
    (found,) = [d for d in refused.value.diagnostics if d.code == "E110"]
    assert str(found.location) == f"{file}:3:13"


def test_nothing_beside_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "meshc: 1\nnetwork: {name: n, addresses: [10.0.0.0/24]}\n"
        "nodes: {a: {endpoint: 198.51.100.1}, b: {}}\n"
    )
    with scratch_build(file, lambda _: None) as made:
        assert (made / "a" / "wg0.conf").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.yaml"]
