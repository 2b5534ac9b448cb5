"""Who may reach what as one HTML file: no script, no font, nothing from elsewhere; light and dark.

A matrix of classes for wide screens, and the same as a list, class by class, for narrow ones and
for search; a class unfolds to its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from meshc.topology.language.spec import EVERYTHING, PolicySpec, Service, Spec
from meshc.topology.obligations.reach_table import ReachClass, ReachTable

_MOST_SERVICES = 3
_FEW_MEMBERS = 1


def policy_page(spec: Spec, table: ReachTable, untested: Sequence[PolicySpec] = ()) -> str:
    """The whole page."""
    name = escape(spec.network.name)
    pairs = sum(
        len(table.classes[i].members) * (len(table.classes[j].members) - (i == j))
        for i, j in table.cells
    )
    about = (
        f"{len(spec.policies):,} rules let {pairs:,} ordered pairs begin something"
        if spec.policies is not None
        else "No policies: everybody reaches everybody"
    )
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{name}: who may reach what</title><style>{_STYLE}</style></head><body>",
        f"<header><h1>{name}</h1><p>{about}</p></header><main>",
        _matrix(table),
        _list(table),
        _untested(untested),
        "</main></body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _matrix(table: ReachTable) -> str:
    heads = "".join(f"<th><span>{_label(one)}</span></th>" for one in table.classes)
    rows = []
    for i, one in enumerate(table.classes):
        if one.sends:
            cells = "".join(_cell(table, i, j) for j in range(len(table.classes)))
            rows.append(f"<tr><th>{_label(one)}</th>{cells}</tr>")
    return (
        '<section class="wide"><h2>From row to column</h2>'
        '<div class="scroll" tabindex="0" role="group" aria-label="Matrix of classes">'
        f'<table class="matrix"><thead><tr><td></td>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        '<p class="legend"><span class="all">all</span> everything '
        '<span class="some">tcp/443</span> only that <span class="none">–</span> nothing; '
        "answers always pass</p></section>"
    )


def _cell(table: ReachTable, i: int, j: int) -> str:
    one, other = table.classes[i], table.classes[j]
    if i == j and len(one.members) == 1:
        return '<td class="same"></td>'
    services = table.cells.get((i, j), ())
    ends = escape(f"{_text(one)} → {_text(other)}: {_services(services) or 'nothing'}", quote=True)
    if not services:
        return f'<td class="none" title="{ends}">–</td>'
    kind = "all" if services == (EVERYTHING,) else "some"
    shown = "<br>".join(escape(str(one)) for one in services[:_MOST_SERVICES])
    more = f"<br>+{len(services) - _MOST_SERVICES}" if len(services) > _MOST_SERVICES else ""
    return f'<td class="{kind}" title="{ends}">{shown}{more}</td>'


def _list(table: ReachTable) -> str:
    items = []
    for i, one in enumerate(table.classes):
        out = [
            f"<li>{_label(other)}<b{' class=all' if table.cells[i, j] == (EVERYTHING,) else ''}>"
            f"{escape(_services(table.cells[i, j]))}</b></li>"
            for j, other in enumerate(table.classes)
            if (i, j) in table.cells
        ]
        body = f"<ul>{''.join(out)}</ul>" if out else "<p>may begin nothing</p>"
        if one.sends:
            members = _members(one)
            items.append(f"<article><h3>{_label(one)}</h3>{members}{body}</article>")
    return f"<section><h2>Who may begin what</h2>{''.join(items)}</section>"


def _members(one: ReachClass) -> str:
    if len(one.members) <= _FEW_MEMBERS:
        return ""
    names = escape(", ".join(one.members))
    return f"<details><summary>{len(one.members):,} members</summary><p>{names}</p></details>"


def _untested(rules: Sequence[PolicySpec]) -> str:
    if not rules:
        return ""
    items = "".join(f"<li>{escape(rule_words(rule))}</li>" for rule in rules)
    return f"<section><h2>Rules without a test</h2><ul>{items}</ul></section>"


def rule_words(rule: PolicySpec) -> str:
    """Where a rule stands, what it allows and why."""
    where = f"line {rule.location.line}" if rule.location is not None else f"rule {rule.index + 1}"
    why = f" ({rule.why})" if rule.why else ""
    return f"{where}: {_services(rule.services)}{why}"


def _label(one: ReachClass) -> str:
    return escape(_text(one))


def _text(one: ReachClass) -> str:
    """The parts of one LAN under its name."""
    lans: dict[str, list[str]] = {}
    for name in one.names:
        whole, _, part = name.partition(" ")
        lans.setdefault(whole, []).append(part)
    return ", ".join(f"{whole} {', '.join(parts)}".rstrip() for whole, parts in lans.items())


def _services(services: Sequence[Service]) -> str:
    return ", ".join(map(str, services))


# Colours by meaning, each readable on both grounds (contrast 4.5:1 and more).
_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d9dee4;--card:#f5f7f9;
--all:#7d4e00;--some:#116329;--allbg:#fbeed2;--somebg:#dff3e4}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--soft:#9aa5b1;--line:#323a43;
--card:#1d2228;--all:#f0c36a;--some:#6fdc8c;--allbg:#352a10;--somebg:#15301d}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif}header{padding:1.6rem 1.5rem 1.2rem;
border-bottom:1px solid var(--line)}h1{margin:0;font-size:1.8rem;overflow-wrap:anywhere}
header p{margin:.2rem 0 0;color:var(--soft)}main{padding:0 1.5rem 3rem}
h2{font-size:1.2rem;margin:2rem 0 .6rem}.scroll{overflow:auto;max-height:85vh}
table{border-collapse:separate;border-spacing:2px}
.matrix td{min-width:4.6rem;height:2.4rem;padding:.2rem .4rem;text-align:center;border-radius:.4rem;
font-size:.78rem;line-height:1.25;background:var(--card);color:var(--soft)}
.matrix th{font-weight:500;font-size:.85rem;padding:.2rem .5rem;text-align:right;max-width:16rem}
.matrix thead th{vertical-align:bottom;text-align:left}
.matrix thead span{writing-mode:vertical-rl;transform:rotate(180deg);max-height:12rem}
.matrix thead :is(th,td){position:sticky;top:0;z-index:1;background:var(--bg)}
.matrix tbody th{position:sticky;left:0;background:var(--bg)}
.matrix td.all,.legend .all{background:var(--allbg);color:var(--all)}
.matrix td.some,.legend .some{background:var(--somebg);color:var(--some)}
.matrix td.same{background:none}.legend{color:var(--soft);font-size:.85rem}
.legend span{padding:.1rem .4rem;border-radius:.3rem;margin-left:.5rem}
article{background:var(--card);border-radius:.6rem;padding:.7rem 1rem;margin:.6rem 0;
max-width:60rem}h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
article p{margin:.2rem 0 0;color:var(--soft);overflow-wrap:anywhere}
article ul{list-style:none;margin:.4rem 0 0;padding:0}
article li{display:flex;flex-wrap:wrap;gap:.2rem 1rem;justify-content:space-between;
border-top:1px solid var(--line);padding:.3rem 0;overflow-wrap:anywhere}
article li b{font-weight:500;color:var(--some)}article li b.all{color:var(--all)}
summary{cursor:pointer;color:var(--soft)}
@media(max-width:640px){.wide{display:none}header,main{padding-left:1rem;padding-right:1rem}}
"""
