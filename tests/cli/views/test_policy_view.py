"""Lines of at most 80 columns, and tables for Markdown."""

from __future__ import annotations

from meshc.cli.views.policy_view import change_text, reach_text
from meshc.topology.language.spec import EVERYTHING, Service
from meshc.topology.obligations.reach import ReachLine
from tests.support.specs import node, spec

MANY = ReachLine(tuple(f"node-{n}" for n in range(30)), ("x",), (Service("tcp", 1, 9), EVERYTHING))


def test_a_long_line_is_broken_between_names() -> None:
    text = change_text([MANY], [], markdown=False)
    assert max(map(len, text.split("\n"))) <= 80
    assert all(f"node-{n}" in text for n in range(30))


def test_markdown_is_a_table() -> None:
    text = change_text([], [MANY], markdown=True)
    assert text.startswith("### Closes\n\n| from | to | services |\n|---|---|---|\n| node-0,")


def test_without_policies_everybody_reaches_everybody() -> None:
    assert reach_text(spec([node("a")]), [], markdown=False).startswith("No policies")
