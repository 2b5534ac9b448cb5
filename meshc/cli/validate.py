"""`meshc validate`: diagnostics only, no keys, no files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from meshc.cli.topology_argument import find_topology
from meshc.cli.views.colour import coloured
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.render.report import Report

EXAMPLE = """\b
Examples:
  meshc validate mesh.yaml
  meshc validate --format sarif networks/*.yaml > meshc.sarif
  meshc validate --explain E110

Exit code: 0 no errors, 1 errors (or warnings with --strict), 2 input that cannot be read.
"""
FORMATS = ("text", "json", "sarif", "junit", "github")
_COLOURS = {"error": "red", "warning": "yellow", "info": "blue", "hint": "cyan", "ok": "green"}


@click.command(epilog=EXAMPLE)
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="How findings are written to standard output.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "--proof/--no-proof",
    default=None,
    help="Prove the network too; by default when it takes less than a moment.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--explain", metavar="CODE", help="Say what a code means and how to mend it.")
@click.pass_context
def validate(
    context: click.Context,
    files: tuple[str, ...],
    form: str,
    proof: bool | None,
    strict: bool,
    explain: str | None,
) -> None:
    """Check topology files: language, graph, addresses and the proof of what would be built.

    Nothing is written and no key is made. FILE may be `-` for standard input.
    """
    if explain is not None:
        say(explanation(explain))
        return
    found = None if files else find_topology()
    if found is not None:
        files = (str(found),)
    if not files:
        raise click.UsageError(
            "there is no mesh.yaml here or above: name a FILE, or `-` for standard input", context
        )
    from meshc.build.check import check_file
    from meshc.render.report import Report, render

    checked = [check_file(file, proof=proof) for file in dict.fromkeys(files)]
    report = Report(
        files=tuple(result.file for result in checked),
        findings=tuple(found for result in checked for found in result.findings),
        strict=strict,
        cases=tuple(case for result in checked for case in result.cases),
    )
    if form == "text":
        say(_text(report), nl=False)
    else:
        click.echo(render(report, form), nl=False)
    if form == "text" and proof is None:
        for result in checked:
            if result.spec is not None and not result.proven and not report.failed:
                say(f"{result.file}: large, so not proven; `meshc verify` does", err=True)
    if any(result.unusable for result in checked):
        sys.exit(2)
    sys.exit(1 if report.failed else 0)


def explanation(word: str) -> str:
    """The text of one code. Raises: click.BadParameter for an unknown one."""
    from meshc.diagnostics import CODES
    from meshc.topology.language.wording import suggest

    folded = word.strip().upper()
    for code in CODES.values():
        if folded in (code.id, code.id[1:]):
            text = click.wrap_text(code.explanation, 90)
            return f"{code.id} {code.title} ({code.severity.value})\n\n{text}"
    hint = suggest(folded, CODES)
    raise click.BadParameter(f"there is no code {word!r}. {hint}".rstrip(), param_hint="--explain")


def paint(kind: str, text: str) -> str:
    """Colour where standard output shows it."""
    if not coloured(sys.stdout) or not text:
        return text
    if kind in ("place", "dim"):
        return click.style(text, bold=kind == "place", dim=kind == "dim")
    return click.style(text, fg=_COLOURS.get(kind))


def _text(report: Report) -> str:
    from meshc.render.report.text import render

    return render(report, paint)
