"""`meshc door` on a relay: a wish on standard input, JSON back."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from meshc.agent.door_files import DoorFiles
from meshc.agent.door_wish import wish_text
from meshc.cli import main
from tests.support.enrolments import a_pass


def test_a_wish_is_fulfilled(tmp_path: Path) -> None:
    wish = wish_text({"doors": [a_pass().reveal()], "answers": {}}).decode()
    done = CliRunner().invoke(main, ["door", "wg0", "--run-dir", str(tmp_path)], input=wish)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["requests"] == {a_pass().identifier: {}}
    assert DoorFiles("wg0", tmp_path).passes()


def test_anything_else_is_refused(tmp_path: Path) -> None:
    for interface, text in (("wg0", "hello"), ("../x", "{}"), ("wg0", "{}")):
        done = CliRunner().invoke(main, ["door", interface, "--run-dir", str(tmp_path)], input=text)
        assert done.exit_code == 2
        assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []
