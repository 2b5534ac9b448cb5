"""How a node is named to `down` and `status`, and how an outcome is told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from meshc.cli.node_target import running_interface, tell
from meshc.errors import NodeError
from meshc.node import LifecycleOutcome
from tests.support import wgconf

DONE = LifecycleOutcome("wg0", "laptop", "kernel", ("create wg0",), ("by the way",), False)


def test_what_is_up_goes_before_a_file_and_that_before_a_bare_name(tmp_path: Path) -> None:
    wgconf.write(tmp_path / "build/laptop", "wg5", wgconf.interface())
    build, running = tmp_path / "build", tmp_path / "run"
    running.mkdir()
    assert running_interface("laptop", build, running) == "wg5"
    (running / "laptop.json").write_text("{}")
    assert running_interface("laptop", build, running) == "laptop"
    assert running_interface("wg9", build, running) == "wg9"
    with pytest.raises(NodeError):
        running_interface("no/such.conf", build, running)


@pytest.mark.parametrize(
    ("outcome", "last"),
    [
        (DONE, "laptop (wg0): up, engine kernel"),
        (replace(DONE, steps=()), "laptop (wg0): nothing to do, engine kernel"),
        (replace(DONE, dry_run=True), "  create wg0"),
        (replace(DONE, dry_run=True, steps=()), "laptop (wg0): nothing to change"),
        (replace(DONE, node=""), "wg0: up, engine kernel"),
    ],
)
def test_the_last_line_says_how_it_ended(
    outcome: LifecycleOutcome, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(outcome, "up", as_json=False)
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == last
    assert said.err == "note: by the way\n"


def test_json_is_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    tell(DONE, "up", as_json=True)
    assert json.loads(capsys.readouterr().out)["notes"] == ["by the way"]
