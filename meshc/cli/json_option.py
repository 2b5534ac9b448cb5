"""The `--json` of a command that has no other format: one object on stdout, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import click

from meshc.diagnostics import Diagnostic

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def tell(data: Mapping[str, Any], findings: Iterable[Diagnostic] = ()) -> None:
    """The envelope that every command has."""
    from meshc.render.report.json import envelope

    click.echo(envelope(data, findings))
