"""Commands that ask nodes reach them as ssh does, or as these options say."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from meshc.cli.ssh_options import ssh_options


def test_both_files_are_told_to_the_command() -> None:
    @click.command()
    @ssh_options
    def ask(ssh_config: Path | None, known_hosts: Path | None) -> None:
        click.echo(f"{ssh_config} {known_hosts}")

    told = CliRunner().invoke(ask, ["--ssh-config", "a", "--known-hosts", "b"])
    assert told.output == "a b\n"
    assert CliRunner().invoke(ask, []).output == "None None\n"
