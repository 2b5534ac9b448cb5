"""Every command in the documentation is one: its name, its options, and their values.

Those of the tutorial are run as well (`test_tutorial.py`), and the topologies of all pages are
proven.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meshc.build.check import check_text
from meshc.diagnostics import Severity
from tests.support.documented_commands import fault, written

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
assert len(PAGES) > 10, "no documentation"
TOPOLOGIES = [
    (page.name, number, block)
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```yaml\n(meshc: 1\n.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    )
]
assert TOPOLOGIES, "no topology"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_one(page: Path) -> None:
    wrong = {str(one): fault(one) for one in written(page.read_text("utf-8"))}
    assert {one: why for one, why in wrong.items() if why} == {}


def test_there_are_commands_in_the_documentation() -> None:
    found = [one for page in PAGES for one in written(page.read_text("utf-8"))]
    assert len(found) > 150
    assert len({one.words[0] for one in found}) > 20


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("`meshc biuld mesh.yaml`", "'biuld' is no command"),
        ("`meshc keys rotat mesh.yaml`", "'rotat' is no command"),
        ("    meshc build mesh.yaml --outt x  # why", "No such option"),
        (
            "```\nmeshc verify --format yaml\n```",
            "--format is one of text, json, sarif, junit, git",
        ),
        ("    ./dev run graph --format", "Option '--format' requires an argument."),
        ("`meshc build mesh.yaml && meshc nothing`", "'nothing' is no command"),
    ],
)
def test_what_is_no_command_is_seen(line: str, why: str) -> None:
    said = [text for one in written(line) if (text := fault(one))]
    assert len(said) == 1
    assert said[0].startswith(why)


@pytest.mark.parametrize(
    ("page", "number", "text"), TOPOLOGIES, ids=[f"{name}-{n}" for name, n, _ in TOPOLOGIES]
)
def test_every_topology_of_a_page_is_sound(page: str, number: int, text: str) -> None:
    """But for the first of the tutorial, which is there to fail."""
    errors = {
        one.code
        for one in check_text(text.encode(), file=page).findings
        if one.severity is Severity.ERROR
    }
    assert errors == ({"E200"} if (page, number) == ("tutorial.md", 0) else set())
