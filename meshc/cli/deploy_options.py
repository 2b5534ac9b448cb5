"""What `plan` and `deploy` share: which nodes are meant, and how they are asked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.plan.survey import Surveyed, Tell
    from meshc.deploy.plan.target import Target

Command = Callable[..., Any]
T = TypeVar("T")


def deploy_options(command: Command) -> Command:
    """FILE, the nodes, and the way to them."""
    path = click.Path(path_type=Path, dir_okay=False)
    for decorate in reversed(
        (
            click.argument("file", metavar="[FILE]", type=path),
            click.argument("nodes", metavar="[NODE]...", nargs=-1),
            click.option(
                "--all", "everything", is_flag=True, help="All nodes that have a deploy.host."
            ),
            click.option("--local", is_flag=True, help="NODE is this machine; no SSH."),
            click.option(
                "--build", type=click.Path(path_type=Path), help="Default: `build` beside FILE."
            ),
            click.option("--ssh-config", type=path, help="Default: ~/.ssh/config."),
            click.option("--known-hosts", type=path, help="Default: ~/.ssh/known_hosts."),
            click.option(
                "--parallel",
                type=click.IntRange(1, 100),
                default=8,
                show_default=True,
                help="So many nodes at once.",
            ),
            click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        )
    ):
        command = decorate(command)
    return command


def chosen(
    file: Path, build: Path | None, nodes: tuple[str, ...], *, everything: bool, local: bool
) -> list[Target]:
    """The targets. Raises: UsageError, Refused, StateError."""
    if everything and (nodes or local):
        raise click.UsageError("--all goes without NODE and --local")
    if local and len(nodes) != 1:
        raise click.UsageError("--local needs exactly one NODE: which of them is this machine?")
    from meshc.build.pipeline import compare_file
    from meshc.deploy.plan.target import targets

    return targets(compare_file(file, out=build), nodes, local=local)


def ask(targets: list[Target], dialer: Dialer, tell: Tell, parallel: int) -> list[Surveyed]:
    """The facts of all nodes. Raises: PasswordNeededError."""
    from meshc.deploy.plan.survey import survey

    return with_password(dialer, lambda: survey(targets, dialer, tell, parallel=parallel))


def with_password(dialer: Dialer, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns. It is begun again, once, when a node wants a password for sudo, and
    there is a terminal to ask for it. Raises: PasswordNeededError."""
    from meshc.deploy.connect.node_session import PasswordNeededError

    try:
        return asyncio.run(work())
    except PasswordNeededError as error:
        if error.wrong or dialer.password is not None or not sys.stdin.isatty():
            raise
    from meshc.secret import SecretText

    dialer.password = SecretText(click.prompt("password for sudo", hide_input=True, err=True))
    return asyncio.run(work())
