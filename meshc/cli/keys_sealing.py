"""`meshc keys encrypt`, `decrypt` and `recipients`: who can read a network's secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.failure import reported
from meshc.cli.identity_option import identity_option
from meshc.cli.json_option import json_option, tell
from meshc.cli.topology_argument import TopologyCommand

if TYPE_CHECKING:
    from meshc.keystore.resealing import Resealed

_FILE = click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path))
_FOR_OTHERS = click.option(
    "--for-others", is_flag=True, help="Also where none of your identities could read them then."
)


@click.command(
    cls=TopologyCommand,
    epilog="Example: meshc keys encrypt mesh.yaml --recipient age1… --identity ~/.age/me.txt",
)
@_FILE
@click.option("--recipient", "recipients", multiple=True, metavar="R", help="Who may read them.")
@_FOR_OTHERS
@identity_option
@json_option
@reported
def encrypt(file: Path, recipients: tuple[str, ...], for_others: bool, as_json: bool) -> None:
    """Encrypt every secret of keys/ to the recipients, so that it can be committed.

    Without --recipient, to those that FILE names; with it, FILE names these from then on. Run it
    again where it was cut short.
    """
    from meshc.build.key_sealing import encrypt as encrypted
    from meshc.build.key_sealing import key_settings

    wanted = tuple(dict.fromkeys(recipients)) or key_settings(file).recipients
    _tell(encrypted(file, wanted, for_others=for_others), wanted, as_json)


@click.command(cls=TopologyCommand, epilog="Example: meshc keys decrypt --identity me.txt")
@_FILE
@identity_option
@json_option
@reported
def decrypt(file: Path, as_json: bool) -> None:
    """Put every secret into keys/ in the clear, where git does not take it."""
    from meshc.build.key_sealing import decrypt as decrypted

    done = decrypted(file)
    if as_json:
        tell({"secrets": done.secrets, "removed": [str(p) for p in done.removed]})
        return
    click.echo(f"{done.secrets} secrets lie in keys/ in the clear; git ignores them from now on.")
    click.echo("Take the encrypted ones out of git: git rm -r --cached keys")


@click.group(epilog="Example: meshc keys recipients add age1…")
def recipients() -> None:
    """Say who can read the secrets, and change it."""


@recipients.command("list", cls=TopologyCommand)
@_FILE
@json_option
@reported
def list_(file: Path, as_json: bool) -> None:
    """Show who can read the secrets."""
    from meshc.build.key_sealing import key_settings

    settings = key_settings(file)
    if as_json:
        tell({"store": settings.store, "recipients": list(settings.recipients)})
        return
    for one in settings.recipients:
        click.echo(one)
    if settings.store != "age":
        click.echo(f"The store is {settings.store}: nothing is encrypted to anybody.", err=True)


@recipients.command(
    cls=TopologyCommand, epilog="Example: meshc keys recipients add mesh.yaml age1…"
)
@_FILE
@click.argument("recipient")
@identity_option
@json_option
@reported
def add(file: Path, recipient: str, as_json: bool) -> None:
    """Let RECIPIENT read them too: everything is encrypted again."""
    from meshc.build.key_sealing import encrypt as encrypted
    from meshc.build.key_sealing import key_settings

    wanted = tuple(dict.fromkeys((*key_settings(file).recipients, " ".join(recipient.split()))))
    _tell(encrypted(file, wanted), wanted, as_json)


@recipients.command(
    cls=TopologyCommand, epilog="Example: meshc keys recipients remove mesh.yaml age1…"
)
@_FILE
@click.argument("recipient")
@_FOR_OTHERS
@identity_option
@json_option
@reported
def remove(file: Path, recipient: str, for_others: bool, as_json: bool) -> None:
    """Encrypt everything again, without RECIPIENT."""
    from meshc.build.key_sealing import encrypt as encrypted
    from meshc.build.key_sealing import key_settings
    from meshc.errors import StateError

    known = key_settings(file).recipients
    gone = [one for one in known if " ".join(recipient.split()) in (one, one.split()[-1])]
    if not gone:
        raise StateError("that is no recipient here", hint="meshc keys recipients list")
    wanted = tuple(one for one in known if one not in gone)
    _tell(encrypted(file, wanted, for_others=for_others), wanted, as_json)
    if not as_json:
        click.echo(
            "What could be read so far may have been kept: rotate what matters, meshc keys rotate."
        )


def _tell(done: Resealed | None, recipients: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        removed = [str(path) for path in done.removed] if done else []
        data = {"secrets": done.secrets if done else 0, "recipients": list(recipients)}
        tell(data | {"removed": removed})
        return
    if done is None:
        click.echo("Nothing to do: keys/ is encrypted to these recipients already.")
        return
    click.echo(f"{done.secrets} secrets are encrypted to {len(recipients)} recipients.")
    if done.removed:
        click.echo(f"{len(done.removed)} files in the clear are gone.")
    click.echo("Next: commit keys/ with the file.")
