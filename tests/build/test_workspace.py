"""The directory of a topology file, and one run at a time in it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from meshc.build.workspace import Workspace, exclusive
from meshc.errors import StateError
from meshc.topology.language.spec import KeysSpec


def test_what_lies_beside_the_file() -> None:
    workspace = Workspace(Path("nets/office.mesh.yaml"))
    assert workspace.lock_file == Path("nets/office.mesh.lock")
    assert workspace.build == Path("nets/build")
    assert workspace.keys("x", KeysSpec()).directory == Path("nets/keys")


def test_the_second_run_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with exclusive(tmp_path, waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with Workspace(tmp_path / "mesh.yaml").locked():
        thread.start()
        assert waiting.wait(60)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"]
    assert list(tmp_path.iterdir()) == [], "no lock file is left"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with (
        pytest.raises(StateError, match="cannot be opened"),
        Workspace(tmp_path / "no" / "mesh.yaml").locked(),
    ):
        pass
