"""`meshc graph` and `meshc qr` as people run them."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.build.pipeline import compile_file
from meshc.cli import main
from tests.support.workspaces import write_topology
from tests.test_examples import prepared

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DATA = re.compile(r'<script id="data" type="application/json">(.*?)</script>')
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
]


@pytest.mark.parametrize(
    ("suffix", "start"),
    [("mmd", "flowchart"), ("dot", "graph"), ("svg", "<svg"), ("html", "<!doctype html>")],
)
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str, start: str) -> None:
    file, picture = prepared("relay", tmp_path), tmp_path / f"mesh.{suffix}"
    result = CliRunner().invoke(main, ["graph", str(file), "-o", str(picture)])
    assert result.exit_code == 0, result.output
    assert picture.read_text().startswith(start)


@pytest.mark.parametrize("name", ["mesh.jpg", "mesh", "mesh.txt"])
def test_a_suffix_that_says_nothing_is_refused(tmp_path: Path, name: str) -> None:
    file, target = prepared("relay", tmp_path), tmp_path / name
    result = CliRunner().invoke(main, ["graph", str(file), "-o", str(target)])
    assert result.exit_code == 2
    assert ".svg" in result.output
    assert not target.exists()
    said = ["graph", str(file), "-o", str(target), "--format", "dot"]
    assert CliRunner().invoke(main, said).exit_code == 0
    assert target.read_text().startswith("graph")


def test_a_png_does_not_go_to_the_terminal(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["graph", str(prepared("relay", tmp_path)), "--format", "png"]
    )
    assert result.exit_code == 2
    assert "-o mesh.png" in result.output


def test_a_picture_needs_no_key_and_makes_none(tmp_path: Path) -> None:
    file = prepared("relay", tmp_path)
    shutil.rmtree(tmp_path / "keys")
    assert CliRunner().invoke(main, ["graph", str(file)]).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mesh.lock", "mesh.yaml"]


def test_a_mistake_in_the_file_is_shown_where_it_is(tmp_path: Path) -> None:
    file = write_topology(
        tmp_path, "meshc: 1\nnetwork: {name: n, addresses: 10.44.0.0/24}\nnodes:\n  a: {sight: x}\n"
    )
    done = CliRunner().invoke(main, ["graph", str(file)])
    assert done.exit_code == 1
    assert f"{file}:4:7: E110 unknown key" in done.stderr


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("example", ["relay", "large"])
def test_the_page_opens_in_a_browser_without_an_error(tmp_path: Path, example: str) -> None:
    file, page = prepared(example, tmp_path), tmp_path / "mesh.html"
    assert CliRunner().invoke(main, ["graph", str(file), "-o", str(page)]).exit_code == 0
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    assert "CONSOLE" not in done.stderr
    assert "Click a node, then another" in done.stdout


SCRIPT = """<script>
const click = i => document.querySelectorAll(".node")[i].dispatchEvent(new MouseEvent("click"));
const way = () => document.querySelector("path.way");
click(%d); click(%d);
document.body.dataset.way = way().getAttribute("d") + " " + getComputedStyle(way()).opacity;
document.body.dataset.told = document.getElementById("tell").textContent;
document.getElementById("name").value = "phone";
document.getElementById("name").dispatchEvent(new Event("input"));
document.body.dataset.found = document.getElementById("tell").textContent;
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.slow
def test_two_clicks_light_up_the_path_and_a_search_finds_a_node(tmp_path: Path) -> None:
    """Clicks, as on a telephone, where nothing can be pointed at. The relay stands between."""
    file, page = prepared("relay", tmp_path), tmp_path / "mesh.html"
    assert CliRunner().invoke(main, ["graph", str(file), "-o", str(page)]).exit_code == 0
    text = page.read_text()
    names = [node["name"] for node in json.loads(DATA.findall(text)[0])["nodes"]]
    script = SCRIPT % (names.index("laptop"), names.index("phone"))
    page.write_text(text.replace("</body>", script))
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    done = subprocess.run(
        [*command, page.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    way, told, found = (
        re.findall(rf'data-{name}="([^"]*)"', done.stdout)[0] for name in ("way", "told", "found")
    )
    assert way.startswith("M")
    assert way.count("M") == 2, "to the relay, and on from there"
    assert way.endswith(" 1"), "it does not fade with the other lines"
    assert "laptop → public-server1 → phone" in told
    assert found.startswith("phone")


def test_a_code_on_disk_is_for_its_owner_only(tmp_path: Path) -> None:
    file, picture = prepared("relay", tmp_path), tmp_path / "phone.png"
    compile_file(file)
    result = CliRunner().invoke(main, ["qr", str(file), "phone", "-o", str(picture)])
    assert result.exit_code == 0, result.output
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600


def test_a_code_of_an_unknown_node_names_a_near_one(tmp_path: Path) -> None:
    file = prepared("relay", tmp_path)
    compile_file(file)
    result = CliRunner().invoke(main, ["qr", str(file), "phon"])
    assert result.exit_code == 2
    assert "did you mean phone?" in result.output


def test_a_code_needs_a_build(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["qr", str(prepared("relay", tmp_path)), "phone"])
    assert result.exit_code == 2
    assert "build it first: meshc build" in result.output


def test_too_large_a_code_says_what_to_drop(tmp_path: Path) -> None:
    """Of servers that all reach each other: nobody forwards, so that no file holds hooks."""
    servers = "".join(f"  s{n:02}: {{endpoint: s{n:02}.example-vpn.dev}}\n" for n in range(40))
    head = "meshc: 1\nnetwork: {name: servers, addresses: 10.44.0.0/24}\nnodes:\n"
    file = write_topology(tmp_path, head + servers)
    compile_file(file)
    result = CliRunner().invoke(main, ["qr", str(file), "s00"])
    assert result.exit_code == 1
    assert "E500 the configuration of s00 has" in result.output
    assert "hint: " in result.output
