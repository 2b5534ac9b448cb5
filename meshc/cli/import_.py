"""`meshc import`: existing wg-quick files become a topology file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.failure import reported
from meshc.cli.json_option import json_option, tell
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.keystore.key_files import KeyFiles
    from meshc.topology.importer import Imported
    from meshc.wg.conf import Conf


@click.command(
    "import",
    epilog="Example: meshc import hub/wg0.conf laptop/wg0.conf -o mesh.yaml --keys",
)
@click.argument("confs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write here, not to stdout.")
@click.option("--name", default="imported", show_default=True, help="The network's name.")
@click.option(
    "--keys",
    is_flag=True,
    help="Also put the private and pre-shared keys into keys/ beside OUTPUT.",
)
@json_option
@reported
def import_(
    confs: tuple[Path, ...], output: Path | None, name: str, keys: bool, as_json: bool
) -> None:
    """Turn the wg-quick files CONF... into one YAML file, and lint them.

    Nodes are found by their keys; peers without a file become unmanaged ones. Exit code 1 when
    nothing could be made of the files.
    """
    from meshc.diagnostics import Diagnostics
    from meshc.keystore.key_files import KeyFiles
    from meshc.render.report.text import format_findings
    from meshc.topology.importer import document, infer

    if keys and output is None:
        raise click.UsageError("--keys needs -o: the keys lie beside the new file")
    if output is not None and output.exists():
        raise click.ClickException(f"{output} exists; nothing was written")
    parsed = [_read(path) for path in confs]
    diagnostics = Diagnostics()
    imported = infer(parsed, diagnostics)
    if len(diagnostics):
        say(format_findings(diagnostics), err=True, nl=False)
    if imported is None:
        if as_json:
            tell({}, diagnostics)
        sys.exit(1)
    result = document(imported, name=name)
    if as_json:
        data = {"nodes": sorted(imported.nodes), "files": len(parsed)}
        tell(data | ({"file": str(output)} if output else {"topology": result}), diagnostics)
    if output is None:
        click.echo(result, nl=False) if not as_json else None
        return
    output.write_text(result, encoding="utf-8")
    if keys:
        _keep(imported, KeyFiles(output.parent / "keys", name))
    elif imported.preshared:
        say(
            f"{len(imported.preshared)} pre-shared keys are named and not kept: with --keys they "
            "go into keys/ beside the file",
            err=True,
        )
    hidden = [n.name for n in imported.nodes.values() if n.conf and not n.endpoints.public]
    say(f"{output}: {len(imported.nodes)} nodes from {len(parsed)} files", err=True)
    if hidden:
        say(
            f"next: say which site and NAT these are behind: {', '.join(hidden)}; "
            f"then meshc build {output}",
            err=True,
        )


def _read(path: Path) -> Conf:
    """One file, in whatever encoding, with the names that its comments give to peers."""
    from meshc.topology.importer import with_comments
    from meshc.wg.conf import parse
    from meshc.wg.conf_text import decode_conf

    try:
        data = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    text = decode_conf(data, file=str(path), foreign=True)
    return with_comments(parse(text, file=str(path)), text)


def _keep(imported: Imported, store: KeyFiles) -> None:
    """Puts the keys of all files into the store."""
    own = {n.name: n.conf.private_key for n in imported.nodes.values() if n.conf}
    store.create({node: key for node, key in own.items() if key is not None})
    store.create_preshared(imported.preshared)
