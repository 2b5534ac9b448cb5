"""`meshc keys rotate --live`: what it costs is said, and somebody has to agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meshc.cli import main
from meshc.cli.keys_live import told
from meshc.deploy.live_rotation import RotationCost
from meshc.keystore.pending_rotation import pending_path

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: 198.51.100.7, deploy: {host: hub.invalid}}
  leaf: {deploy: {host: leaf.invalid}}
  phone: {platform: ios}
"""


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("mesh.yaml").write_text(TEXT)
    return Path("mesh.yaml")


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["keys", "rotate", "mesh.yaml", *words])


def build() -> None:
    assert CliRunner().invoke(main, ["build", "mesh.yaml"]).exit_code == 0


def test_without_a_yes_it_is_said_and_not_begun(file: Path) -> None:
    build()
    before = Path("mesh.lock").read_text()
    found = run("hub", "--live")
    assert found.exit_code == 2
    assert "hub: a new key; leaf in the same moment, nothing is cut" in found.output
    assert "cut off from hub until they have their new file by hand: phone" in found.output
    assert "--yes says that it is meant" in found.output
    assert Path("mesh.lock").read_text() == before
    assert not pending_path(file).exists()


def test_what_was_begun_is_gone_on_with_by_the_same_command(file: Path) -> None:
    build()
    keys = {path: path.read_bytes() for path in Path("keys").iterdir()}
    found = run("--all", "--live", "--yes")
    assert found.exit_code == 2
    assert "hub" in found.output  # no such host
    assert {path: path.read_bytes() for path in Path("keys").iterdir()} == keys
    again = run("--live", "--yes")
    assert "leaf: a new key; hub in the same moment" in again.output
    assert pending_path(file).exists()
    assert "an earlier rotation has not ended" in run("leaf", "--live").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--live"], "name the nodes"),
        (["--live", "--psk", "hub"], "--live takes nodes, or --all, or --psk"),
        (["--live", "--all", "--psk"], "--live takes nodes, or --all, or --psk"),
        (["--live", "--every", "90d"], "--live takes nodes, or --all, or --psk"),
        (["--all"], "--all goes with --live"),
    ],
)
def test_options_that_do_not_go_together(words: list[str], said: str) -> None:
    found = run(*words)
    assert found.exit_code == 2
    assert said in found.output


def test_a_node_without_a_key_is_built_first() -> None:
    found = run("hub", "--live", "--yes")
    assert found.exit_code == 2
    assert "no key was built yet" in found.output


def test_many_names_are_counted() -> None:
    names = tuple(f"node{number}" for number in range(20))
    assert told(RotationCost("", names, ())).endswith(
        "node11 and 8 more get them in the same moment, nothing is cut"
    )
