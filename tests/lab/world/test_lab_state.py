from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.errors import StateError
from meshc.lab.world import lab_state


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = tmp_path / "labs"
    monkeypatch.setattr(lab_state, "base_directory", lambda: base)
    return base


def a_state(pid: int, identity: str = "mesh-1") -> lab_state.LabState:
    return lab_state.LabState(
        id=identity,
        file="/x/mesh.yaml",
        network="mesh",
        mode="root",
        pid=pid,
        started=lab_state.process_start(pid),
        created=0.0,
        nodes={"a": "bundled"},
        links={"a": ["a", "eth0"]},
        interface="wg0",
        build="/x/build",
    )


def test_a_lab_is_remembered_and_forgotten(own_directory: Path) -> None:
    lab_state.claim("mesh-1")
    found = a_state(os.getpid())
    found.save()
    assert found == lab_state.load("mesh-1")
    assert [found] == list(lab_state.all_labs())
    assert found.alive
    lab_state.forget("mesh-1")
    assert not own_directory.exists()


def test_a_running_lab_is_not_overwritten() -> None:
    lab_state.claim("mesh-1")
    a_state(os.getpid()).save()
    with pytest.raises(StateError, match="already up"):
        lab_state.claim("mesh-1")


def test_a_dead_lab_is_a_leftover_and_makes_room() -> None:
    lab_state.claim("mesh-1")
    replace(a_state(os.getpid()), started=1).save()  # the number was given to another process
    assert list(lab_state.leftovers()) == ["mesh-1"]
    assert lab_state.claim("mesh-1").is_dir()


def test_a_lab_that_is_being_built_is_left_alone() -> None:
    lab_state.claim("mesh-1")
    assert list(lab_state.leftovers()) == []
    with pytest.raises(StateError, match="being built"):
        lab_state.claim("mesh-1")


def test_what_was_killed_while_it_was_built_is_a_leftover_at_once(own_directory: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from meshc.lab.world import lab_state as state\n"
        "state.base_directory = lambda: Path(sys.argv[1])\n"
        "state.claim('mesh-1')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, str(own_directory)], cwd=root)
    assert list(lab_state.leftovers()) == ["mesh-1"]
    assert lab_state.claim("mesh-1").is_dir()


def test_a_scratch_directory_is_private_and_found_after_a_kill(own_directory: Path) -> None:
    with lab_state.scratch_directory() as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        assert list(lab_state.leftovers()) == []
    assert not own_directory.exists()
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from meshc.lab.world import lab_state as state\n"
        "state.base_directory = lambda: Path(sys.argv[1])\n"
        "with state.scratch_directory():\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", code, str(own_directory)], cwd=root)
    (left,) = lab_state.leftovers()
    lab_state.forget(left)
    assert not own_directory.exists()


def test_taking_down_ends_the_process() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    lab_state.claim("mesh-1")
    found = a_state(child.pid)
    found.save()
    lab_state.take_down(found)
    child.wait()
    assert lab_state.load("mesh-1") is None


def test_an_unreadable_state_is_no_lab(own_directory: Path) -> None:
    (own_directory / "broken").mkdir(parents=True)
    (own_directory / "broken" / "state.json").write_text("{")
    assert list(lab_state.all_labs()) == []


def test_ids_tell_files_apart(tmp_path: Path) -> None:
    one, two = (lab_state.lab_id(tmp_path / name, "My Net!") for name in ("a", "b"))
    assert one != two
    assert one.startswith("my-net-")
    assert one == lab_state.lab_id(tmp_path / "a", "My Net!")


def test_a_process_that_is_gone_has_no_start() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert lab_state.process_start(child.pid) == -1
