"""The changes of a build: nodes that are alike stand together, commands stand alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshc.build.pipeline import BuildResult, compile_file
from meshc.cli.views.change_list import LONG, ROUTES, print_changes
from meshc.cli.views.page import PlainPage
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
