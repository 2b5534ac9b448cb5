"""`meshc schema`."""

from __future__ import annotations

import json

from click.testing import CliRunner

from meshc.cli import main


def test_it_prints_the_schema() -> None:
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.output)["required"] == ["meshc", "network", "nodes"]


def test_it_prints_the_page() -> None:
    result = CliRunner().invoke(main, ["schema", "--format", "markdown"])
    assert result.exit_code == 0
    assert result.output.startswith("# The language\n")
