from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.probe.capture import listen, write_packets
from meshc.lab.probe.ping import Ping, PingTarget
from meshc.lab.world.control import Lab
from meshc.lab.world.enter import run_inside
from tests.support.labs import a_spec, relay
from tests.support.running import running

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def in_a_child(work: Callable[[], int]) -> int:
    """Both functions move the process that calls them: so a child calls them."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_program_runs_in_the_node(tmp_path: Path) -> None:
    """Its host name, network and files are the node's; its output goes where it was sent."""
    out = tmp_path / "out"
    script = "hostname; ip -br link show eth0; cat /etc/resolv.conf; touch /var/tmp/inside; exit 3"
    with running(a_spec(relay())) as (lab, world):

        def work() -> int:
            file = os.open(out, os.O_WRONLY | os.O_CREAT, 0o600)
            return run_inside(lab, "relay", ["sh", "-c", script], (file, 2))

        code = in_a_child(work)
    assert not Path("/var/tmp/inside").exists()
    text = out.read_text()
    assert code == 3
    assert text.startswith("relay\neth0")
    assert f"nameserver {world.resolvers[0]}" in text


def test_routers_can_be_entered_and_strangers_are_named() -> None:
    with running(a_spec(relay())) as (lab, _):
        assert in_a_child(lambda: run_inside(lab, "internet", ["ip", "link", "show", "u0"])) == 0
        assert in_a_child(lambda: run_inside(lab, "relay", ["no-such-program"])) == 127
        with pytest.raises(NodeError, match="'nobody' is not in lab"):
            run_inside(lab, "nobody", ["true"])


def test_a_link_is_captured_to_a_pcap_file(tmp_path: Path) -> None:
    target = tmp_path / "relay.pcap"

    def work(lab: Lab) -> int:
        with listen(lab, "relay") as tap, target.open("wb") as stream:
            return write_packets(tap, stream, seconds=10, packets=2)

    with running(a_spec(relay())) as (lab, world):
        child = os.fork()
        if child == 0:
            os._exit(0 if work(lab) == 2 else 1)
        try:
            ask = Ping((PingTarget(world.hosts[0]),))
            while os.waitpid(child, os.WNOHANG) == (0, 0):
                lab.call("relay", ask)
        finally:
            assert target.stat().st_size > 24
        with pytest.raises(NodeError, match="is not a link"):
            listen(lab, "nothing")
    assert struct.unpack_from("=I", target.read_bytes()) == (0xA1B2C3D4,)
