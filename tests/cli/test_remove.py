"""`meshc remove` from the shell: the file says it afterwards, and builds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from meshc.cli import main

TEXT = """\
meshc: 1
network: {name: demo, addresses: [10.44.0.0/24]}
nodes:
  hub: {role: relay, endpoint: hub.demo-vpn.net}   # kept
  phone: {}
"""


def test_the_file_says_it_and_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mesh.yaml").write_text(TEXT)
    done = CliRunner().invoke(main, ["remove", "phone"])
    assert done.exit_code == 0, done.output
    text = Path("mesh.yaml").read_text()
    assert "# kept" in text
    nodes = yaml.safe_load(text)["nodes"]
    del nodes["hub"]
    assert nodes == {}
    built = CliRunner().invoke(main, ["build"])
    assert built.exit_code == 0, built.output
    there = {path.parent.name for path in Path("build").glob("*/wg0.conf")}
    assert there == {"hub"}
