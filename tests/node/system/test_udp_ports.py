"""A port that somebody else has is named with its holder, before anything is set."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.node.machine import Machine
from meshc.node.system.rtnetlink import Netlink
from meshc.node.system.udp_ports import refuse_taken, sockets_at
from tests.support import wgconf
from tests.support.netns import namespaces, needs_root, require
from tests.support.snapshot import changed, snapshot

HOLD = """
import socket, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("", 51820))
time.sleep(60)
"""


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_of_a_process_is_told_with_the_process(family: int) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as mine, Netlink() as netlink:
        mine.bind(("", 0))
        port = mine.getsockname()[1]
        machine = Machine(netlink, Path("/nowhere"), "")
        with pytest.raises(NodeError, match=rf"{port} is taken by .* \(process {os.getpid()}\)"):
            refuse_taken(machine, "wg0", port)


def test_a_free_port_has_no_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert len(sockets_at(port)) == 1
    assert sockets_at(port) == ()


class TestOnAMachine:
    pytestmark = needs_root

    @pytest.mark.parametrize("engine", ["bundled", "wireguard-go"])
    def test_up_is_refused_and_everything_is_as_it_was(self, tmp_path: Path, engine: str) -> None:
        require(*(["wireguard-go"] if engine == "wireguard-go" else []))
        path = wgconf.write(
            tmp_path / "conf", "wg0", wgconf.interface("ListenPort = 51820") + wgconf.peer()
        )
        with namespaces("host") as (host,):
            holder = host.start(sys.executable, "-c", HOLD)
            try:
                host.shell("until ss -lun | grep -q :51820; do sleep 0.1; done")
                before = snapshot(host)
                said = host.meshc("up", str(path), "--engine", engine, check=False)
                assert said.returncode == 2
                assert "UDP port 51820 is taken by python" in said.stderr
                assert changed(before, snapshot(host)) == {}
            finally:
                holder.kill()
                holder.wait(10)
