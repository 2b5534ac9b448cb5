"""A report as one HTML file: no script, no font, nothing from elsewhere; light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from meshc.lab.report.lab_report import (
    KINDS,
    Cell,
    Check,
    Key,
    LabReport,
    arrow,
    axes,
    count,
    named,
    pairs_in_words,
)

MOST_PAIRS = 12
FEW_PAIRS = 3
MARKS = {"direct": "●", "relayed": "○", "blocked": "–", "broken": "!", "wrong": "✗"}
WORDS = {
    "direct": "direct",
    "relayed": "over relays",
    "blocked": "blocked, as proven",
    "broken": "broken, as proven",
    "wrong": "not as proven",
}


def render_html(report: LabReport) -> str:
    """The whole page."""
    verdict = report.verdict[0].upper() + report.verdict[1:]
    title = f"{report.network}: {report.verdict}"
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f'<header class="{"good" if report.passed else "bad"}"><h1>{escape(report.network)}</h1>',
        f"<p>{escape(verdict)}</p></header><main>",
        _numbers(report),
        _matrix(report.cells),
        _failures(report),
        _blocked(report),
        _checks(report.checks),
        _pairs(report.cells),
        _nodes(report),
        "</main></body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _numbers(report: LabReport) -> str:
    total = count(report.cells)
    tiles = [(f"{number:,}", WORDS[word], word) for word, number in total.items() if number]
    tiles.append((str(len(report.engines)), "nodes", ""))
    if report.checks:
        passed = sum(check.passed for check in report.checks)
        tiles.append((f"{passed}/{len(report.checks)}", "checks passed", ""))
    seconds = sum(report.seconds.get(name, 0.0) for name in ("up", "test"))
    tiles.append((f"{seconds:.1f} s", "all in all", ""))
    items = "".join(
        f'<li class="{kind}"><b>{escape(number)}</b><span>{escape(word)}</span></li>'
        for number, word, kind in tiles
    )
    return f'<ul class="tiles">{items}</ul>'


def _failures(report: LabReport) -> str:
    groups = report.failure_groups()
    if not groups:
        return ""
    items = "".join(_failure(problem, keys) for problem, keys in groups)
    steps = "\n".join(escape(step) for step in report.next_steps())
    title = "What is not as asked for" if report.agrees else "What differs"
    return (
        f'<section class="failures"><h2>{title}</h2><ul class="tall">{items}</ul></section>'
        f"<section><h2>Look into it</h2><pre>{steps}</pre></section>"
    )


def _failure(problem: str, keys: Sequence[Key]) -> str:
    """One problem with its pairs, the rest of many folded away."""
    if not keys:
        return f"<li>{escape(problem)}</li>"
    few = f"<b>{escape(named(keys, FEW_PAIRS))}</b>: {escape(problem)}"
    if len({key[:2] for key in keys}) <= FEW_PAIRS:
        return f"<li>{few}</li>"
    return f"<li><details><summary>{few}</summary>{escape(named(keys, len(keys)))}</details></li>"


def _matrix(cells: Sequence[Cell]) -> str:
    """Rows send, columns receive; the mark is the worse of both families."""
    by_pair: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        by_pair.setdefault((cell.key.source, cell.key.target), []).append(cell)
    sources, targets = axes(cells)
    head = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in targets)
    rows = []
    for source in sources:
        row = "".join(_square(by_pair.get((source, target), [])) for target in targets)
        rows.append(f'<tr><th scope="row">{escape(source)}</th>{row}</tr>')
    legend = " ".join(
        f'<span class="{kind}">{MARKS[kind]} {escape(word)}</span>' for kind, word in WORDS.items()
    )
    return (
        f'<section><h2>Every pair</h2><p class="legend">{escape(pairs_in_words(cells))}. '
        "Rows send, columns receive. "
        f"{legend}. Numbers are round trips in milliseconds.</p>"
        '<div class="scroll" tabindex="0" role="group" aria-label="Matrix of round trips">'
        f'<table class="matrix"><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>"
    )


def _blocked(report: LabReport) -> str:
    """Each reason once, with the pairs that it costs."""
    rows = []
    for reason, keys in report.blocked().items():
        pairs = escape(named(keys, MOST_PAIRS))
        rows.append(f"<tr><td>{escape(reason)}</td><td>{pairs}</td></tr>")
    if not rows:
        return ""
    head = "<thead><tr><th>because</th><th>pairs</th></tr></thead>"
    return (
        "<section><h2>Blocked, as proven</h2>"
        '<div class="scroll" tabindex="0" role="group" aria-label="Blocked">'
        f'<table class="list">{head}<tbody>{"".join(rows)}</tbody></table></div></section>'
    )


def _square(cells: Sequence[Cell]) -> str:
    if not cells:
        return '<td class="none"></td>'
    worst = max((cell.kind for cell in cells), key=KINDS.index)
    times = [cell.measured.ms for cell in cells if cell.measured.ms is not None]
    small = f"<small>{min(times):.1f}</small>" if times else ""
    tip = "\n".join(_sentence(cell) for cell in cells)
    return f'<td class="{worst}" title="{escape(tip)}">{MARKS[worst]}{small}</td>'


def _sentence(cell: Cell) -> str:
    way = arrow(cell.measured.path or cell.predicted.path)
    if cell.problems:
        return f"IPv{cell.key.family}: {'; '.join(cell.problems)}"
    if not cell.predicted.reachable:
        return f"IPv{cell.key.family}: {cell.predicted.reason}"
    return f"IPv{cell.key.family}: {way}"


def _checks(checks: Iterable[Check]) -> str:
    rows = []
    for check in checks:
        mark = "✓" if check.passed else "✗"
        kind = "direct" if check.passed else "wrong"
        took = "" if check.seconds is None else f"{check.seconds:.1f} s"
        detail = "" if check.passed else f"<br><em>{escape(check.detail)}</em>"
        rows.append(
            f'<tr><td class="{kind}">{mark}</td><td>{escape(check.group)}</td>'
            f"<td>{escape(check.name)}{detail}</td><td>{took}</td></tr>"
        )
    if not rows:
        return ""
    return f'<section><h2>Checks</h2><table class="list">{"".join(rows)}</table></section>'


def _pairs(cells: Sequence[Cell]) -> str:
    rows = []
    for cell in cells:
        key, seen = cell.key, cell.measured
        tcp = {True: "✓", False: "✗", None: ""}[seen.tcp]
        full = {True: f"✓ {seen.mtu}", False: f"✗ {seen.mtu}", None: ""}[seen.mtu_ok]
        time = "" if seen.ms is None else f"{seen.ms:.1f}"
        rate = "" if seen.mbit is None else f"{seen.mbit:.0f}"
        way = arrow(cell.predicted.path) if cell.predicted.reachable else cell.predicted.reason
        found = arrow(seen.path) if seen.path else ("" if seen.reachable else "nothing came back")
        rows.append(
            f'<tr class="{cell.kind}-row"><td>{escape(key.source)}</td>'
            f"<td>{escape(key.target)}</td><td>{key.family}</td><td>{escape(way)}</td>"
            f"<td>{escape(found)}</td><td>{time}</td><td>{tcp}</td><td>{full}</td>"
            f"<td>{rate}</td></tr>"
        )
    head = "".join(
        f"<th>{word}</th>"
        for word in ("from", "to", "IP", "proven", "measured", "ms", "TCP", "full size", "Mbit/s")
    )
    return (
        "<details><summary>All pairs, one by one</summary>"
        '<div class="scroll" tabindex="0" role="group" aria-label="List"><table class="list">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></details>"
    )


def _nodes(report: LabReport) -> str:
    rows = [
        f"<tr><td>{escape(name)}</td><td>{escape(engine)}</td></tr>"
        for name, engine in report.engines.items()
    ]
    rows += [
        f"<tr><td>{escape(name)}</td><td><em>not in the lab: {escape(why)}</em></td></tr>"
        for name, why in report.absent.items()
    ]
    notes = "".join(f"<p>{escape(remark)}</p>" for remark in report.remarks)
    return (
        f"<details><summary>Nodes and engines</summary>{notes}"
        f'<table class="list">{"".join(rows)}</table></details>'
        f"<footer>{escape(report.file)}</footer>"
    )


# Colours by meaning, each readable on both grounds (contrast 4.5:1 and more).
STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d9dee4;--card:#f5f7f9;
--direct:#116329;--relayed:#0a5488;--blocked:#7d4e00;--wrong:#b3261e;--directbg:#dff3e4;
--relayedbg:#dcecf8;--blockedbg:#fbeed2;--wrongbg:#fbdedb}
@media(prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--soft:#9aa5b1;--line:#323a43;
--card:#1d2228;--direct:#6fdc8c;--relayed:#7cc4f5;--blocked:#f0c36a;--wrong:#ff9a92;
--directbg:#15301d;--relayedbg:#122b3d;--blockedbg:#352a10;--wrongbg:#411c1a}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif}header{padding:2rem 1.5rem 1.5rem;border-bottom:6px solid}
header.good{border-color:var(--direct)}header.bad{border-color:var(--wrong)}
h1{margin:0;font-size:1.9rem}header p{margin:.2rem 0 0;font-size:1.15rem}
.good p{color:var(--direct)}.bad p{color:var(--wrong)}main{padding:0 1.5rem 3rem;max-width:76rem}
h2{font-size:1.2rem;margin:2rem 0 .5rem}.tiles{display:flex;flex-wrap:wrap;gap:.75rem;padding:0;
list-style:none;margin:1.5rem 0}.tiles li{background:var(--card);border-radius:.6rem;
padding:.6rem 1rem;min-width:7rem}.tiles b{display:block;font-size:1.5rem}
.tiles span{color:var(--soft);font-size:.9rem}.failures{color:var(--wrong)}
.failures summary{font-weight:400}.failures details{margin:0}.tall{max-height:60vh;overflow:auto}
.legend{color:var(--soft);font-size:.9rem}.scroll{overflow:auto;max-height:80vh}
table{border-collapse:collapse}.matrix td{width:3.2rem;min-width:3.2rem;height:2.6rem;
text-align:center;border:2px solid var(--bg);border-radius:.4rem;line-height:1.1}
.matrix small{display:block;font-size:.7rem;opacity:.85}
.matrix th{font-weight:500;font-size:.85rem;color:var(--soft);padding:.2rem .4rem;text-align:right;
white-space:nowrap}
.matrix thead th{vertical-align:bottom}.matrix thead :is(th,td){position:sticky;top:0;z-index:1;
background:var(--bg)}
.matrix tbody th{position:sticky;left:0;background:var(--bg)}
.matrix thead span{writing-mode:vertical-rl;
transform:rotate(180deg);white-space:nowrap}
.direct{color:var(--direct)}.relayed{color:var(--relayed)}.blocked{color:var(--blocked)}
.wrong,.broken{color:var(--wrong)}td.direct{background:var(--directbg)}td.relayed{background:var(--relayedbg)}
td.blocked{background:var(--blockedbg)}td:is(.wrong,.broken){background:var(--wrongbg);
font-weight:700}
.list td,.list th{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid var(--line);
vertical-align:top;font-size:.9rem}.list td.direct,.list td.wrong{background:none}
pre{background:var(--card);border-radius:.6rem;padding:.8rem 1rem;overflow-x:auto;font-size:.9rem}
.wrong-row td{color:var(--wrong)}details{margin-top:1.5rem}summary{cursor:pointer;font-weight:600}
footer{margin-top:2rem;color:var(--soft);font-size:.85rem}
"""
