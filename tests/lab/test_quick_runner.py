"""The real wg-quick in machines of a lab: it comes up, says why not, and goes down again."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.errors import NodeError
from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import LabSession, open_session
from meshc.lab.lab_source import prepare
from meshc.lab.node_jobs import WG_QUICK
from meshc.lab.world.keeper import HostFiles
from meshc.secret import SecretBytes
from tests.support.workspaces import write_topology

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
    pytest.mark.skipif(shutil.which("wg-quick") is None, reason="wg-quick is not installed"),
]
TOPOLOGY = """\
meshc: 1
network: {name: quick, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true}
  leaf: {nat: port_restricted, exit: hub, dns: 9.9.9.9}
"""


def seen(session: LabSession, *argv: str) -> str:
    return session.lab.call("leaf", RunCommand(argv)).output


def test_wg_quick_brings_up_the_emitted_file_and_takes_it_down(tmp_path: Path) -> None:
    """With the mark, the rules and the name server that only wg-quick's own script sets so."""
    source = prepare(write_topology(tmp_path, TOPOLOGY), None, lambda _: None)
    session = open_session(source, runner=WG_QUICK)
    with session.lab:
        assert session.engines.keys() == {"hub", "leaf"}
        assert "lookup 51820" in (before := seen(session, "ip", "rule"))
        assert "suppress_prefixlength 0" in before
        assert "9.9.9.9" in seen(session, "cat", "/etc/resolv.conf")
        session.lab.call("leaf", session.down_job("leaf").job)
        assert "lookup 51820" not in seen(session, "ip", "rule")
        assert "9.9.9.9" not in seen(session, "cat", "/etc/resolv.conf")
        assert "wg0" not in seen(session, "ip", "link")


def test_what_wg_quick_refuses_is_said_in_its_words(tmp_path: Path) -> None:
    source = prepare(write_topology(tmp_path, TOPOLOGY), None, lambda _: None)
    text = source.files["leaf"].files["wg0.conf"].reveal()
    files = {**source.files["leaf"].files, "wg0.conf": SecretBytes(text + b"\nNonsense = 1\n")}
    broken = {**source.files, "leaf": HostFiles(files)}
    source = replace(source, files=broken)
    with pytest.raises(NodeError, match=r"leaf: wg-quick up failed with 1: .*Nonsense"):
        open_session(source, runner=WG_QUICK)
