"""Who may reach what, as text of 80 columns, Markdown and data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meshc.topology.language.spec import PolicySpec, Spec
    from meshc.topology.obligations.reach import ReachChange, ReachLine

_WIDTH = 80
_FIRST = 5
# a space at which no line is broken
_SPACE = "\N{NO-BREAK SPACE}"
_GOES_ON = (
    "Connections that exist already go on until they end; "
    "`conntrack -D -s SOURCE -d TARGET` on the receiver and the relays ends them."
)


def reach_text(
    spec: Spec, lines: list[ReachLine], markdown: bool, untested: Sequence[PolicySpec] = ()
) -> str:
    """A paragraph for each set of sources, then the rules without a test."""
    if spec.policies is None:
        return "No policies: everybody reaches everybody."
    if not lines:
        return "The policies allow nothing to anybody."
    from meshc.render.policy_page import (
        rule_words,  # with HTML's tables, which a build has no use for
    )

    bare = [rule_words(rule) for rule in untested]
    if markdown:
        more = ["", "### Rules without a test", "", *(f"- {words}" for words in bare)]
        return "\n".join([_table(lines), *(more if bare else ())])
    parts = []
    for sources in dict.fromkeys(line.sources for line in lines):
        parts.append(_wrapped(_ends(sources), 0))
        parts += [
            _wrapped(f"→ {_ends(line.targets)}: {_services(line)}", 2)
            for line in lines
            if line.sources == sources
        ]
    if bare:
        parts += ["", "Rules without a test", *(_wrapped(words, 2) for words in bare)]
    return "\n".join(parts)


def change_text(change: ReachChange, markdown: bool) -> str:
    """What a change opens, then what it closes."""
    opens, closes = change.opens, change.closes
    if not opens and not closes:
        return "The policies let everybody reach what they reached before."
    parts = []
    for title, lines, mark in (("Opens", opens, "+"), ("Closes", closes, "-")):
        if not lines:
            continue
        if markdown:
            parts += [f"### {title}", "", _table(lines), ""]
            continue
        parts.append(title)
        parts += [_change_line(line, mark) for line in lines]
    if closes:
        parts.append(_GOES_ON if markdown else _wrapped(_GOES_ON, 0))
    return "\n".join(parts).rstrip()


def change_summary(change: ReachChange) -> list[str]:
    """How much a change opens and closes, and the first lines of each; nothing for nothing."""
    lines = []
    for title, count, some, mark in (
        ("Opens", change.opened, change.opens, "+"),
        ("Closes", change.closed, change.closes, "-"),
    ):
        if not some:
            continue
        lines.append(f"{title} something for {count:,} ordered pair{'' if count == 1 else 's'}")
        lines += [_change_line(line, mark) for line in some[:_FIRST]]
        if len(some) > _FIRST:
            lines.append(f"  … and {len(some) - _FIRST:,} more lines (--json has all)")
    if change.closes:
        lines.append(_wrapped(_GOES_ON, 0))
    return lines


def reach_data(lines: Iterable[ReachLine], untested: Iterable[PolicySpec] = ()) -> dict[str, Any]:
    """For JSON."""
    rules = [
        {"index": one.index, "line": one.location.line if one.location else None, "why": one.why}
        for one in untested
    ]
    return {"reach": [_data(line) for line in lines], "untested": rules}


def change_data(change: ReachChange) -> dict[str, Any]:
    """For JSON."""
    sides = {"opens": change.opens, "closes": change.closes}
    return {name: [_data(line) for line in lines] for name, lines in sides.items()}


def _change_line(line: ReachLine, mark: str) -> str:
    ends = f"{_ends(line.sources)} → {_ends(line.targets)}"
    return _wrapped(f"{mark} {ends}: {_services(line)}", 2)


def _data(line: ReachLine) -> dict[str, Any]:
    return {
        "from": list(line.sources),
        "to": list(line.targets),
        "services": [str(service) for service in line.services],
    }


def _ends(names: Sequence[str]) -> str:
    """One end; a name with its address is one word."""
    return ", ".join(name.replace(" ", _SPACE) for name in names)


def _services(line: ReachLine) -> str:
    return ", ".join(map(str, line.services))


def _table(lines: Iterable[ReachLine]) -> str:
    rows = ["| from | to | services |", "|---|---|---|"]
    rows += [
        f"| {', '.join(line.sources)} | {', '.join(line.targets)} | {_services(line)} |"
        for line in lines
    ]
    return "\n".join(rows)


def _wrapped(text: str, indent: int) -> str:
    inner = " " * (indent + 2)
    filled = textwrap.fill(
        text,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=inner,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_SPACE, " ")
