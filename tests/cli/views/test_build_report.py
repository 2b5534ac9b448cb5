"""What `meshc build` says: paths, losses, changes, and what to do on every platform."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.build.pipeline import BuildResult, compile_file
from meshc.cli.views.build_report import (
    print_refusal,
    print_report,
    refusal_as_json,
    report_as_json,
)
from meshc.cli.views.change_list import LONG
from meshc.errors import Refused
from meshc.topology.proof.verdict import PairCounts
from tests.support.workspaces import LEAF, STAR, write_topology

PLATFORMS = """\
  mac: {platform: macos}
  wrt: {platform: openwrt}
  tik: {platform: routeros}
  theirs: {managed: false, public_key: "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="}
  own: {private_key_file: /etc/wireguard/key, public_key: \
"xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="}
"""


def built(directory: Path, text: str = STAR) -> BuildResult:
    return compile_file(write_topology(directory, text))


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def report(
    result: BuildResult, capsys: pytest.CaptureFixture[str], *, everything: bool = False
) -> str:
    capsys.readouterr()
    print_report(result, everything=everything)
    return capsys.readouterr().out


def line(text: str, *start: str) -> str:
    """The last line that begins with these words."""
    return [one for one in text.splitlines() if tuple(one.split()[: len(start)]) == start][-1]


@pytest.mark.usefixtures("wide")
def test_the_matrix_has_a_dot_a_letter_or_a_cross(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = built(tmp_path)
    text = report(result, capsys)
    assert line(text, "1", "hub").split()[2:] == ["●", "●"]
    assert line(text, "2", "laptop").split()[2:] == ["●", "A"]
    assert "lost" not in text
    paths = {**(result.verdict.paths or {}), ("hub", "phone"): ()}
    lossy = replace(
        result, verdict=replace(result.verdict, paths=paths, pairs={4: PairCounts(6, 5, 4)})
    )
    text = report(lossy, capsys)
    assert line(text, "1", "hub").split()[2:] == ["●", "×"]
    assert "IPv4: 6 pairs walked, 1 lost; 4 direct, 1 through relays." in text


@pytest.mark.usefixtures("wide")
def test_pairs_that_policies_keep_apart_look_like_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = "policies: [{from: laptop, to: hub, allow: tcp/22}]\n"
    text = report(built(tmp_path, STAR + rules), capsys)
    assert line(text, "1", "hub").split()[2:] == ["–", "–"]
    assert line(text, "2", "laptop").split()[2:] == ["●", "–"]
    assert "– nothing may begin" in text


@pytest.mark.usefixtures("wide")
def test_who_keeps_a_key_and_who_is_not_managed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = report(built(tmp_path, STAR + PLATFORMS), capsys)
    assert "not managed" in line(text, "theirs")
    assert "Without a PrivateKey line, because the key is kept there: own." in text


@pytest.mark.usefixtures("wide")
def test_next_offers_only_what_can_work_one_below_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def offered(text: str) -> list[str]:
        lines = text.partition("Next\n")[2].splitlines()
        assert len({len(line) - len(line.rpartition("  ")[2]) for line in lines}) == 1
        return [line.split()[1] for line in lines]

    monkeypatch.setattr("sys.platform", "linux")
    plain = built(tmp_path)
    assert offered(report(plain, capsys)) == ["lab", "graph"]
    hosts = STAR.replace("{role: relay,", "{role: relay, deploy: {host: hub},")
    assert offered(report(built(tmp_path, hosts + LEAF), capsys)) == ["lab", "deploy", "graph"]
    monkeypatch.setattr("sys.platform", "darwin")
    assert offered(report(plain, capsys)) == ["graph"]


@pytest.mark.usefixtures("wide")
def test_a_long_list_is_cut_unless_all_of_it_is_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leaves = "".join(f"  leaf{n:02}: {{}}\n" for n in range(LONG))
    result = built(tmp_path, STAR + leaves)
    short = report(result, capsys)
    assert short.count("… and 3 more (--all shows them)") == 2  # nodes, and changes
    whole = report(result, capsys, everything=True)
    assert "(--all shows them)" not in whole
    # the phone, which comes last, is no Linux machine
    for text, expected in ((short, LONG), (whole, LONG + 2)):
        rows = [one.split()[0] for one in text.splitlines() if one.split()[1:2] == ["linux"]]
        assert len(rows) == expected
        assert set(rows) <= set(result.plan.nodes)


def test_json_has_what_the_text_has(tmp_path: Path) -> None:
    result = built(tmp_path, STAR + PLATFORMS)
    data = json.loads(report_as_json(result))
    nodes = {node["name"]: node for node in data["nodes"]}
    assert set(nodes) == set(result.plan.nodes)
    assert nodes["hub"]["endpoints"] == ["hub.example-vpn.dev:51820"]
    assert (nodes["theirs"]["managed"], nodes["wrt"]["platform"]) == (False, "openwrt")
    assert data["pairs"]["ipv4"]["all"] == result.verdict.pairs[4][0]
    assert {change["node"] for change in data["changes"]} == set(nodes) - {"theirs"}
    assert {file["path"]: file["mode"] for file in data["files"]}["hub/wg0.conf"] == "0600"


def test_a_refusal_is_findings_and_that_nothing_was_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Refused) as refused:
        built(tmp_path, STAR.replace("role: relay", "rolle: relay"))
    print_refusal(refused.value)
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{tmp_path}/mesh.yaml:6:" in said.err
    assert said.err.endswith("Nothing was written.\n")
    codes = {found["code"] for found in json.loads(refusal_as_json(refused.value))["findings"]}
    assert "E110" in codes
