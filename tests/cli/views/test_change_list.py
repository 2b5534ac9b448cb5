"""The changes of a build: nodes that are alike stand together, commands stand alone."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest

from meshc.build.pipeline import BuildResult, compile_file
from meshc.cli.views.change_list import LONG, ROUTES, print_changes
from meshc.cli.views.page import PlainPage
from meshc.lab.commands import CommandResult, RunCommand
from meshc.lab.lab_session import open_session
from meshc.lab.lab_source import read_source
from meshc.lab.world.keeper import HostFiles
from meshc.secret import SecretBytes
from tests.support.workspaces import LEAF, STAR, write_topology

PLATFORMS = """\
  mac: {platform: macos}
  wrt: {platform: openwrt}
  tik: {platform: routeros}
"""


def told(
    directory: Path, text: str, capsys: pytest.CaptureFixture[str], *, everything: bool = False
) -> str:
    """What is printed of a build over what was built there before."""
    result: BuildResult = compile_file(write_topology(directory, text))
    capsys.readouterr()
    print_changes(PlainPage(), result, everything=everything)
    return capsys.readouterr().out


def test_every_platform_is_told_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(tmp_path, STAR + PLATFORMS, capsys)
    for name, then in (
        ("hub, laptop", "copy it to /etc/wireguard/ there, then\n      wg-quick up wg0\n"),
        ("phone", f"scan it:\n      meshc qr {tmp_path}/mesh.yaml phone\n"),
        ("mac", "import it there\n"),
        ("wrt", "run the script there: sh, as root\n"),
        ("tik", "run the script there: /import\n"),
    ):
        head, _, rest = text.partition(f"\n  {name}: added: ")
        assert rest.split("\n", 1)[1].startswith(f"    {then}"), head


def test_what_several_phones_scan_has_no_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(tmp_path, STAR + "  other: {platform: ios}\n", capsys)
    assert "\n  other, phone: added: " in text
    assert f"      meshc qr {tmp_path}/mesh.yaml NODE\n" in text


def test_a_removed_node_is_taken_down_and_a_new_peer_only_synced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(tmp_path, STAR + LEAF, capsys)
    text = told(tmp_path, STAR, capsys)
    assert "    delete its file there, after\n      wg-quick down wg0\n" in text
    hub = text.partition("\n  hub: changed: ")[2].splitlines()
    assert "peer − tablet" in hub[0]
    assert hub[2] == "      wg syncconf wg0 <(wg-quick strip wg0)"
    assert hub[3].startswith("      ip route del 10.44.0.")
    assert hub[4].startswith("      ip -6 route del fd44::")
    assert "Nothing changed: 7 files" in told(tmp_path, STAR, capsys)


def test_what_wg_does_not_change_while_it_runs_is_a_restart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(tmp_path, STAR, capsys)
    text = told(tmp_path, STAR.replace("role: relay,", "role: relay, mtu: 1300,"), capsys)
    assert "there, between\n      wg-quick down wg0\n      wg-quick up wg0\n" in text


def test_too_many_routes_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(tmp_path, STAR, capsys)
    leaves = "".join(f"  leaf{n:02}: {{}}\n" for n in range(ROUTES))
    text = told(tmp_path, STAR + leaves, capsys)
    assert f"      meshc reload wg0  # {2 * ROUTES} routes; --json lists them\n" in text


def test_a_long_list_is_cut_unless_all_of_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaves = "".join(f"  leaf{n:02}: {{}}\n" for n in range(LONG))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    short = told(tmp_path / "a", STAR + leaves, capsys)
    whole = told(tmp_path / "b", STAR + leaves, capsys, everything=True)
    assert "… and 3 more (--all shows them)" in short
    assert "--all" not in whole
    assert short.count("leaf") < whole.count("leaf") == LONG


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("nft") is None, reason="nft is not installed")
@pytest.mark.skipif(shutil.which("wg-quick") is None, reason="wg-quick is not installed")
def test_the_printed_commands_add_a_phone_to_a_running_relay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the sessions that are there none loses a packet, and the phone is reached."""
    told(tmp_path, STAR, capsys)
    old = (tmp_path / "build/hub/wg0.conf").read_bytes()
    text = told(tmp_path, STAR + LEAF, capsys)
    block = text.partition("\n  hub: changed: ")[2].splitlines()[2:]
    commands = [line.strip() for line in takewhile(lambda line: line[:6] == " " * 6, block)]
    assert commands[0].startswith("wg syncconf")

    source = read_source(tmp_path / "mesh.yaml", tmp_path / "build")
    hub = source.files["hub"]
    before = {"wg0.conf": SecretBytes(old), "new.conf": hub.files["wg0.conf"]}
    running = replace(source, files={**source.files, "hub": HostFiles(before, hub.hosts)})
    session = open_session(running, runner="wg-quick")

    def at(place: str, script: str) -> CommandResult:
        return session.lab.call(place, RunCommand(("bash", "-ec", script)), timeout=120)

    with session.lab:
        hub_address = source.addresses("hub")[4]
        at("laptop", f"ping -n -q -i 0.05 {hub_address} > /tmp/goes-on & echo $! > /tmp/pid")
        wait_until(lambda: at("hub", "wg show wg0 latest-handshakes | grep -v '\\b0$'").code == 0)
        lost = at("tablet", f"ping -c 1 -W 1 {hub_address} || exit 9")
        assert lost.code == 9, "nobody knows it yet"
        script = ["cp /etc/wireguard/new.conf /etc/wireguard/wg0.conf", *commands]
        done = at("hub", "\n".join(script))
        assert done.code == 0, done.output
        for family in (4, 6):
            for a, b in (("tablet", "laptop"), ("laptop", "tablet"), ("hub", "tablet")):
                reached = at(a, f"ping -n -c 1 -W 30 {source.addresses(b)[family]}")
                assert reached.code == 0, (a, b, reached.output)
        at("laptop", "kill -INT $(cat /tmp/pid)")
        wait_until(lambda: "packet loss" in at("laptop", "cat /tmp/goes-on").output)
        assert " 0% packet loss" in at("laptop", "cat /tmp/goes-on").output


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
