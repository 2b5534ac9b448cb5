"""`meshc keys`: list, generate, rotate, revoke and import; `keys_sealing.py` has the rest."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meshc.cli import keys_sealing
from meshc.cli.completion import complete_nodes
from meshc.cli.duration import DAY, Duration
from meshc.cli.failure import reported
from meshc.cli.identity_option import identity_option
from meshc.cli.keys_live import LiveOptions, live_options, rotate_live
from meshc.cli.topology_argument import TopologyCommand
from meshc.cli.views.page import Column, say, standard_page
from meshc.render.report.json import envelope

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from meshc.keystore.rotation import KeyChanges, KeyInfo, Revocation, Rotation

_FILE = click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(epilog="Example: meshc keys rotate mesh.yaml laptop && meshc build mesh.yaml")
def keys() -> None:
    """List, make, rotate, revoke, import and encrypt keys.

    Keys lie in keys/ beside FILE. None of these commands writes configurations: run meshc build
    afterwards, it says which nodes need their new file.
    """


@keys.command("list", cls=TopologyCommand)
@_FILE
@identity_option
@_JSON
@reported
def list_(file: Path, as_json: bool) -> None:
    """Show every node's public key and where the private one is kept.

    Keys that were removed, revoked or replaced are named until every node that had them was
    reached; `meshc plan` asks the nodes.
    """
    with _changes(file) as changes:
        found = changes.show()
    from meshc.cli.views.deploy_view import live_rows, print_live_keys
    from meshc.deploy.live_keys import not_known_gone

    live = not_known_gone(file, {info.node: info.public_key or "" for info in found})
    if as_json:
        data = [_as_dict(info) for info in found]
        click.echo(envelope({"keys": data, "live_keys": live_rows(live)}))
        return
    rows = []
    for info in found:
        since = time.strftime("%Y-%m-%d", time.localtime(info.created)) if info.created else ""
        rows.append((info.node, info.public_key or "–", info.where, since, info.problem))
    # keys are copied from here
    key, day = Column("public key", whole=True), Column("since", whole=True)
    columns = (Column("node"), key, Column("private key", fold=True), day, Column(""))
    standard_page().table(columns, rows)
    print_live_keys(live)


for _command in (keys_sealing.encrypt, keys_sealing.decrypt, keys_sealing.recipients):
    keys.add_command(_command)


@keys.command(cls=TopologyCommand, epilog="Example: meshc keys generate mesh.yaml")
@_FILE
@_JSON
@reported
def generate(file: Path, as_json: bool) -> None:
    """Make the keys of nodes that have none yet.

    A build does it as well; this needs no identity where keys are encrypted, so that somebody who
    cannot read the others adds a node.
    """
    with _changes(file) as changes:
        done = changes.generate()
    if as_json:
        rows = [{"node": made.node, "public_key": made.after} for made in done]
        click.echo(envelope({"generated": rows}))
        return
    for made in done:
        click.echo(f"{made.node}: {made.after}")
    if not done:
        click.echo("Every node has its key.")


@keys.command(cls=TopologyCommand, epilog="Example: meshc keys rotate mesh.yaml laptop phone")
@_FILE
@click.argument("nodes", nargs=-1, shell_complete=complete_nodes)
@click.option("--psk", is_flag=True, help="New pre-shared keys for every link instead.")
@click.option(
    "--every",
    type=Duration(DAY, 3650 * DAY),
    metavar="TIME",
    help="Change nothing; say whose key is older than 90d, say. Exit code 3: somebody's is.",
)
@click.option(
    "--live",
    is_flag=True,
    help="Build and deploy it too, one node after the other, while the network runs; without "
    "nodes, go on with what was interrupted.",
)
@click.option("--all", "everybody", is_flag=True, help="With --live: every node that is deployed.")
@live_options
@identity_option
@_JSON
@reported
def rotate(
    file: Path,
    nodes: tuple[str, ...],
    psk: bool,
    every: int | None,
    live: bool,
    everybody: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Give nodes a new key. The old one is kept aside in keys/retired/."""
    if live:
        if every is not None or as_json or ((psk or everybody) and nodes) or (psk and everybody):
            raise click.UsageError("--live takes nodes, or --all, or --psk; and no other option")
        rotate_live(file, nodes, LiveOptions(**options), everybody=everybody, psk=psk)
        return
    if everybody:
        raise click.UsageError("--all goes with --live")
    if every is not None:
        if nodes or psk:
            raise click.UsageError("--every only says who is due; it takes no nodes, and no --psk")
        from meshc.cli.keys_due import say_due

        with _changes(file) as changes:
            say_due(changes.show(), every, as_json=as_json)
        return
    if psk:
        if nodes:
            raise click.UsageError("--psk changes every link; it takes no nodes")
        with _changes(file) as changes:
            epoch = changes.rotate_preshared()
        if as_json:
            click.echo(envelope({"epoch": epoch}))
        else:
            say(f"Every link gets a new pre-shared key with the next build (epoch {epoch}).")
            _next(file)
        return
    if not nodes:
        raise click.UsageError("name the nodes that get a new key, or use --psk")
    with _changes(file) as changes:
        done = changes.rotate(nodes)
    _show_rotated(done, file, as_json=as_json)


@keys.command(cls=TopologyCommand, epilog="Example: meshc keys revoke mesh.yaml stolen-phone")
@_FILE
@click.argument("node")
@click.option("--yes", is_flag=True, help="Do not ask.")
@identity_option
@_JSON
@reported
def revoke(file: Path, node: str, yes: bool, as_json: bool) -> None:
    """Take a node's key out of the network for good.

    The private key is deleted here, and no build ever mentions its public key again. It says what
    it would do and asks first.
    """
    with _changes(file) as changes:
        if not yes:
            _confirm(changes.would_revoke(node))
        done = changes.revoke(node)
    if as_json:
        row = {
            "node": done.node,
            "revoked": list(done.keys),
            "deleted": [str(path) for path in done.deleted],
        }
        click.echo(envelope(row))
        return
    for key in done.keys:
        say(f"{node}: {key} is revoked")
    for path in done.deleted:
        say(f"  deleted {path}")
    if done.again:
        say(f"{node} is still in {file}: it gets a new key with the next build.")
    say("The old key works until the peers of the node have their new files.")
    _next(file)


@keys.command(
    "import",
    cls=TopologyCommand,
    epilog="Example: pass show wg/laptop | meshc keys import mesh.yaml laptop -",
)
@_FILE
@click.argument("words", nargs=-1, metavar="[NODE] [KEY]")
@click.option("--public", is_flag=True, help="KEY is the public key of a node that keeps its own.")
@click.option("--psk", nargs=2, metavar="A B", help="KEY is the pre-shared key of A and B.")
@click.option("--replace", is_flag=True, help="Move another key that is there to keys/retired/.")
@identity_option
@_JSON
@reported
def import_(
    file: Path,
    words: tuple[str, ...],
    public: bool,
    psk: tuple[str, str] | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Take a key from the file KEY or from standard input, never from the command line."""
    from meshc.keys import PresharedKey, PrivateKey, PublicKey

    if psk and (public or replace):
        raise click.UsageError("--psk goes with neither --public nor --replace")
    # --psk names its two nodes itself
    node, *rest = words if not psk and words else ("", *words)
    if len(rest) > 1 or (not psk and not node):
        raise click.UsageError("name one NODE, then the file KEY or nothing")
    with click.open_file(rest[0] if rest else "-") as key:
        text = key.read(4096).strip()
    if psk:
        preshared = PresharedKey.parse(text)
        with _changes(file) as changes:
            name = changes.import_preshared(*psk, preshared)
        if as_json:
            click.echo(envelope({"nodes": list(psk), "preshared_key": name}))
        else:
            say(f"{psk[0]} and {psk[1]}: {name}")
            _next(file)
        return
    if public:
        imported = PublicKey.parse(text)
        with _changes(file) as changes:
            changes.import_public(node, imported)
    else:
        private = PrivateKey.parse(text)
        with _changes(file) as changes:
            imported = changes.import_private(node, private, replace_old=replace)
    if as_json:
        click.echo(envelope({"node": node, "public_key": imported}))
    else:
        say(f"{node}: {imported}")
        _next(file)


def _show_rotated(done: list[Rotation], file: Path, *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "node": rotation.node,
                "before": rotation.before,
                "after": rotation.after,
                "retired": str(rotation.aside) if rotation.aside else None,
            }
            for rotation in done
        ]
        click.echo(envelope({"rotated": rows}))
        return
    for rotation in done:
        say(f"{rotation.node}: {rotation.before or 'no key'} → {rotation.after}")
        if rotation.aside is not None:
            say(f"  the old private key lies in {rotation.aside}")
    _next(file)


def _confirm(intent: Revocation) -> None:
    """Says what a revocation would do, and ends the command unless it is wanted."""
    from meshc.errors import StateError

    for key in intent.keys:
        say(f"{intent.node}: would revoke {key}, for good", err=True)
    for path in intent.deleted:
        say(f"  would delete {path}: there may be no other copy", err=True)
    if not _can_ask():
        raise StateError(
            f"the key of {intent.node} is not revoked: nobody can be asked here",
            hint="run it again with --yes",
        )
    click.confirm("Revoke?", abort=True, err=True)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _changes(file: Path) -> AbstractContextManager[KeyChanges]:
    from meshc.build.key_management import managed_keys

    return managed_keys(file)


def _next(file: Path) -> None:
    say(f"Next: meshc build {file}")


def _as_dict(info: KeyInfo) -> dict[str, object]:
    return {
        "node": info.node,
        "public_key": info.public_key,
        "private_key": info.where,
        "created": info.created,
        "problem": info.problem,
    }
