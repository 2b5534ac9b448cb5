"""`meshc explain` on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.build.pipeline import compile_file
from meshc.cli import main
from tests.support.workspaces import write_topology


def run(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def built(tmp_path: Path) -> Path:
    file = write_topology(tmp_path)
    compile_file(file)
    return file


def test_the_story_of_a_bounced_pair(built: Path) -> None:
    result = run("explain", built, "phone", "laptop")
    assert result.exit_code == 0, result.output
    for text in (
        "phone and laptop reach each other over hub.",
        "Not direct, because ",
        "phone → laptop (IPv4) arrives",
        "laptop → phone (IPv6) arrives",
        "1. phone sends it to hub (AllowedIPs 10.44.0.0/24)",
        "forwards it by `-i TUNNEL -o TUNNEL -j ACCEPT`",
        "phone starts it at hub.example-vpn.dev:51820 (public endpoint)",
        "phone sends a keepalive every 25 s; with a pre-shared key",
        "The largest packet that passes has 1420 bytes.",
    ):
        assert text in result.output


def test_the_story_of_a_direct_pair(built: Path) -> None:
    result = run("explain", built, "hub", "laptop")
    assert "hub and laptop reach each other directly." in result.output
    assert "Not direct" not in result.output


def test_a_pair_that_is_lost(built: Path) -> None:
    path = built.parent / "build/laptop/wg0.conf"
    path.write_text(path.read_text().replace("PersistentKeepalive = 25\n", ""))
    result = run("explain", built, "phone", "laptop")
    assert result.exit_code == 1
    assert "phone and laptop do not reach each other." in result.output
    assert "phone → laptop (IPv4) is lost" in result.output
    assert "laptop keeps none alive (no PersistentKeepalive)" in result.output
    assert "largest packet" not in result.output


def test_json(built: Path) -> None:
    data = json.loads(run("explain", built, "phone", "laptop", "--json").stdout)
    assert data["works"]
    assert [leg["path"] for leg in data["legs"]] == [
        ["phone", "hub", "laptop"],
        ["laptop", "hub", "phone"],
    ] * 2
    assert data["legs"][0]["hops"][0]["match"] == "10.44.0.0/24"


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ("phone", "labtop", "did you mean laptop?"),
        ("phone", "zzz", "has no node 'zzz'"),
        ("phone", "phone", "a node reaches itself"),
    ],
)
def test_names_that_make_no_pair(built: Path, a: str, b: str, text: str) -> None:
    result = run("explain", built, a, b)
    assert result.exit_code == 2
    assert text in result.output


def test_a_file_that_cannot_be_read(built: Path) -> None:
    (built.parent / "build/phone/wg0.conf").write_text("nonsense\n")
    result = run("explain", built, "phone", "laptop")
    assert result.exit_code == 2
    assert "meshc verify says why" in result.output


def test_an_address_is_its_node(built: Path) -> None:
    by_name = run("explain", built, "phone", "hub").output
    address = next(
        line.split("=")[1].split("/")[0].strip()
        for line in (built.parent / "build/hub/wg0.conf").read_text().split("\n")
        if line.startswith("Address")
    )
    assert run("explain", built, "phone", address).output == by_name


EXIT_AND_LAN = """\
meshc: 1
network: {name: home, addresses: 10.44.0.0/24}
nodes:
  hub: {role: relay, endpoint: hub.example-vpn.dev, exit_node: true, routes: 172.20.0.0/24}
  nas: {nat: symmetric, routes: 192.168.1.0/24}
  phone: {exit: hub}
  laptop: {}
"""


@pytest.mark.parametrize(
    ("a", "b", "head"),
    [
        ("phone", "9.9.9.9", "phone reaches 9.9.9.9 through the exit hub."),
        (
            "laptop",
            "192.168.1.77",
            "laptop and 192.168.1.77, behind nas, reach each other, over hub.",
        ),
        (
            "hub",
            "192.168.1.77",
            "hub and 192.168.1.77, behind nas, reach each other.",
        ),
        ("laptop", "9.9.9.9", "laptop and 9.9.9.9 do not reach each other."),
        (
            "192.168.1.77",
            "laptop",
            "192.168.1.77, behind nas, and laptop reach each other over hub.",
        ),
        ("192.168.1.77", "hub", "192.168.1.77, behind nas, and hub reach each other directly."),
        (
            "192.168.1.77",
            "172.20.0.9",
            "192.168.1.77, behind nas, and 172.20.0.9, behind hub, reach each other.",
        ),
        ("192.168.1.77", "9.9.9.9", "192.168.1.77 and 9.9.9.9 do not reach each other."),
    ],
)
def test_the_answer_names_the_exit_or_the_router(tmp_path: Path, a: str, b: str, head: str) -> None:
    file = write_topology(tmp_path, EXIT_AND_LAN)
    compile_file(file)
    text = run("explain", file, a, b).output
    assert text.split("\n")[0] == head


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [
        ("9.9.9.9", "laptop", "9.9.9.9 is no node's address, nor behind one"),
        ("192.168.1.7", "2001:db8::1", "are addresses of two families"),
        ("laptop", "2001:db8::1", "laptop has no IPv6 address"),
        ("192.168.1.7", "nobody", "has no node 'nobody'"),
    ],
)
def test_a_sender_is_a_node_or_lies_behind_one(tmp_path: Path, a: str, b: str, text: str) -> None:
    file = write_topology(tmp_path, EXIT_AND_LAN)
    compile_file(file)
    result = run("explain", file, a, b)
    assert (result.exit_code, text in result.output) == (2, True)


def test_no_shell_is_shown(tmp_path: Path) -> None:
    file = write_topology(tmp_path, EXIT_AND_LAN)
    compile_file(file)
    text = run("explain", file, "phone", "9.9.9.9").output
    assert re.search("`-i TUNNEL -o WAN -s 10[.]44[.]0[.][0-9]+/32 -j ACCEPT`", text)
    assert "`-i WAN -o TUNNEL -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`" in text
    private = run("explain", file, "phone", "172.16.0.1").output
    assert "`-i TUNNEL -o WAN -d 172.16.0.0/12 -j DROP`" in private
    assert "$(" not in text + private


def test_an_address_outside(built: Path) -> None:
    result = run("explain", built, "phone", "192.0.2.1")
    assert result.exit_code == 1
    assert "phone has no route into the tunnel for 192.0.2.1" in result.output


EXIT = """\
meshc: 1
network: {name: testnet, addresses: [10.44.0.0/24, "fd44::/64"]}
nodes:
  hub: {role: relay, endpoint: 192.0.3.1, exit_node: true}
  laptop: {exit: hub, exit_except: [192.168.0.0/16, 9.9.9.9]}
"""


def test_what_exit_except_leaves_out_is_said_to_be_left_out(tmp_path: Path) -> None:
    file = write_topology(tmp_path, EXIT)
    compile_file(file)
    result = run("explain", file, "laptop", "192.168.7.7")
    assert result.exit_code == 1
    assert (
        "Not through the exit, because exit_except of laptop leaves 192.168.7.7 out of its exit "
        "hub, as a part of 192.168.0.0/16: laptop sends it beside the tunnel.\n"
    ) in result.output
    data = json.loads(run("explain", file, "laptop", "9.9.9.9", "--json").stdout)
    assert data["beside_the_exit"].startswith("exit_except of laptop leaves 9.9.9.9 out of its")
    assert "as a part" not in data["beside_the_exit"]
    assert "Not through the exit" not in run("explain", file, "laptop", "1.1.1.1").output
