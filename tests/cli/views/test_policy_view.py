"""Lines of at most 80 columns, and tables for Markdown."""

from __future__ import annotations

from meshc.cli.views.policy_view import change_summary, change_text, reach_text
from meshc.topology.language.spec import EVERYTHING, Service
from meshc.topology.obligations.reach import ReachChange, ReachLine
from tests.support.specs import node, spec

MANY = ReachLine(tuple(f"node-{n}" for n in range(30)), ("x",), (Service("tcp", 1, 9), EVERYTHING))


def test_a_long_line_is_broken_between_names() -> None:
    text = change_text(ReachChange((MANY,)), markdown=False)
    assert max(map(len, text.split("\n"))) <= 80
    assert all(f"node-{n}" in text for n in range(30))


def test_a_lan_and_its_address_stay_in_one_line() -> None:
    names = tuple(f"office:lan 192.168.7.{n}/32" for n in range(20))
    text = change_text(ReachChange((ReachLine(("x",), names, (EVERYTHING,)),)), markdown=False)
    assert max(map(len, text.split("\n"))) <= 80
    assert all(name in text for name in names)


def test_markdown_is_a_table() -> None:
    text = change_text(ReachChange(closes=(MANY,)), markdown=True)
    assert text.startswith("### Closes\n\n| from | to | services |\n|---|---|---|\n| node-0,")


def test_without_policies_everybody_reaches_everybody() -> None:
    assert reach_text(spec([node("a")]), [], markdown=False).startswith("No policies")


def test_a_summary_counts_and_shows_the_first_lines() -> None:
    lines = tuple(ReachLine((f"n{n}",), ("x",), (EVERYTHING,)) for n in range(7))
    told = change_summary(ReachChange(lines, (), 1_234, 0))
    assert told[:2] == ["Opens something for 1,234 ordered pairs", "  + n0 → x: all"]
    assert told[-1] == "  … and 2 more lines (--json has all)"
    assert len(told) == 7
    (title, line, *note) = change_summary(ReachChange((), lines[:1], 0, 1))
    assert (title, line) == ("Closes something for 1 ordered pair", "  - n0 → x: all")
    assert "conntrack -D" in note[0]
    assert change_summary(ReachChange()) == []
