"""`meshc init`: a commented file to start from."""

from __future__ import annotations

import secrets
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING

import click

from meshc.cli.json_option import json_option, tell
from meshc.cli.views.page import say

if TYPE_CHECKING:
    from meshc.render.starter import Answers

TEMPLATES = ("relay", "exit", "lans", "mesh", "site")
EXAMPLE = """\b
Examples:
  meshc init
  meshc init office.yaml --template lans --name office --endpoint vpn.office.net
  meshc init --list
"""


@click.command(epilog=EXAMPLE)
@click.argument("file", default="mesh.yaml", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--template", type=click.Choice(TEMPLATES), help="What the network is like.")
@click.option("--name", help="The name of the network.")
@click.option("--endpoint", help="The host under which the public node is reached.")
@click.option("--list", "show", is_flag=True, help="List the templates and stop.")
@json_option
def init(
    file: Path,
    template: str | None,
    name: str | None,
    endpoint: str | None,
    show: bool,
    as_json: bool,
) -> None:
    """Write a commented starter file (default mesh.yaml); an existing file is never touched.

    On a terminal a few questions are asked, else (and with --json) the options and their defaults
    are used.
    """
    from meshc.render.starter import TEMPLATES as known
    from meshc.render.starter import starter

    if show and as_json:
        tell({"templates": [{"name": name, "about": about} for name, (about, _) in known.items()]})
        return
    if show:
        click.echo(_listed())
        return
    if file.exists() or file.is_symlink():
        raise click.ClickException(f"{file} exists and is left alone; choose another name")
    template, answers = _answers(file, template, name, endpoint, asking=_terminal() and not as_json)
    text = starter(template, answers)
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    if as_json:
        tell({"file": str(file), "template": template})
        return
    say(f"{file} is written. Change it as you like, then: meshc build {file}")


def _answers(
    file: Path,
    template: str | None,
    name: str | None,
    endpoint: str | None,
    *,
    asking: bool,
) -> tuple[str, Answers]:
    from meshc.render.starter import Answers

    default = Answers(file=file.name)
    if asking and template is None:
        click.echo(_listed())
        template = click.prompt("Template", type=click.Choice(TEMPLATES), default="relay")
    if asking and name is None:
        name = click.prompt("Name of the network", default=default.name, value_proc=_name)
    if asking and endpoint is None:
        question = "Public host name or address of the server"
        endpoint = click.prompt(question, default=default.endpoint, value_proc=_endpoint)
    return template or "relay", Answers(
        file=file.name,
        name=_name(name or default.name),
        ipv6=_unique_local(),
        endpoint=_endpoint(endpoint or default.endpoint),
    )


def _listed() -> str:
    """What the words mean that may be answered."""
    from meshc.render.starter import TEMPLATES as known

    return "\n".join(f"{word:8} {about}" for word, (about, _) in known.items())


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _unique_local() -> str:
    """A prefix with 40 random bits, so that networks can be joined later (RFC 4193 3.2.1)."""
    bits = secrets.token_hex(5)
    return str(ip_network(f"fd{bits[:2]}:{bits[2:6]}:{bits[6:]}::/64"))


def _name(word: str) -> str:
    """Raises: click.BadParameter, upon which click asks again."""
    from meshc.topology.language.schema.scalars import NAME_HINT, name_fault

    fault = name_fault(word)
    if fault:
        raise click.BadParameter(f"this cannot be a name: {fault}; {NAME_HINT}")
    return word


def _endpoint(word: str) -> str:
    from meshc.topology.language.schema.scalars import Mistake, endpoint

    try:
        endpoint(word)
    except Mistake as mistake:
        raise click.BadParameter(mistake.message) from mistake
    return word.strip()
