"""What `plan` and `deploy` share: which nodes are meant, and how they are asked."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from meshc.cli.completion import complete_nodes
from meshc.cli.identity_option import identity_option

if TYPE_CHECKING:
    from meshc.build.pipeline import BuildComparison
    from meshc.deploy.connect.dial import Dialer
    from meshc.deploy.plan.survey import Surveyed, Tell
    from meshc.deploy.plan.target import Target

Command = Callable[..., Any]
T = TypeVar("T")


def deploy_options(command: Command) -> Command:
    """FILE, the nodes (or groups, or sites of them), and the way to them."""
    path = click.Path(path_type=Path, dir_okay=False)
    for decorate in reversed(
        (
            click.argument("file", metavar="[FILE]", type=path),
            click.argument("nodes", metavar="[NODE]...", nargs=-1, shell_complete=complete_nodes),
            click.option(
                "--except",
                "left_out",
                multiple=True,
                metavar="NODE",
                help="Leave out a node, a group or a site; may be given again.",
            ),
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
                "--one-password",
                is_flag=True,
                help="The nodes that want a password for sudo share it: ask once.",
            ),
            click.option(
                "--parallel",
                type=click.IntRange(1, 100),
                default=8,
                show_default=True,
                help="So many nodes at once.",
            ),
            identity_option,
            click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        )
    ):
        command = decorate(command)
    return command


def chosen(
    file: Path,
    build: Path | None,
    nodes: tuple[str, ...],
    dialer: Dialer,
    *,
    left_out: tuple[str, ...],
    everything: bool,
    undo_newer: bool = False,
) -> tuple[list[Target], BuildComparison]:
    """The targets, and the build that they are of. Raises: UsageError, Refused, StateError."""
    local = dialer.local
    if everything and (nodes or local):
        raise click.UsageError("--all goes without NODE and --local")
    if local and len(nodes) != 1:
        raise click.UsageError("--local needs exactly one NODE: which of them is this machine?")
    from meshc.build.pipeline import compare_file
    from meshc.deploy.plan.target import targets

    result = compare_file(file, out=build)
    found = targets(
        result,
        nodes,
        left_out=left_out,
        local=local,
        undo_newer=undo_newer,
        hosts=dialer.hosts,
    )
    return found, result


def ask(
    targets: list[Target], dialer: Dialer, tell: Tell, parallel: int, *, resume: bool = False
) -> list[Surveyed]:
    """The facts of all nodes. Those whose sudo wants a password are asked again with one, where
    there is a terminal to type it on; with `resume`, those where an earlier deploy is under way
    are asked again when it is over."""
    from meshc.deploy.plan.survey import survey, with_cuts

    found = asyncio.run(survey(targets, dialer, tell, parallel=parallel, resume=resume))
    wanting = [one.target for one in found if one.wants_password]
    if not wanting or not sys.stdin.isatty():
        return found
    for target in wanting:
        prompt_password(dialer, target.name)
    asked = asyncio.run(survey(wanting, dialer, tell, parallel=parallel, resume=resume))
    again = {one.target.name: one for one in asked}
    return with_cuts([again.get(one.target.name, one) for one in found])


def with_password(dialer: Dialer, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns. It is begun again when a node wants a password for sudo, and there is a
    terminal to ask for it: once for each node. Raises: PasswordNeededError."""
    from meshc.deploy.connect.node_session import PasswordNeededError

    while True:
        try:
            return asyncio.run(work())
        except PasswordNeededError as error:
            if error.wrong or error.node in dialer.passwords or not sys.stdin.isatty():
                raise
            prompt_password(dialer, error.node)


def prompt_password(dialer: Dialer, node: str) -> None:
    """Asks for the password for sudo on a node. It goes to this node only, unless the operator
    says that the nodes which want one share it."""
    from meshc.secret import SecretText

    if dialer.one_password and dialer.passwords:
        dialer.passwords[node] = next(iter(dialer.passwords.values()))
        return
    where = "the nodes that want one" if dialer.one_password else node
    typed = click.prompt(f"password for sudo on {where}", hide_input=True, err=True)
    dialer.passwords[node] = SecretText(typed)
