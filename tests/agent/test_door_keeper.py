"""The keeper: doors open and close as the files say, and a damaged file closes no other."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from meshc.agent.core.door_message import Done, short_hash
from meshc.agent.door_files import DoorFiles
from meshc.agent.door_keeper import DoorKeeper
from meshc.agent.door_socket import DoorSocket
from meshc.errors import NodeError
from tests.support.enrolments import NOW, a_pass, free_port


def is_taken(port: int) -> bool:
    try:
        DoorSocket(port).close()
    except NodeError:
        return True
    return False


def test_a_door_is_open_from_its_wish_to_its_date(tmp_path: Path) -> None:
    port = free_port()
    files = DoorFiles("wg0", tmp_path)
    keeper = DoorKeeper(files)
    keeper.look(NOW)
    assert not is_taken(port)
    files.wish({a_pass().identifier: a_pass(port=port)})
    keeper.look(NOW)
    assert is_taken(port)
    keeper.look(NOW + 7201)
    assert not is_taken(port)
    keeper.look(NOW)
    files.wish({})
    keeper.look(NOW)
    assert not is_taken(port)


def test_a_door_that_everybody_has_gone_through_is_gone(tmp_path: Path) -> None:
    port = free_port()
    files = DoorFiles("wg0", tmp_path)
    files.wish({a_pass().identifier: a_pass(port=port)})
    keeper = DoorKeeper(files)
    keeper.look(NOW)
    (door,) = keeper._open.values()
    door.desk.answer({short_hash(b"r"): b"a"})
    door.desk.receive(Done(short_hash(b"a")), late=False)
    keeper.look(NOW)
    assert not is_taken(port)
    assert files.done() == {a_pass().identifier}


def test_a_port_that_is_taken_is_tried_again(tmp_path: Path) -> None:
    other = DoorSocket()
    files = DoorFiles("wg0", tmp_path)
    files.wish({a_pass().identifier: a_pass(port=other.port)})
    keeper = DoorKeeper(files)
    with pytest.raises(NodeError, match="cannot be taken"):
        keeper.look(NOW)
    other.close()
    keeper.look(NOW)
    assert len(keeper._open) == 1
    keeper.close()


def test_it_ends_when_it_is_told(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    DoorKeeper(DoorFiles("wg0", tmp_path)).serve(60, stop)


def test_a_relay_without_doors_has_loaded_no_engine(tmp_path: Path) -> None:
    script = (
        "import sys, threading, pathlib; from meshc.agent.door_keeper import DoorKeeper;"
        "from meshc.agent.door_files import DoorFiles;"
        f"DoorKeeper(DoorFiles('wg0', pathlib.Path({str(tmp_path)!r}))).look(1);"
        "sys.exit(any(name.startswith(('meshc.engine', 'numpy')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
