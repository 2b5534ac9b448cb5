"""`meshc policy`: who may reach what, and what a change opens and closes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.failure import reported
from meshc.cli.topology_argument import TopologyCommand
from meshc.render.report.json import envelope

if TYPE_CHECKING:
    from meshc.topology.language.spec import Spec

EPILOG = """\b
Examples:
  meshc policy mesh.yaml
  meshc policy mesh.yaml -o policies.html
  git show main:mesh.yaml | meshc policy mesh.yaml --against - --markdown

Exit code: 0; with --check, 1 when the change opens anything; 2 nothing to look at.
"""


@click.command(cls=TopologyCommand, epilog=EPILOG)
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
@click.option("--against", metavar="OLD", help="Say what FILE opens and closes; - reads stdin.")
@click.option("--markdown", is_flag=True, help="For a comment on a pull request.")
@click.option("--check", is_flag=True, help="With --against: exit 1 when something is opened.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write an HTML page here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@reported
def policy(
    file: Path,
    against: str | None,
    markdown: bool,
    check: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Say who may reach what by the rules of FILE, groups by their names, and which rules no line
    of `tests:` is about.

    No key is needed and nothing but OUTPUT is written. Without `policies:` everybody reaches
    everybody.
    """
    from meshc.cli.views.policy_view import change_data, change_text, reach_data, reach_text
    from meshc.topology.obligations.reach import all_groups, folded, reach, reach_change
    from meshc.topology.obligations.untested_rules import untested_rules

    if output is not None and against is not None:
        raise click.UsageError("-o shows who reaches what now; it goes without --against")
    spec = _load(str(file))
    if output is not None:
        return _write_page(spec, output, as_json=as_json)
    if against is None:
        lines, bare = folded(reach(spec), all_groups(spec)), untested_rules(spec)
        text = reach_text(spec, lines, markdown, bare)
        click.echo(envelope(reach_data(lines, bare)) if as_json else text)
        return
    change = reach_change(_load(against), spec)
    click.echo(envelope(change_data(change)) if as_json else change_text(change, markdown))
    sys.exit(1 if check and change.opens else 0)


def _write_page(spec: Spec, output: Path, *, as_json: bool) -> None:
    from meshc.errors import StateError
    from meshc.render.policy_page import policy_page
    from meshc.topology.obligations.reach_table import reach_table
    from meshc.topology.obligations.untested_rules import untested_rules

    table = reach_table(spec)
    try:
        output.write_text(policy_page(spec, table, untested_rules(spec)), encoding="utf-8")
    except OSError as error:
        raise StateError(f"{output} cannot be written: {error.strerror}") from None
    if as_json:
        return click.echo(envelope({"file": str(output), "classes": len(table.classes)}))
    click.echo(f"{output}: who may reach what (open it in a browser)", err=True)


def _load(name: str) -> Spec:
    """Raises: Refused, StateError."""
    from meshc.diagnostics import Diagnostics
    from meshc.errors import StateError
    from meshc.topology.language.load import load_spec

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise StateError(f"{name} cannot be read: {error.strerror}") from None
    found = Diagnostics()
    spec = load_spec(data, file=name, diagnostics=found)
    found.barrier()
    assert spec is not None, "a file without errors has a meaning"
    return spec
