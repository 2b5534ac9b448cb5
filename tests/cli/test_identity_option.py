"""`--identity` may be given more than once, and is there wherever secrets are read."""

from __future__ import annotations

import os

import click
import pytest
from click.testing import CliRunner

from meshc.cli import main
from meshc.cli.identity_option import identity_option
from meshc.keystore.identities import FILES


def test_files_are_remembered_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILES, "known")

    @click.command()
    @identity_option
    def command() -> None:
        click.echo(os.environ[FILES])

    said = CliRunner().invoke(command, ["--identity", "one", "--identity", "two"]).output
    assert said == os.pathsep.join(["one", "two", "known"]) + "\n"


@pytest.mark.parametrize(
    "command", ["build", "plan", "deploy", "doctor", "qr", "rename", "keys rotate"]
)
def test_whoever_reads_secrets_takes_one(command: str) -> None:
    assert "--identity" in CliRunner().invoke(main, [*command.split(), "--help"]).output
