"""Examples of the repository as labs: what their nodes know, and what leaves them."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.lab.commands import RunCommand
from meshc.lab.lab_session import open_session, ports_of
from meshc.lab.lab_source import prepare
from meshc.lab.probe.checks import check_exits
from meshc.lab.probe.patience import Patience
from meshc.lab.report.predictor import Predictor
from meshc.lab.world.keeper import HostFiles
from meshc.secret import SecretBytes
from meshc.wg.conf import parse

EXAMPLES = Path(__file__).parents[2] / "examples" / "topologies"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed"),
]


def silent(_: str) -> None:
    """Nobody watches."""


def test_routers_forward_to_the_port_of_the_topology_whatever_a_file_says() -> None:
    """Found by the agreement run: a world that follows a damaged file hides the damage."""
    source = prepare(EXAMPLES / "relay" / "mesh.yaml", None, silent)
    name = "public-server1"
    moved = replace(source.confs[name], listen_port=50_000)
    damaged = replace(source, confs={**source.confs, name: moved})
    assert ports_of(source)[name] == 51820
    assert ports_of(damaged) == ports_of(source)


@pytest.mark.slow
def test_nodes_know_each_other_by_name_and_endpoints_from_dns() -> None:
    source = prepare(EXAMPLES / "relay" / "mesh.yaml", None, silent)
    session = open_session(source)
    names = ("laptop", "public-server1", "public-server1.example-vpn.dev")
    with session.lab:
        found = {
            name: session.lab.call(
                "phone", RunCommand(("getent", "ahostsv4", name))
            ).output.split()[0]
            for name in names
        }
    inside = [source.addresses(name)[4] for name in names[:2]]
    assert [found[name] for name in names[:2]] == inside
    assert found[names[2]] in session.world.public["public-server1"]


@pytest.mark.slow
def test_an_exit_user_that_leaks_is_caught() -> None:
    """Somebody takes ::/0 out of the laptop's file: IPv6 goes past the exit."""
    source = prepare(EXAMPLES / "exit" / "mesh.yaml", None, silent)
    text = source.files["laptop"].files["wg0.conf"].reveal().decode()
    leaky = text.replace(", ::/0", "").replace("::/0, ", "")
    assert leaky != text
    source = replace(
        source,
        confs={**source.confs, "laptop": parse(leaky)},
        files={**source.files, "laptop": HostFiles({"wg0.conf": SecretBytes(leaky.encode())})},
    )
    session = open_session(source)
    with session.lab:
        checks = check_exits(session, Predictor.of(source), Patience())
    failed = [check for check in checks if not check.passed]
    assert "laptop leaks nothing" in [check.name for check in failed]
    assert any("IPv6 TCP to 2001:2::2 port 7707" in check.detail for check in failed)
    assert not any("phone" in check.name for check in failed)


LEFT_OUT = """
meshc: 1
network: {name: t, addresses: [10.44.0.0/24, "fd44::/64"], dns: [1.1.1.1]}
sites: {home: {nat: port_restricted, lan: [192.168.7.0/24]}}
nodes:
  hub: {role: relay, endpoint: ["203.0.113.5", "[2001:db8::5]"], exit_node: true}
  pc: {site: home, exit: hub, exit_except: [private, 198.51.100.0/24, "2001:db8:7::/48"]}
  phone: {platform: ios, exit: hub, exit_except: [private, 198.51.100.0/24]}
  win: {platform: windows, site: home, exit: hub, exit_except: own_lan}
"""


@pytest.mark.slow(seconds=25)
def test_what_is_left_out_of_an_exit_leaves_by_the_own_uplink_and_all_else_by_the_exit(
    tmp_path: Path,
) -> None:
    """Also where the list holds the endpoint, because an app keeps its socket out."""
    mesh = tmp_path / "mesh.yaml"
    mesh.write_text(LEFT_OUT)
    source = prepare(mesh, None, silent)
    session = open_session(source)
    with session.lab:
        checks = check_exits(session, Predictor.of(source), Patience())
    assert [(check.name, check.detail) for check in checks if not check.passed] == []
    names = [check.name for check in checks]
    assert "pc reaches 198.51.100.1 beside the tunnel" in names
    assert "pc reaches 2001:db8:7::1 beside the tunnel" in names
    assert "phone reaches 198.51.100.1 beside the tunnel" in names
    for user in ("pc", "phone", "win"):
        assert f"{user} leaks nothing" in names
        for family in (4, 6):
            assert f"{user} reaches the internet over IPv{family} as hub" in names
