"""Programs that make the interface: waited for, heard when they fail, ended without a trace."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node import uapi_exchange
from meshc.node.backends import userspace
from meshc.node.backends.userspace import Userspace
from meshc.node.machine import Machine
from meshc.node.system import processes
from meshc.node.system.rtnetlink import Netlink


class Script(Userspace):
    """An engine in a line of shell."""

    name = "script"

    def __init__(self, line: str) -> None:
        self.line = line

    def argv(self, interface: str) -> Sequence[str]:
        return ("sh", "-c", self.line, "sh", interface)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(uapi_exchange, "SOCKET_DIRECTORY", tmp_path)
    with Netlink() as netlink:
        machine = Machine(netlink, tmp_path, secrets.token_hex(8))
        yield machine
        processes.stop(machine.token)


def test_one_that_dies_is_noticed_and_its_last_words_are_told(host: Machine) -> None:
    line = 'for word in one two three four; do echo "$1: $word"; done; exit 3'
    with pytest.raises(NodeError, match="script did not bring up wg9") as caught:
        Script(line).create(host, "wg9")
    assert caught.value.hint == "wg9: two; wg9: three; wg9: four"
    with pytest.raises(NodeError) as caught:
        Script("exit 3").create(host, "wg9")
    assert caught.value.hint == "it said nothing (exit 3)", "and nothing of the run before"


def test_one_that_never_answers_is_ended(host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(userspace, "_START_PATIENCE", 0.3)
    with pytest.raises(NodeError, match="did not bring up") as caught:
        Script("echo thinking; exec sleep 1000").create(host, "wg9")
    assert caught.value.hint == "thinking"
    assert processes.find(host.token) == ()


def answer(server: socket.socket) -> None:
    """As an engine without settings, until the server is shut down."""
    while True:
        try:
            stream, _ = server.accept()
        except OSError:
            return
        with stream:
            stream.recv(4096)
            stream.sendall(b"errno=0\n\n")


def test_an_answer_is_not_enough_there_must_be_the_interface(
    host: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(userspace, "_START_PATIENCE", 0.5)
    path = uapi_exchange.socket_path("wg9")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(tmp_path / "ready"))
        server.listen()
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        try:
            with pytest.raises(NodeError, match="did not bring up"):
                Script(f"mv {tmp_path}/ready {path}; exec sleep 1000").create(host, "wg9")
            assert uapi_exchange.read_device("wg9").peers == ()
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_the_engine_of_somebody_else_is_left_alone(host: Machine, tmp_path: Path) -> None:
    """Network namespaces may share /run."""
    started = tmp_path / "started"
    path = uapi_exchange.socket_path("wg9")
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(os.fspath(path))
        theirs.listen()
        with pytest.raises(NodeError, match="another program answers at") as caught:
            Script(f"touch {started}").create(host, "wg9")
        assert "network namespace" in caught.value.hint
        Script("").destroy(host, "wg9")
        assert path.exists()
    assert not started.exists()


def test_nothing_is_left_of_one_that_was_killed(host: Machine, tmp_path: Path) -> None:
    path, log = uapi_exchange.socket_path("wg9"), tmp_path / "wg9.log"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(os.fspath(path))
    child = processes.start(["sleep", "1000"], token=host.token, log=log)
    Script("").destroy(host, "wg9")
    # one that is ending has no memory, and so no token, a moment before it can be waited for
    assert child.wait(timeout=60) < 0
    assert list(tmp_path.iterdir()) == []
    Script("").destroy(host, "wg9")
