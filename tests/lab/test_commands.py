from __future__ import annotations

import socket

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import AwaitListener, CommandResult, RunCommand, run_command


def test_both_outputs_and_the_exit_code_come_back() -> None:
    found = RunCommand(("sh", "-c", "echo out; echo err >&2; exit 3")).run()
    assert found == CommandResult(3, "out\nerr\n")


def test_a_daemon_that_stays_behind_is_not_waited_for() -> None:
    assert RunCommand(("sh", "-c", "sleep 3 & echo started")).run().output == "started\n"


def test_a_program_that_is_missing_or_fails_is_named() -> None:
    with pytest.raises(NodeError, match="no-such-program is not installed"):
        RunCommand(("no-such-program",)).run()
    with pytest.raises(NodeError, match="failed with 1: first / second"):
        run_command("sh", "-c", "echo first; echo second; exit 1")
    assert run_command("echo", "fine") == "fine\n"


def test_a_port_is_waited_for_until_somebody_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        with pytest.raises(NodeError, match=f"nobody listens on TCP port {port}"):
            AwaitListener(port, seconds=0.05).run()
        server.listen()
        AwaitListener(port, seconds=5).run()
