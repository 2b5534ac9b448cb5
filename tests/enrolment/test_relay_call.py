"""How a wish reaches a relay: on this machine, or by a transport, its secrets on standard input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from meshc.agent.door_wish import fulfil, read_wish
from meshc.deploy.connect.node_session import NodeSession
from meshc.deploy.connect.transport import Result
from meshc.enrolment.relay_call import LocalRelay, RemoteRelay
from meshc.errors import NodeError
from meshc.render.report.json import envelope
from tests.support.enrolments import TEXT, a_pass
from tests.support.workspaces import write_topology

WISH: dict[str, Any] = {"doors": [a_pass().reveal()], "answers": {}}


class RelayTransport:
    """A relay that runs `meshc door` in this process, and remembers what it was told."""

    name = "hub"

    def __init__(self, run_directory: Path) -> None:
        self._run_directory = run_directory
        self.argv: list[Sequence[str]] = []
        self.closed = False
        self.answer: Result | None = None

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Result:
        self.argv.append(argv)
        if self.answer is not None:
            return self.answer
        said = fulfil(argv[-1], read_wish(stdin), self._run_directory)
        return Result(0, b"motd\n" + envelope(said).encode(), b"")

    async def close(self) -> None:
        self.closed = True


def test_over_a_transport(tmp_path: Path) -> None:
    text = TEXT.replace("net}", "net, deploy: {host: hub.demo-vpn.net}}")
    transport = RelayTransport(tmp_path)

    async def dial(target: Any, *, timeout: float = 15.0) -> NodeSession:
        assert target.name == "hub"
        return NodeSession(transport, "wg0")

    said = RemoteRelay(write_topology(tmp_path / "net", text), dial)("hub", WISH)
    assert list(said["requests"]) == [a_pass().identifier]
    assert transport.closed
    (argv,) = transport.argv
    assert argv[:2] == ("sh", "-c")
    assert argv[2].endswith('meshc door "$1"')
    assert a_pass().private_key.reveal() not in " ".join(argv)


def test_a_relay_without_meshc_is_said(tmp_path: Path) -> None:
    text = TEXT.replace("net}", "net, deploy: {host: hub.demo-vpn.net}}")
    transport = RelayTransport(tmp_path)
    transport.answer = Result(127, b"", b"meshc: not found")

    async def dial(target: Any, *, timeout: float = 15.0) -> NodeSession:
        return NodeSession(transport, "wg0")

    with pytest.raises(NodeError, match=r"opens no doors \(exit 127\): meshc: not found"):
        RemoteRelay(write_topology(tmp_path / "net", text), dial)("hub", WISH)
    assert transport.closed


def test_a_relay_that_nobody_knows_how_to_reach(tmp_path: Path) -> None:
    async def dial(target: Any, *, timeout: float = 15.0) -> NodeSession:
        raise AssertionError("nobody is called")

    call = RemoteRelay(write_topology(tmp_path, TEXT), dial)
    with pytest.raises(NodeError, match="does not say how it is reached"):
        call("hub", WISH)


def test_on_this_machine(tmp_path: Path) -> None:
    said = LocalRelay("wg0", tmp_path)("hub", WISH)
    assert list(said["requests"]) == [a_pass().identifier]
    (tmp_path / "file").touch()
    with pytest.raises(NodeError):
        LocalRelay("wg0", tmp_path / "file")("hub", WISH)
