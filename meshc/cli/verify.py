"""`meshc verify`: the proof of the emitted files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.render.report import Case
    from meshc.topology.proof import Expectation, Proof

FORMATS = ("text", "json", "sarif", "junit", "github")
EPILOG = """\b
Examples:
  meshc verify mesh.yaml
  meshc verify mesh.yaml --format junit > proof.xml

Exit code: 0 the proof holds, 1 it does not (or warnings with --strict), 2 nothing to prove.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("--build", type=click.Path(path_type=Path), help="Default: `build` beside FILE.")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How findings are written to standard output.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--matrix/--no-matrix", default=None, help="Who reaches whom; default up to 20.")
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@reported
def verify(file: Path, build: Path | None, form: str, matrix: bool | None, strict: bool) -> None:
    """Prove that the files built from FILE deliver every packet.

    Walks the emitted files with WireGuard's and Linux's rules for every ordered pair of nodes, in
    both families: routes, AllowedIPs both ways, keys, endpoints behind NATs, keepalives,
    forwarding rules, MTU, exits, LANs. Also evaluates `tests:` and says what dies with a relay.
    """
    from meshc.build.verification import open_verification
    from meshc.errors import Refused
    from meshc.render.report import Report, render

    try:
        built = open_verification(file, build=build)
    except Refused as refused:
        report = Report((str(file),), refused.diagnostics, strict)
        if form == "text":
            say(_findings(report), nl=False)
        else:
            click.echo(render(report, form), nl=False)
        sys.exit(2)
    proof = built.prove()
    report = Report(
        files=_files(str(file), proof),
        findings=proof.findings,
        strict=strict,
        cases=() if form == "text" else cases(built.expectation, proof, str(file)),
    )
    if form == "text":
        from meshc.cli.views.proof_view import print_proof

        print_proof(proof, matrix=matrix)
        say(_findings(report), nl=False)
    else:
        click.echo(render(report, form), nl=False)
    sys.exit(1 if report.failed else 0)


def cases(expectation: Expectation, proof: Proof, file: str) -> tuple[Case, ...]:
    """A named case for the pairs of each family, and one for each entry of `tests:`; those that
    fail are findings already."""
    from meshc.render.report import Case

    result = []
    for family, matrix in proof.matrices.items():
        counts = matrix.pair_counts
        if counts.lost or counts.unjudged:
            continue
        name = f"all {counts.delivered:,} ordered pairs arrive over IPv{family}"
        apart = f", {counts.apart:,} are declared apart" if counts.apart else ""
        result.append(Case(name + apart, file))
    broken = {found.location for found in proof.findings if found.code == "E419"}
    for claim in expectation.obligations.claims:
        test = claim.test
        if test.location not in broken:
            via = f" via {', '.join(test.via)}" if test.via else ""
            name = f"{', '.join(test.sources)} → {', '.join(test.targets)}: {test.expect.value}"
            result.append(Case(name + via, file))
    return tuple(result)


def _files(file: str, proof: Proof) -> tuple[str, ...]:
    """The topology, and every emitted file that has a finding."""
    placed = [found.location.file for found in proof.findings if found.location]
    return tuple(dict.fromkeys((file, *sorted(placed))))


def _findings(report: object) -> str:
    from meshc.cli.validate import paint
    from meshc.render.report import Report
    from meshc.render.report.text import format_findings

    assert isinstance(report, Report), "made above"
    return format_findings(report.findings, paint)
