"""The option `--identity` of every command that reads a network's secrets."""

from __future__ import annotations

import click


def _remember(_context: click.Context, _option: click.Parameter, files: tuple[str, ...]) -> None:
    if files:
        from meshc.keystore.identities import also_from

        also_from(files)


identity_option = click.option(
    "--identity",
    metavar="FILE",
    multiple=True,
    expose_value=False,
    callback=_remember,
    help="Opens encrypted keys: a file of age-keygen, or an SSH key.",
)
