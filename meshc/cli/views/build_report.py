"""What `meshc build` prints: the nodes, how they reach each other, what changed, what to do."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from meshc.cli.views.change_list import LONG, print_changes, some_names
from meshc.cli.views.colour import coloured
from meshc.cli.views.page import Column, Page, Piece, Styled, say, standard_page
from meshc.cli.views.path_matrix import print_path_matrix
from meshc.cli.views.policy_view import change_data, change_summary
from meshc.cli.views.proof_view import fates
from meshc.render.report.json import envelope
from meshc.render.report.text import format_findings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from meshc.build.pipeline import BuildResult
    from meshc.diagnostics import Diagnostic
    from meshc.errors import Refused
    from meshc.topology.obligations.reach import ReachChange
    from meshc.topology.planner.mesh_plan import NodePlan

Paths = Mapping[tuple[str, str], tuple[str, ...]]
_COLOURS = {"error": "red", "warning": "yellow", "info": "blue", "hint": "cyan"}


def print_report(result: BuildResult, *, everything: bool = False) -> None:
    """The whole report on standard output."""
    page = standard_page()
    _print_nodes(page, result, everything=everything)
    _print_paths(page, result, everything=everything)
    print_findings(result.findings, err=True)
    print_changes(page, result, everything=everything)
    print_reach(page, result.reach)
    _print_next(page, result)


def print_refusal(refused: Refused) -> None:
    """The findings of a refused build, and that nothing was written, on standard error."""
    print_findings(refused.diagnostics, err=True)
    click.echo("Nothing was written.", err=True)


def print_findings(findings: Iterable[Diagnostic], *, err: bool = False) -> None:
    """One block a finding, as `meshc validate` prints it."""

    def paint(kind: str, text: str) -> str:
        if kind in _COLOURS and coloured(sys.stderr if err else sys.stdout):
            return click.style(text, fg=_COLOURS[kind])
        return text

    say(format_findings(findings, paint), nl=False, err=err)


def report_as_json(result: BuildResult) -> str:
    """The same facts as one JSON object."""
    data = {
        "network": result.plan.spec.network.name,
        "out": str(result.out),
        "written": result.written,
        "nodes": [
            {
                "name": node.name,
                "platform": node.spec.platform.value,
                "managed": node.spec.managed,
                "role": node.spec.role.value,
                "public_key": node.public_key,
                "addresses": [address.address for address in node.addresses],
                "endpoints": [str(endpoint) for endpoint in node.spec.endpoints],
                "listen_port": node.listen_port,
                "mtu": node.mtu,
                "peers": [peer.name for peer in node.peers],
            }
            for node in result.plan.nodes.values()
        ],
        "pairs": {
            f"ipv{family}": {**counts._asdict(), "lost": counts.lost}
            for family, counts in result.verdict.pairs.items()
        },
        "files": [{**entry._asdict(), "mode": f"{entry.mode:04o}"} for entry in result.files],
        "changes": [
            {
                "node": change.node,
                "kind": change.kind.value,
                "action": change.action.value,
                "files": list(change.files),
                "peers_added": list(change.conf.peers_added),
                "peers_removed": list(change.conf.peers_removed),
                "peers_changed": list(change.conf.peers_changed),
                "peers_renamed": list(change.conf.peers_renamed),
                "settings": list(change.conf.settings),
                "routes": change.conf.routes,
                "routes_added": list(map(str, change.conf.routes_added)),
                "routes_removed": list(map(str, change.conf.routes_removed)),
            }
            for change in result.changes.nodes
        ],
        **change_data(result.reach),
        "new_keys": list(result.new_keys),
        "kept": list(result.kept),
    }
    return envelope(data, result.findings)


def refusal_as_json(refused: Refused) -> str:
    return envelope({}, refused.diagnostics)


def _print_nodes(page: Page, result: BuildResult, *, everything: bool) -> None:
    nodes = list(result.plan.nodes.values())
    columns = (
        Column("node"),
        Column("platform"),
        Column("address"),
        Column("endpoint", fold=True),
        Column("peers", "right"),
        Column("relay"),
    )
    relays = [node.name for node in nodes if node.spec.is_relay]
    links = sum(len(node.peers) for node in nodes) // 2
    name = Styled(result.plan.spec.network.name, "bold")
    page.line(name, f": {_count(len(nodes), 'node')}, {_count(links, 'link')}")
    page.line()
    page.table(columns, (_row(node, relays) for node in (nodes if everything else nodes[:LONG])))
    _print_more(page, len(nodes), everything=everything)
    page.line()


def _row(node: NodePlan, relays: list[str]) -> tuple[str, ...]:
    spec = node.spec
    if spec.is_relay:
        relay = "is one"
    else:
        near = {peer.name for peer in node.peers}
        chosen = [name for name in (*spec.via, *relays) if name in near]
        relay = max(chosen, key=lambda name: _width(node, name), default="–")
    return (
        node.name,
        spec.platform.value if spec.managed else "not managed",
        ", ".join(address.address for address in node.addresses),
        ", ".join(map(str, spec.endpoints)) or "–",
        str(len(node.peers)),
        relay,
    )


def _width(node: NodePlan, peer: str) -> int:
    """How many addresses a node sends to a peer."""
    for plan in node.peers:
        if plan.name == peer:
            return sum(prefix.last - prefix.value + 1 for prefix in plan.allowed_ips)
    return 0


def _print_more(page: Page, count: int, *, everything: bool) -> None:
    if count > LONG and not everything:
        page.line(f"… and {count - LONG:,} more (--all shows them)")


def _print_paths(page: Page, result: BuildResult, *, everything: bool) -> None:
    names = list(result.plan.nodes)
    paths = result.verdict.paths
    if paths is not None and len(names) > 1:
        relays = [name for name, node in result.plan.nodes.items() if node.spec.is_relay]
        letters = {name: chr(ord("A") + number % 26) for number, name in enumerate(relays)}
        apart = result.verdict.apart

        def cell(a: int, b: int) -> Piece:
            pair = (names[a], names[b])
            return Styled("–", "dim") if pair in apart else _cell(paths, *pair, letters)

        print_path_matrix(page, names, cell)
        key = "".join(f", {letter} through {name}" for name, letter in letters.items())
        key += ", – nothing may begin" if apart else ""
        page.line(Styled(f"● direct{key}", "dim"))
        page.line()
    elif everything and len(names) > 1:
        file = shlex.quote(str(result.workspace.file))
        page.line(f"who reaches whom: `meshc verify {file} --matrix`")
        page.line()
    for family, counts in result.verdict.pairs.items():
        page.line(f"IPv{family}: {_count(counts.all, 'pair')} walked", *fates(counts))


def _cell(paths: Paths, source: str, target: str, letters: dict[str, str]) -> Piece:
    """The worst of both families: lost, then through a relay, then direct."""
    if source == target:
        return ""
    # a node without a file and without addresses takes no part
    path = paths.get((source, target), ())
    if not path:
        return Styled("×", "red")
    if len(path) > 2:
        return Styled(letters.get(path[1], "?"), "yellow")
    return Styled("●", "green")


def print_reach(page: Page, change: ReachChange) -> None:
    """What policies let begin now and did not before, and the other way round."""
    for line in change_summary(change):
        page.line(line)


def _print_next(page: Page, result: BuildResult) -> None:
    if result.new_keys and result.written:
        page.line(f"{_count(len(result.new_keys), 'new key')} in keys/, kept out of git.")
    if result.keyless:
        names = some_names(result.keyless)
        page.line(f"Without a PrivateKey line, because the key is kept there: {names}.")
    if result.changes and result.written:
        file = shlex.quote(str(result.workspace.file))
        page.line(Styled("Next", "bold"))
        reached = any(node.spec.deploy.host for node in result.plan.nodes.values())
        commands = [
            (sys.platform == "linux", f"meshc lab test {file}", "try it on this machine"),
            (reached, f"meshc deploy {file}", "bring it to the nodes"),
            (True, f"meshc graph {file} -o mesh.html", "see it"),
        ]
        wide = max(len(command) for works, command, _ in commands if works)
        for works, command, why in commands:
            if works:
                page.line(f"  {command:{wide}}  ", Styled(why, "dim"))


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
