"""`meshc keys rotate --every`: who is due is said, and nothing is changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.keys import PrivateKey

ELSEWHERE = PrivateKey(bytes(range(32))).public_key()
TEXT = f"""\
meshc: 1
network: {{name: demo, addresses: [10.44.0.0/24]}}
nodes:
  hub: {{role: relay, endpoint: hub.demo-vpn.net}}
  phone: {{}}
  partner: {{public_key: "{ELSEWHERE}"}}
"""


@pytest.fixture
def aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Path, bytes]:
    """Keys of which that of hub is 100 days old; what lies there."""
    monkeypatch.chdir(tmp_path)
    Path("mesh.yaml").write_text(TEXT)
    assert CliRunner().invoke(main, ["keys", "generate"]).exit_code == 0
    (hub,) = Path("keys").glob("hub*")
    then = time.time() - 100 * 86400
    os.utime(hub, (then, then))
    return _lying()


def _lying() -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def test_who_is_due_is_named_with_the_days_and_nothing_is_changed(aged: dict[Path, bytes]) -> None:
    done = CliRunner().invoke(main, ["keys", "rotate", "--every", "90d"])
    assert done.exit_code == 3, done.output
    assert done.output.splitlines()[0] == "hub: 100 days"
    assert "not known: partner" in done.output
    assert "meshc keys rotate hub" in done.output
    assert _lying() == aged


def test_nobody_is_due_before_the_time_is_over(aged: dict[Path, bytes]) -> None:
    done = CliRunner().invoke(main, ["keys", "rotate", "--every", "101d", "--json"])
    assert done.exit_code == 0
    told = json.loads(done.output)
    assert (told["due"], told["unknown"]) == ([], ["partner"])
    assert _lying() == aged


@pytest.mark.parametrize("more", [["hub"], ["--psk"]])
def test_it_goes_with_no_change(aged: dict[Path, bytes], more: list[str]) -> None:
    done = CliRunner().invoke(main, ["keys", "rotate", "--every", "90d", *more])
    assert done.exit_code == 2
    assert _lying() == aged
